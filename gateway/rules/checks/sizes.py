"""Messages that a rule gives in Meta's form, held against Meta's limits."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.core.messages import length_limits
from gateway.core.rendering.placeholders import literal
from gateway.rules.problems import Mark
from gateway.rules.yaml.nodes import Map, Scalar, Seq

COUNTS = {
    "interactive.action.buttons": ("buttons", length_limits.BUTTONS),
    "interactive.action.sections": ("sections", length_limits.SECTIONS),
    "interactive.action.sections.rows": ("rows", length_limits.ROWS),
}


def too_much(body: Any) -> Iterator[tuple[Mark, str]]:
    """Tell of each part of a message that is longer than Meta takes it."""
    if isinstance(body, Map):
        yield from _below(body, length_limits.of(body), "")


def _below(node: Any, most: Mapping[str, int], path: str) -> Iterator[tuple[Mark, str]]:
    if isinstance(node, Scalar) and path in most and len(literal(node)) > most[path]:
        yield node.mark, length_limits.too_long(len(literal(node)), most[path])
    if isinstance(node, Map):
        for key, inner in node.items():
            yield from _below(inner, most, f"{path}.{key}" if path else key)
    if isinstance(node, Seq):
        if path in COUNTS and len(node) > COUNTS[path][1]:
            what, count = COUNTS[path]
            yield node.mark, f"has {len(node)} {what}; Meta takes {count}"
        for inner in node:
            yield from _below(inner, most, path)
