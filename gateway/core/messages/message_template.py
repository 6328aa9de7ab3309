"""Message bodies with placeholders: compiled once, and filled for each event."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.core.messages import length_limits
from gateway.core.messages.placeholders import (
    Lookup,
    Template,
    has_placeholders,
    names_in,
    one_line,
    template,
)

OPTIONAL = frozenset({"header", "footer", "caption", "description", "filename"})


def prepare(body: Any) -> Any:
    """Compile every text with placeholders inside a body of Meta's; raises PlaceholderError."""
    return _prepare(body, length_limits.of(body), "")


def _prepare(body: Any, most: Mapping[str, int], path: str) -> Any:
    match body:
        case str():
            limit, is_line = most.get(path, length_limits.TEXT), length_limits.is_line(path)
            if has_placeholders(body):
                return template(body, limit, is_line=is_line)
            return one_line(body) if is_line else body
        case dict():
            return {
                key: _prepare(value, most, f"{path}.{key}" if path else key)
                for key, value in body.items()
            }
        case list() | tuple():
            return [_prepare(value, most, path) for value in body]
        case _:
            return body


def names_in_body(node: Any) -> frozenset[str]:
    """Return the names of all placeholders in a body; raises PlaceholderError like `prepare`."""
    match node:
        case str():
            return names_in(node)
        case Mapping():
            return frozenset().union(*map(names_in_body, node.values()))
        case list() | tuple():
            return frozenset().union(*map(names_in_body, node))
        case _:
            return frozenset()


class _Empty(Exception):  # noqa: N818
    """A text was empty once its placeholders were filled, which Meta refuses."""


def fill(prepared: Any, values: Lookup) -> Any:
    """Build the body from the result of `prepare`, None if a text that it needs is empty.

    A header, footer, caption, description or filename that is empty is left out.
    """
    try:
        return _fill(prepared, values)
    except _Empty:
        return None


def _fill(prepared: Any, values: Lookup) -> Any:
    match prepared:
        case Template():
            text = prepared.render(values)
            if not text.strip():
                raise _Empty
            return text
        case dict() if OPTIONAL.isdisjoint(prepared):
            return {key: _fill(value, values) for key, value in prepared.items()}
        case dict():
            return dict(_items(prepared, values))
        case list():
            return [_fill(value, values) for value in prepared]
        case _:
            return prepared


def _items(prepared: dict[str, Any], values: Lookup) -> Iterator[tuple[str, Any]]:
    for key, value in prepared.items():
        try:
            yield key, _fill(value, values)
        except _Empty:
            if key not in OPTIONAL:
                raise
