"""Placeholders: the texts of rules are compiled once and filled with values; pure.

Jinja2 reads them, in its sandbox; of what it reads only names and a few filters are taken, so that
filling cannot fail, loop or reach anything. What a customer wrote goes in as a value and is never
read as a template.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.core.filters import FILTERS, Filter, Kind, Value, escaped, kind_of
from gateway.core.messages import limits

Lookup = Callable[[str], Value]
Part = Callable[[Lookup], Any]  # a text, or a moment where a filter takes one

MAX_FILTERS = 8
MAX_PARTS = 100  # of one text, so that what comes out is bounded while it is made

ONLY_NAMES = "only names and filters may stand between {{ and }}"
NO_STATEMENTS = "{% and {# are not used in rules; a placeholder is {{ name }}"
NO_PARTS = "only vars and hours have names with dots, such as hours.shop.opens"
A_MOMENT = "is a moment; say how it is told, such as {{ %s | when }}"

OPENINGS = ("{{", "{%", "{#")
OPTIONAL = frozenset({"header", "footer", "caption", "description", "filename"})

PLACEHOLDER = re.compile(r"\{\{.*?\}\}", re.DOTALL)
FAMILIES = re.compile(r"vars\.\w+|hours\.\w+\.\w+")

ENVIRONMENT = ImmutableSandboxedEnvironment(keep_trailing_newline=True)


class PlaceholderError(Exception):
    """The text of a rule holds a placeholder that cannot be used; the message says why."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word is meant, or which there are."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, the names that it uses, and how long it may get."""

    names: frozenset[str]
    parts: tuple[str | Part, ...]
    most: int

    def render(self, values: Lookup) -> str:
        """Fill the placeholders; what goes beyond the limit is cut off."""
        filled = ""
        for part in self.parts:
            filled += part if isinstance(part, str) else part(values) or ""
            if len(filled) >= self.most:
                break
        return filled[: self.most]


@lru_cache(maxsize=4096)
def template(source: str, most: int = limits.TEXT) -> Template:
    """Compile a text with placeholders.

    Raises PlaceholderError for statements, comments, unknown filters and everything else that is
    not a name with filters.
    """
    parts = list(_parts(source))
    if len(parts) > MAX_PARTS:
        raise PlaceholderError(f"more than {MAX_PARTS} parts and placeholders in one text")
    names = frozenset(name for made in parts for name in made.names)
    return Template(names, tuple(made.part for made in parts), most)


class _Made(NamedTuple):
    """A part of a text, what it gives, and the names that it asks for."""

    part: Any
    kind: Kind = "text"
    names: frozenset[str] = frozenset()


def _parts(source: str) -> Iterator[_Made]:
    url = _Url()
    for node in _parsed(source):
        if isinstance(node, nodes.TemplateData):
            url.read(node.data)
            yield _Made(node.data)
            continue
        made = _made(node)
        if made.kind == "moment":
            (name,) = made.names
            raise PlaceholderError(f"'{name}' {A_MOMENT % name}")
        is_whole = isinstance(node, nodes.Filter) and node.name == "urlencode"
        yield made._replace(part=_escaping(made.part)) if url.is_open and not is_whole else made


def _parsed(source: str) -> list[nodes.Expr]:
    if "{%" in source or "{#" in source:
        raise PlaceholderError(NO_STATEMENTS)
    try:
        body = ENVIRONMENT.parse(source).body
    except TemplateSyntaxError as error:
        raise PlaceholderError(f"a placeholder cannot be read: {error.message}") from None
    except RecursionError:
        raise PlaceholderError(ONLY_NAMES) from None
    return [node for output in body if isinstance(output, nodes.Output) for node in output.nodes]


class _Url:
    """Whether the text that was read so far ends in a URL."""

    def __init__(self) -> None:
        self.is_open = False

    def read(self, text: str) -> None:
        *before, last = re.split(r"\s", text)
        self.is_open = "://" in last or (self.is_open and not before)


def _escaping(part: Part) -> Part:
    return lambda values: escaped(part(values) or "")


def _made(node: Any, depth: int = 0) -> _Made:
    match node:
        case nodes.Const(value=str(said)):
            return _Made(lambda _: said)
        case nodes.Name() | nodes.Getattr():
            name = _dotted(node)
            if "." in name and not FAMILIES.fullmatch(name):
                raise PlaceholderError(f"unknown placeholder '{name[:40]}'; {NO_PARTS}")
            return _Made(lambda values: values(name), kind_of(name), frozenset({name}))
        case nodes.Filter(node=nodes.Node() as inner) if depth < MAX_FILTERS:
            return _filtered(node, _made(inner, depth + 1), depth)
        case _:
            raise PlaceholderError(ONLY_NAMES)


def _dotted(node: Any) -> str:
    match node:
        case nodes.Name(name=str(name)):
            return name
        case nodes.Getattr(node=inner, attr=str(attr)):
            return f"{_dotted(inner)}.{attr}"
        case _:
            raise PlaceholderError(ONLY_NAMES)


def _filtered(node: nodes.Filter, inner: _Made, depth: int) -> _Made:
    found = _filter(node)
    if found.takes != inner.kind:
        raise PlaceholderError(_misplaced(node.name, found.takes, inner))
    given = [_argument(node.name, found, n, arg, depth) for n, arg in enumerate(node.args)]
    run, part, texts = found.run, inner.part, tuple(one.part for one in given)
    names = inner.names.union(*(one.names for one in given))
    if found.takes == "moment":
        return _Made(
            lambda of: run(part(of), of("now"), *(text(of) for text in texts)), names=names
        )
    return _Made(lambda of: run(str(part(of) or ""), *(text(of) for text in texts)), names=names)


def _filter(node: nodes.Filter) -> Filter:
    if node.name not in FILTERS:
        raise PlaceholderError(f"unknown filter '{node.name}'; {nearest(node.name, FILTERS)}")
    found = FILTERS[node.name]
    if len(node.args) > len(found.arguments) or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise PlaceholderError(f"filter '{node.name}' is given too much")
    return found


def _misplaced(name: str, takes: Kind, inner: _Made) -> str:
    if takes == "moment":
        return f"filter '{name}' takes a moment, such as now or hours.shop.opens"
    said = ", ".join(sorted(inner.names))
    return f"filter '{name}' takes a text; '{said}' {A_MOMENT % said}"


def _argument(name: str, found: Filter, position: int, node: Any, depth: int) -> _Made:
    if isinstance(node, nodes.Const):
        said = node.value
        if problem := found.arguments[position](said):
            raise PlaceholderError(f"filter '{name}' {problem}")
        return _Made(lambda _: said)
    made = _made(node, depth + 1)
    if made.kind != "text" or found.arguments[position]("") != "":
        raise PlaceholderError(f"filter '{name}' {found.arguments[position](None)}")
    return made


def literal(text: str) -> str:
    """Give what stays of a text where nothing stands for its placeholders."""
    return PLACEHOLDER.sub("", text) if _has_placeholders(text) else text


def names_in(text: str) -> frozenset[str]:
    """Name the placeholders of a text; raises PlaceholderError like `template`."""
    return template(text).names if _has_placeholders(text) else frozenset()


def _has_placeholders(text: str) -> bool:
    return any(opening in text for opening in OPENINGS)


def prepare(body: Any) -> Any:
    """Compile every text with placeholders inside a body of Meta's; raises PlaceholderError."""
    return _prepared(body, limits.of(body), "")


