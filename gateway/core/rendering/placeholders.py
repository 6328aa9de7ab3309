"""What stands between `{{` and `}}`: names and filters, made into functions; pure."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from jinja2 import nodes

from gateway.core.nearest import nearest
from gateway.core.rendering.filters import FILTERS, Filter, Kind, Value, kind_of

Lookup = Callable[[str], Value]
Part = Callable[[Lookup], Any]  # a text, or a moment where a filter takes one

MAX_FILTERS = 8
FAMILIES = re.compile(r"vars\.\w+|hours\.\w+\.\w+")

ONLY_NAMES = "only names and filters may stand between {{ and }}"
NO_PARTS = "only vars and hours have names with dots, such as hours.shop.opens"
A_MOMENT = "is a moment; say how it is told, such as {{ %s | when }}"


class PlaceholderError(Exception):
    """The text of a rule holds a placeholder that cannot be used; the message says why."""


class Made(NamedTuple):
    """A part of a text, what it gives, and the names that it asks for."""

    part: Any
    kind: Kind = "text"
    names: frozenset[str] = frozenset()


def made(node: Any, depth: int = 0) -> Made:
    """Make a function of a node of Jinja2's; raises PlaceholderError."""
    match node:
        case nodes.Const(value=str(said)):
            return Made(lambda _: said)
        case nodes.Name() | nodes.Getattr():
            name = _dotted(node)
            if "." in name and not FAMILIES.fullmatch(name):
                raise PlaceholderError(f"unknown placeholder '{name[:40]}'; {NO_PARTS}")
            return Made(lambda values: values(name), kind_of(name), frozenset({name}))
        case nodes.Filter(node=nodes.Node() as inner) if depth < MAX_FILTERS:
            return _filtered(node, made(inner, depth + 1), depth)
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


def _filtered(node: nodes.Filter, inner: Made, depth: int) -> Made:
    found = _filter(node)
    if found.takes != inner.kind:
        raise PlaceholderError(_misplaced(node.name, found.takes, inner))
    given = [_argument(node.name, found, n, arg, depth) for n, arg in enumerate(node.args)]
    run, part, texts = found.run, inner.part, tuple(one.part for one in given)
    names = inner.names.union(*(one.names for one in given))
    if found.takes == "moment":
        return Made(lambda of: run(part(of), of("now"), *[text(of) for text in texts]), names=names)
    if not texts:
        return Made(lambda of: run(part(of) or ""), names=names)
    return Made(lambda of: run(part(of) or "", *[text(of) for text in texts]), names=names)


def _filter(node: nodes.Filter) -> Filter:
    if node.name not in FILTERS:
        raise PlaceholderError(f"unknown filter '{node.name}'; {nearest(node.name, FILTERS)}")
    found = FILTERS[node.name]
    if len(node.args) > len(found.arguments) or node.kwargs or node.dyn_args or node.dyn_kwargs:
        raise PlaceholderError(f"filter '{node.name}' is given too much")
    return found


def _misplaced(name: str, takes: Kind, inner: Made) -> str:
    if takes == "moment":
        return f"filter '{name}' takes a moment, such as now or hours.shop.opens"
    said = ", ".join(sorted(inner.names))
    return f"filter '{name}' takes a text; '{said}' {A_MOMENT % said}"


def _argument(name: str, found: Filter, position: int, node: Any, depth: int) -> Made:
    if isinstance(node, nodes.Const):
        said = node.value
        if problem := found.arguments[position](said):
            raise PlaceholderError(f"filter '{name}' {problem}")
        return Made(lambda _: said)
    inner = made(node, depth + 1)
    if inner.kind != "text" or found.arguments[position]("") != "":
        raise PlaceholderError(f"filter '{name}' {found.arguments[position](None)}")
    return inner
