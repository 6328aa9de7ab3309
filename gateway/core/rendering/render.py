"""Placeholders: the texts of rules are compiled once and filled with values; pure.

Jinja2 reads them, in its sandbox; of what it reads only names and a few filters are taken, so that
filling cannot fail, loop or reach anything. What a customer wrote goes in as a value and is never
read as a template.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from gateway.core.messages import length_limits
from gateway.core.rendering.filters import escaped
from gateway.core.rendering.placeholders import (
    A_MOMENT,
    ONLY_NAMES,
    Lookup,
    Made,
    Part,
    PlaceholderError,
    made,
)

MAX_PLACEHOLDERS = 100  # in one text
MAX_LENGTH = 500  # of one of them, in characters

NO_STATEMENTS = "{% and {# are not used in rules; a placeholder is {{ name }}"

OPENINGS = ("{{", "{%", "{#")

ENVIRONMENT = ImmutableSandboxedEnvironment(keep_trailing_newline=True)


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, the names that it uses, and how long it may get."""

    names: frozenset[str]
    parts: tuple[str | Part, ...]
    most: int
    is_line: bool = False

    def render(self, values: Lookup) -> str:
        """Fill the placeholders; what goes beyond the limit is cut off."""
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
    _bounded(source)
    parts = list(_parts(source))
    names = frozenset(name for one in parts for name in one.names)
    return Template(names, tuple(one.part for one in parts), most, is_line)


def _bounded(source: str) -> None:
    """Refuse what would take long to be read."""
    _, *others = source.split("{{")
    if len(others) > MAX_PLACEHOLDERS:
        raise PlaceholderError(f"more than {MAX_PLACEHOLDERS} placeholders in one text")
    if any(len(other.partition("}}")[0]) > MAX_LENGTH for other in others):
        raise PlaceholderError(f"a placeholder is longer than {MAX_LENGTH} characters")


def _parts(source: str) -> Iterator[Made]:
    url = _Url()
    for node in _parsed(source):
        if isinstance(node, nodes.TemplateData):
            url.read(node.data)
            yield Made(node.data)
            continue
        one = made(node)
        if one.kind == "moment":
            (name,) = one.names
            raise PlaceholderError(f"'{name}' {A_MOMENT % name}")
        is_part = url.is_open and not (isinstance(node, nodes.Filter) and node.name == "urlencode")
        yield one._replace(part=_escaping(one.part)) if is_part else one


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


def literal(text: str) -> str:
    """Give what stays of a text where nothing stands for its placeholders."""
    # In one go, whatever the text is: a pattern would look for each end from each beginning.
    first, *others = text.split("{{")
    parted = (other.partition("}}") for other in others)
    return first + "".join(after if closed else before for before, closed, after in parted)


def one_line(text: str) -> str:
    """Write a text on one line, with single spaces."""
    return " ".join(text.split())


def names_in(text: str) -> frozenset[str]:
    """Name the placeholders of a text; raises PlaceholderError like `template`."""
    return template(text).names if has_placeholders(text) else frozenset()


def has_placeholders(text: str) -> bool:
    """Say whether there is something to fill, or to refuse."""
    return any(opening in text for opening in OPENINGS)
