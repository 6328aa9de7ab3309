"""Placeholders between `{{` and `}}`: names and filters, compiled to functions."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.core.messages import length_limits
from gateway.core.messages.filters import (
    ANSWERED,
    FILTERS,
    Kind,
    PlaceholderFilter,
    Value,
    escape_url_part,
    kind_of,
    parse_moment,
)
from gateway.core.text import suggestion_for

Lookup = Callable[[str], Value]
Part = Callable[[Lookup], Any]  # returns a text, or a moment if a filter takes one

MAX_FILTERS = 8
# Names with dots: variables, hours, and the paths of what Meta tells.
FAMILIES = re.compile(r"vars\.\w+|hours\.\w+\.\w+|(?!(?:vars|hours)\.)\w+(?:\.[A-Za-z0-9]\w*){1,8}")

ONLY_NAMES = "only names and filters may stand between {{ and }}"
DOTTED = "with dots there are vars.size, hours.shop.opens and the paths of what Meta tells"
A_MOMENT = "is a moment; say how it is told, such as {{ %s | when }}"


class PlaceholderError(Exception):
    """The text of a rule holds a placeholder that cannot be used; the message says why."""


class CompiledPart(NamedTuple):
    """A part of a text, the kind of its value, and the names that it uses."""

    part: Any
    kind: Kind = "text"
    names: frozenset[str] = frozenset()


def compile_part(node: Any, depth: int = 0) -> CompiledPart:
    """Compile a Jinja2 node to a function; raises PlaceholderError."""
    match node:
        case nodes.Const(value=str(value)):
            return CompiledPart(lambda _: value)
        case nodes.Name() | nodes.Getattr() | nodes.Getitem():
            name = _dotted(node)
            if "." in name and not FAMILIES.fullmatch(name):
                raise PlaceholderError(f"unknown placeholder '{name[:40]}'; {DOTTED}")
            return CompiledPart(lambda values: values(name), kind_of(name), frozenset({name}))
        case nodes.Filter(node=nodes.Node() as inner) if depth < MAX_FILTERS:
            return _apply_filter(node, compile_part(inner, depth + 1), depth)
        case _:
            raise PlaceholderError(ONLY_NAMES)


def _dotted(node: Any) -> str:
    match node:
        case nodes.Name(name=str(name)):
            return name
        case nodes.Getattr(node=inner, attr=str(attr)):
            return f"{_dotted(inner)}.{attr}"
        case nodes.Getitem(node=inner, arg=nodes.Const(value=int(place))) if (
            name := _dotted(inner)
        ).startswith(ANSWERED):
            return f"{name}.{place}"
        case _:
            raise PlaceholderError(ONLY_NAMES)


def _apply_filter(node: nodes.Filter, inner: CompiledPart, depth: int) -> CompiledPart:
    placeholder_filter = _find_filter(node)
    if inner.kind == "answered":
        inner = _read_answered(inner, placeholder_filter)
    if placeholder_filter.input_kind != inner.kind:
        raise PlaceholderError(_kind_error(node.name, placeholder_filter.input_kind, inner))
    given = [
        _compile_argument(node.name, placeholder_filter, n, arg, depth)
        for n, arg in enumerate(node.args)
    ]
    run, part, texts = placeholder_filter.run, inner.part, tuple(one.part for one in given)
    names = inner.names.union(*(one.names for one in given))
    if placeholder_filter.input_kind == "moment":
        return CompiledPart(
            lambda of: _show_moment(part(of), run, of("now"), [text(of) for text in texts]),
            names=names,
        )
    if not texts:
        return CompiledPart(lambda of: run(part(of) or ""), names=names)
    return CompiledPart(lambda of: run(part(of) or "", *[text(of) for text in texts]), names=names)


def _read_answered(inner: CompiledPart, placeholder_filter: PlaceholderFilter) -> CompiledPart:
    """Read a value of an answer as a filter takes it; a text that is no moment stays a text."""
    if placeholder_filter.input_kind == "text":
        return inner._replace(kind="text")
    part = inner.part
    return inner._replace(kind="moment", part=lambda of: parse_moment(text := part(of)) or text)


def _show_moment(value: Value, run: Callable[..., str], now: Value, given: list[str]) -> str:
    return value if isinstance(value, str) else run(value, now, *given)


def _find_filter(node: nodes.Filter) -> PlaceholderFilter:
    if node.name not in FILTERS:
        raise PlaceholderError(
            f"unknown filter '{node.name}'; {suggestion_for(node.name, FILTERS)}"
        )
    placeholder_filter = FILTERS[node.name]
    if (
        len(node.args) > len(placeholder_filter.arguments)
        or node.kwargs
        or node.dyn_args
        or node.dyn_kwargs
    ):
        raise PlaceholderError(f"filter '{node.name}' is given too much")
    return placeholder_filter


def _kind_error(name: str, takes: Kind, inner: CompiledPart) -> str:
    if takes == "moment":
        return f"filter '{name}' takes a moment, such as now or hours.shop.opens"
    names = ", ".join(sorted(inner.names))
    return f"filter '{name}' takes a text; '{names}' {A_MOMENT % names}"


def _compile_argument(
    name: str, placeholder_filter: PlaceholderFilter, position: int, node: Any, depth: int
) -> CompiledPart:
    if isinstance(node, nodes.Const):
        value = node.value
        if problem := placeholder_filter.arguments[position](value):
            raise PlaceholderError(f"filter '{name}' {problem}")
        return CompiledPart(lambda _: value)
    inner = compile_part(node, depth + 1)
    if inner.kind == "moment" or placeholder_filter.arguments[position]("") != "":
        raise PlaceholderError(f"filter '{name}' {placeholder_filter.arguments[position](None)}")
    return inner


MAX_PLACEHOLDERS = 100  # in one text
MAX_LENGTH = 500  # of one of them, in characters

NO_STATEMENTS = "{% and {# are not used in rules; a placeholder is {{ name }}"

OPENINGS = ("{{", "{%", "{#")

ENVIRONMENT = ImmutableSandboxedEnvironment(keep_trailing_newline=True)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, the names that it uses, and its greatest length."""

    names: frozenset[str]
    parts: tuple[str | Part, ...]
    most: int
    is_line: bool = False

    def render(self, values: Lookup) -> str:
        """Fill the placeholders; text beyond the limit is cut off."""
        filled = ""
        for part in self.parts:
            filled += part if isinstance(part, str) else part(values) or ""
            if len(filled) >= self.most:
                break
        return one_line(filled[: self.most]) if self.is_line else filled[: self.most]