def _prepared(body: Any, most: Mapping[str, int], path: str) -> Any:
    match body:
        case str():
            limit = most.get(path, limits.TEXT)
            return template(body, limit) if _has_placeholders(body) else body
        case dict():
            return {
                key: _prepared(value, most, f"{path}.{key}" if path else key)
                for key, value in body.items()
            }
        case list() | tuple():
            return [_prepared(value, most, path) for value in body]
        case _:
            return body


class _Empty(Exception):  # noqa: N818
    """A text with placeholders came out empty, which Meta refuses."""


def fill(prepared: Any, values: Lookup) -> Any:
    """Build the body from what `prepare` gave, None where a text that it needs came out empty.

    A header, footer, caption, description or filename that came out empty is left out.
    """
    try:
        return _filled(prepared, values)
    except _Empty:
        return None


def _filled(prepared: Any, values: Lookup) -> Any:
    match prepared:
        case Template():
            text = prepared.render(values)
            if not text.strip():
                raise _Empty
            return text
        case dict() if OPTIONAL.isdisjoint(prepared):
            return {key: _filled(value, values) for key, value in prepared.items()}
        case dict():
            return dict(_items(prepared, values))
        case list():
            return [_filled(value, values) for value in prepared]
        case _:
            return prepared


def _items(prepared: dict[str, Any], values: Lookup) -> Iterator[tuple[str, Any]]:
    for key, value in prepared.items():
        try:
            yield key, _filled(value, values)
        except _Empty:
            if key not in OPTIONAL:
                raise
