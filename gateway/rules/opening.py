"""Opening hours as they are written: a zone, days with times, and dates that are closed."""

import re
from datetime import date
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

from gateway.core.render import nearest
from gateway.rules.hours import DAYS, Hours, Span
from gateway.rules.problems import short
from gateway.rules.values import VarName, listed, wrong

KEYS = ("zone", "closed", *DAYS)
SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d) ?- ?([01]\d|2[0-4]):([0-5]\d)")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MIDNIGHT = 24 * 60


def _hours(value: Any) -> Any:
    if not isinstance(value, dict):
        wrong("must be a mapping such as {zone: Europe/Lisbon, mon-fri: 09:00-18:00}")
    week: list[tuple[Span, ...]] = [()] * len(DAYS)
    taken: set[int] = set()
    for key, said in value.items():
        if key in ("zone", "closed"):
            continue
        days = _days(key)
        if not taken.isdisjoint(days):
            wrong(f"{key}: a day has its times already")
        taken |= set(days)
        for day in days:
            week[day] = _spans(key, said)
    return Hours(_zone(value.get("zone")), tuple(week), _closed(value.get("closed", [])))


def _zone(value: Any) -> str:
    if value is None:
        wrong("zone: missing")
    try:
        return ZoneInfo(str(value)).key
    except (KeyError, OSError, ValueError):
        wrong(f"zone: {short(value)} is no time zone; it looks like Europe/Lisbon")


def _days(key: str) -> list[int]:
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        wrong(f"unknown key {short(key)}; {nearest(key, KEYS)}")
    start = DAYS.index(first)
    count = (DAYS.index(last) - start) % len(DAYS) if dash else 0
    return [(start + n) % len(DAYS) for n in range(count + 1)]


def _spans(key: str, value: Any) -> tuple[Span, ...]:
    if value == "closed":
        return ()
    spans = sorted((_span(key, one) for one in listed(value)), key=lambda span: span.start)
    if any(later.start < sooner.end for sooner, later in pairwise(spans)):
        wrong(f"{key}: two of the times overlap")
    return tuple(spans)


def _span(key: str, value: Any) -> Span:
    read = SPAN.fullmatch(value) if isinstance(value, str) else None
    if not read:
        wrong(f"{key}: must be a time such as 09:00-18:00, or closed")
    start, end = (int(read[n]) * 60 + int(read[n + 1]) for n in (1, 3))
    if end > MIDNIGHT:
        wrong(f"{key}: must be a time such as 09:00-18:00, or closed")
    return Span(start, end if start < end else end + MIDNIGHT)


def _closed(value: Any) -> frozenset[date]:
    return frozenset(_date(one) for one in (listed(value) if value != [] else ()))


def _date(value: Any) -> date:
    try:
        if isinstance(value, str) and DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    return wrong(f"closed: {short(value)} is no date; it looks like 2026-12-25")


NamedHours = dict[VarName, Annotated[Hours, BeforeValidator(_hours)]]