@lru_cache(maxsize=4096)
def template(source: str, most: int = length_limits.TEXT, *, is_line: bool = False) -> Template:
    """Compile a text with placeholders.

    Raises PlaceholderError for statements, comments, unknown filters and everything else that is
    not a name with filters.
    """
    _check_size(source)
    parts = list(_parts(source))
    names = frozenset(name for one in parts for name in one.names)
    return Template(names, tuple(one.part for one in parts), most, is_line)


def _check_size(source: str) -> None:
    """Refuse a text that would take long to parse."""
    _, *others = source.split("{{")
    if len(others) > MAX_PLACEHOLDERS:
        raise PlaceholderError(f"more than {MAX_PLACEHOLDERS} placeholders in one text")
    if any(len(other.partition("}}")[0]) > MAX_LENGTH for other in others):
        raise PlaceholderError(f"a placeholder is longer than {MAX_LENGTH} characters")


def _parts(source: str) -> Iterator[CompiledPart]:
    url = _Url()
    for node in _parse(source):
        if isinstance(node, nodes.TemplateData):
            url.read(node.data)
            yield CompiledPart(node.data)
            continue
        one = compile_part(node)
        if one.kind == "moment":
            (name,) = one.names
            raise PlaceholderError(f"'{name}' {A_MOMENT % name}")
        is_part = url.is_open and not (isinstance(node, nodes.Filter) and node.name == "urlencode")
        yield one._replace(part=_escape_part(one.part)) if is_part else one


def _parse(source: str) -> list[nodes.Expr]:
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
    """Tracker of whether the text read so far ends in a URL."""

    def __init__(self) -> None:
        self.is_open = False

    def read(self, text: str) -> None:
        *before, last = re.split(r"\s", text)
        self.is_open = "://" in last or (self.is_open and not before)


def _escape_part(part: Part) -> Part:
    return lambda values: escape_url_part(part(values) or "")


def without_placeholders(text: str) -> str:
    """Return a text with its placeholders removed."""
    # One pass for any text: a pattern would look for each end from each beginning.
    first, *others = text.split("{{")
    parted = (other.partition("}}") for other in others)
    return first + "".join(after if closed else before for before, closed, after in parted)


def one_line(text: str) -> str:
    """Write a text on one line, with single spaces."""
    return " ".join(text.split())


def names_in(text: str) -> frozenset[str]:
    """Return the names of a text's placeholders; raises PlaceholderError like `template`."""
    return template(text).names if has_placeholders(text) else frozenset()


def split_placeholders(text: str) -> list[str]:
    """Return the placeholders of a text one by one, each with its braces, as many as it may have.

    One whose argument holds braces is cut there, and cannot be compiled by itself.
    """
    _, *others = text.split("{{", MAX_PLACEHOLDERS)
    return [f"{{{{{other.partition('}}')[0]}}}}}" for other in others]


def has_placeholders(text: str) -> bool:
    """Say whether a text has placeholders to fill, or syntax to refuse."""
    return any(opening in text for opening in OPENINGS)
