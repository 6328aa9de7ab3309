"""Placeholders: the texts of rules are compiled once and filled with plain strings; pure.

Only names and a few filters may stand between `{{` and `}}`, so that filling cannot fail, loop or
reach anything. What a customer wrote goes in as a value and is never read as a template.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import Template as Compiled
from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

Values = Mapping[str, str]

# https://developers.facebook.com/docs/whatsapp/cloud-api/messages/text-messages
MAX_TEXT = 4096
MAX_FILTERS = 8

ONLY_NAMES = "only names and filters may stand between {{ and }}"
NOT_A_PLACEHOLDER = {"block_begin", "raw_begin", "comment_begin"}
OPENINGS = ("{{", "{%", "{#")


class PlaceholderError(Exception):
    """The text of a rule holds a placeholder that cannot be used; the message says why."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word is meant, or which there are."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def _default(value: str, fallback: str = "") -> str:
    return value or fallback


# Each filter takes text and gives text, whatever the text is; the number is that of its arguments.
FILTERS: dict[str, tuple[Callable[..., str], int]] = {
    "default": (_default, 1),
    "capitalize": (str.capitalize, 0),
    "lower": (str.lower, 0),
    "title": (str.title, 0),
    "trim": (str.strip, 0),
    "upper": (str.upper, 0),
}

ENVIRONMENT = ImmutableSandboxedEnvironment(keep_trailing_newline=True)
ENVIRONMENT.filters = {name: function for name, (function, _) in FILTERS.items()}


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders, and the names that it uses."""

    names: frozenset[str]
    compiled: Compiled

    def render(self, values: Values) -> str:
        """Fill the placeholders; what goes beyond 4,096 characters is cut off."""
        filled = self.compiled.render({name: values.get(name, "") for name in self.names})
        return filled[:MAX_TEXT]


@lru_cache(maxsize=4096)
def template(source: str) -> Template:
    """Compile a text with placeholders.

    Raises PlaceholderError for statements, comments, unknown filters and everything else that is
    not a name with filters.
    """
    try:
        if any(kind in NOT_A_PLACEHOLDER for _, kind, _ in ENVIRONMENT.lex(source)):
            raise PlaceholderError("{% and {# are not used in rules; a placeholder is {{ name }}")
        parsed = ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise PlaceholderError(f"a placeholder cannot be read: {error.message}") from None
    except RecursionError:
        raise PlaceholderError(ONLY_NAMES) from None
    parts = [part for output in parsed.find_all(nodes.Output) for part in output.nodes]
    names = frozenset(name for part in parts for name in _names(part))
    return Template(names, ENVIRONMENT.from_string(source))


def _names(node: nodes.Node, filters: int = 0) -> Iterator[str]:
    match node:
        case nodes.TemplateData() | nodes.Const(value=str()):
            return
        case nodes.Name():
            yield node.name
        case nodes.Filter(node=nodes.Node() as inner) if filters < MAX_FILTERS:
            _check(node)
            for part in (inner, *node.args):
                yield from _names(part, filters + 1)
        case _:
            raise PlaceholderError(ONLY_NAMES)


def _check(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        raise PlaceholderError(f"unknown filter '{node.name}'; {nearest(node.name, FILTERS)}")
    if len(node.args) > FILTERS[node.name][1] or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise PlaceholderError(f"filter '{node.name}' is given too much")


def names_in(text: str) -> frozenset[str]:
    """Name the placeholders of a text; raises PlaceholderError like `template`."""
    return template(text).names if _has_placeholders(text) else frozenset()


def _has_placeholders(text: str) -> bool:
    return any(opening in text for opening in OPENINGS)


def prepare(body: Any) -> Any:
    """Compile every text with placeholders inside a body; raises PlaceholderError."""
    match body:
        case str():
            return template(body) if _has_placeholders(body) else body
        case dict():
            return {key: prepare(value) for key, value in body.items()}
        case list() | tuple():
            return [prepare(value) for value in body]
        case _:
            return body


def fill(prepared: Any, values: Values) -> Any:
    """Build the body from what `prepare` gave; never fails."""
    match prepared:
        case Template():
            return prepared.render(values)
        case dict():
            return {key: fill(value, values) for key, value in prepared.items()}
        case list():
            return [fill(value, values) for value in prepared]
        case _:
            return prepared
