"""Syntax of opening hours: a zone, days with times, and dates that are closed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from difflib import get_close_matches
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.core.text import suggestion_for
from gateway.rules.language.refusals import collect_refusals, refuse, refuse_all
from gateway.rules.language.types import VarName
from gateway.rules.opening_hours import DAYS, Hours, Span
from gateway.rules.problems import quote_word
from gateway.rules.yaml.nodes import Map, Seq, as_list

KEYS = ("zone", "closed", *DAYS)
SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?- ?([01]\d|2[0-4]):([0-5]\d)")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MIDNIGHT = 24 * 60
MAX_ZONE = 40
USUAL_ZONE = "usual zone"  # its place in the context of a validation


def _parse_hours(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, Map):
        refuse("must be a mapping such as {zone: Europe/Lisbon, mon-fri: 09:00-18:00}")
    week: dict[int, tuple[Span, ...]] = {}
    errors: list[PydanticCustomError] = []
    for key in (key for key in value if key not in ("zone", "closed")):
        with _locate_errors(value, key, errors):
            spans = dict.fromkeys(_days(key), _spans(value[key]))
            if not spans.keys().isdisjoint(week):
                refuse("one of these days stands twice")
            week |= spans
    zone, closed = "", frozenset[date]()
    with _locate_errors(value, "zone", errors):
        zone = read_zone(value.get("zone", (info.context or {}).get(USUAL_ZONE) or None))
    with _locate_errors(value, "closed", errors):
        closed = frozenset(map(_date, as_list(value.get("closed", Seq()))))
    refuse_all(errors)
    return Hours(zone, tuple(week.get(day, ()) for day in range(len(DAYS))), closed)


@contextmanager
def _locate_errors(value: Map, key: str, errors: list[PydanticCustomError]) -> Iterator[None]:
    """Collect refusals, each with the key and the place of its value."""
    try:
        yield
    except PydanticCustomError as error:
        node, text = value.get(key, value), f"{key}: {error.message()}"
        errors += collect_refusals([lambda: refuse(text, node.mark)])


def read_zone(name: Any) -> str:
    """Return a time zone's name as it is written. Refuses all others, and a missing one."""
    if name is None:
        refuse("missing: write it here, or in the accounts file as `time_zone` of the account")
    try:
        return ZoneInfo(str(name)).key
    except (KeyError, OSError, ValueError):
        close = get_close_matches(str(name)[:MAX_ZONE], available_timezones(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else "it looks like Europe/Lisbon"
        refuse(f"{quote_word(name)} is no time zone; {hint}")


def _days(key: str) -> list[int]:
    first, dash, last = key.partition("-")
    for word in (first, last) if dash else (first,):
        if word not in DAYS:
            refuse(f"{quote_word(word)} is no day; {suggestion_for(word, KEYS)}")
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % len(DAYS) if dash else 0
    return [(start + n) % len(DAYS) for n in range(count + 1)]


def _spans(value: Any) -> tuple[Span, ...]:
    if value == "closed":
        return ()
    spans = sorted(_span(one) for one in as_list(value))
    if any(later.start < sooner.end for sooner, later in pairwise(spans)):
        refuse("two of the times overlap")
    return tuple(spans)


def _span(value: Any) -> Span:
    read = SPAN.fullmatch(value) if isinstance(value, str) else None
    start, end = (
        (int(read[n]) * 60 + int(read[n + 1]) for n in (1, 3)) if read else (0, MIDNIGHT + 1)
    )
    if end > MIDNIGHT:
        refuse("must be a time such as 09:00-18:00, a list of them, or closed")
    return Span(start, end if start < end else end + MIDNIGHT)


def _date(value: Any) -> date:
    try:
        if isinstance(value, str) and DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    return refuse(f"{quote_word(value)} is no date; it looks like 2026-12-25")


_TIME = {"type": "string", "pattern": f"^({SPAN.pattern})$"}
_TIMES = {"anyOf": [_TIME, {"const": "closed"}, {"type": "array", "items": _TIME}]}
_DATE = {"type": "string", "format": "date", "pattern": f"^{DATE.pattern}$"}
_DAY = "|".join(DAYS)
SCHEMA = {
    "type": "object",
    "description": "When a place is open, by the clock of its zone.",
    "properties": {
        "zone": {
            "type": "string",
            "description": "A time zone, such as Europe/Lisbon; that of the account if not given.",
        },
        "closed": {
            "anyOf": [_DATE, {"type": "array", "items": _DATE}],
            "description": "Dates on which it does not open.",
        },
    },
    "patternProperties": {f"^({_DAY})(-({_DAY}))?$": _TIMES},
    "additionalProperties": False,
}
WrittenHours = Annotated[Any, WithJsonSchema(SCHEMA)]
NamedHours = dict[
    VarName, Annotated[Hours, BeforeValidator(_parse_hours, json_schema_input_type=WrittenHours)]
]
