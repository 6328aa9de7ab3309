"""Values of an event by path; total: what is missing or of another kind is absent."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from gateway.core.events import Event, Message, Notice
from gateway.core.paths.path import OPEN, MetaPath, ValueKind
from gateway.core.paths.readings import READINGS, flow_answers
from gateway.core.paths.table import (
    FIELDS,
    MESSAGE_FIELDS,
    PATHS,
    TYPES,
    belongs,
    event_scopes,
    find_path,
)
from gateway.core.webhook.customers import NOTHING

FieldValue = str | float | bool | datetime

MOST_VALUES = 256  # of one path
MOST_FIELDS = 100  # of one event
MOST_DIGITS = 40
MOST_DEPTH = 32  # of what is nested; a Flow's answers come from the customer's phone
NUMBER = re.compile(r"[-+]?[0-9]{1,40}(\.[0-9]{1,40})?")
FLAGS = {"true": True, "yes": True, "false": False, "no": False}
FLOW = "flow."


def read_values(event: Event, path: MetaPath) -> tuple[FieldValue, ...]:
    """Return the values of a path: none, one, or those of a list in their order."""
    if not belongs(path, event_scopes(event)):
        return ()
    raw = event.raw if isinstance(event.raw, dict) else NOTHING
    parsed = map(PARSERS[path.kind], _walk(_start(raw, path)))
    present = (value for value in parsed if value is not None)
    return tuple(islice(present, MOST_VALUES if path.is_list else 1))


def _start(raw: Mapping[str, Any], path: MetaPath) -> Any:
    if reading := READINGS.get(path.name):
        return reading(raw)
    if path.name.startswith(FLOW):
        return _follow(flow_answers(raw), path.steps[1:])
    return _follow(raw, path.steps)


def _follow(node: Any, steps: Sequence[str]) -> Any:
    """Follow the keys inwards; a list on the way stands for all its items."""
    for position, step in enumerate(steps):
        if isinstance(node, list):
            # A list right in a list is nothing that Meta writes, and could be nested for ever.
            items = (item for item in node[:MOST_VALUES] if not isinstance(item, list))
            return [_follow(item, steps[position:]) for item in items]
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _walk(node: Any, depth: int = 0) -> Iterator[Any]:
    if not isinstance(node, list):
        yield node
    elif depth < MOST_DEPTH:
        for item in node[:MOST_VALUES]:
            yield from _walk(item, depth + 1)


def as_text(value: FieldValue) -> str:
    """Return a value as rules write it: 2, 38.72, yes, 2026-11-29 12:00."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return value


def _parse_text(value: Any) -> str | None:
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, float) and math.isfinite(value):
        return as_text(value)
    return str(value) if type(value) is int and abs(value) < 10**MOST_DIGITS else None


def parse_number(value: Any) -> float | None:
    """Return a number, also of a text that holds one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _parse_flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return FLAGS.get(value) if isinstance(value, str) else None


def _parse_moment(value: Any) -> datetime | None:
    """Read seconds or milliseconds; unlike the time of an event it may be in the future."""
    stamp = parse_number(value)
    if stamp is None or not 0 < stamp < 10**14:
        return None
    return datetime.fromtimestamp(stamp / 1000 if stamp >= 10**11 else stamp, UTC)


PARSERS: Mapping[ValueKind, Callable[[Any], FieldValue | None]] = {
    "text": _parse_text,
    "phone number": _parse_text,
    "number": parse_number,
    "yes or no": _parse_flag,
    "moment": _parse_moment,
}


def list_fields(event: Event) -> list[tuple[MetaPath, str]]:
    """Return the paths that an event has, each with its values as a text.

    They stand in the table's order, and those of a type or field that it does not know come last.
    """
    listed = (path for path in PATHS.values() if not path.name.endswith(OPEN))
    paths = chain(listed, filter(None, map(find_path, _unlisted_names(event))))
    shown = ((path, ", ".join(map(as_text, read_values(event, path)))) for path in paths)
    return list(islice(((path, text) for path, text in shown if text), MOST_FIELDS))


def _unlisted_names(event: Event) -> Iterable[str]:
    """Return the names of what a type or webhook field holds that the table does not know."""
    raw = event.raw if isinstance(event.raw, dict) else NOTHING
    match event:
        case Message(type=kind) if kind and kind not in TYPES:
            return dict.fromkeys(_names(kind, raw.get(kind)))
        case Notice(field=field) if field not in FIELDS | MESSAGE_FIELDS:
            return dict.fromkeys(_names("notice", raw))
        case _:
            return ()


def _names(name: str, node: Any, depth: int = 0) -> Iterator[str]:
    if depth == MOST_DEPTH:
        return
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from _names(f"{name}.{key}", inner, depth + 1)
    elif isinstance(node, list):
        for inner in node[:MOST_VALUES]:
            yield from _names(name, inner, depth + 1)
    else:
        yield name
