"""A cooldown until hours open: once an evening, however long it is, and over changes of clocks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.rules.matching.limits import OpeningCooldown
from gateway.rules.opening_hours import Hours, Span
from gateway.rules.rulebook import Rulebook
from tests.rules.test_hours import ALWAYS, BAR, NEVER, NIGHT, SHOP, at, hours
from tests.support.factories import a_message
from tests.support.rules.rulebooks import book, planned, texts

RULES = """\
version: 1
hours: {{it: {hours}}}
rules:
  - {{name: closed, when: {{outside: it}}, cooldown: until it opens, then: Closed.}}
"""


def answered(rulebook: Rulebook, moments: Sequence[datetime]) -> list[datetime]:
    """Let Ana write at these moments; return those at which she was answered."""
    contact: Contact | None = None
    found = []
    for now in moments:
        made = planned(rulebook, a_message(f"wamid.{now}", at=now), contact=contact, now=now)
        contact = made.contact
        found += [now] if texts(made) else []
    return found


@pytest.mark.parametrize(
    ("written", "moments", "wanted"),
    [
        pytest.param(
            SHOP,
            ["2026-11-23 18:00", "2026-11-24 08:59", "2026-11-24 19:00"],
            [0, 2],
            id="two evenings",
        ),
        pytest.param(
            SHOP, ["2026-11-28 13:00", "2026-11-29 20:00", "2026-11-30 08:00"], [0], id="a weekend"
        ),
        pytest.param(
            SHOP, ["2026-12-24 19:00", "2026-12-25 12:00", "2026-12-26 14:00"], [0, 2], id="a feast"
        ),
        pytest.param(
            BAR, ["2026-11-28 02:00", "2026-11-28 21:00", "2026-11-29 02:00"], [0, 2], id="nights"
        ),
        pytest.param(NEVER, ["2026-11-23 18:00", "2026-12-24 18:00"], [0], id="never open"),
    ],
)
def test_a_rule_answers_once_while_it_is_closed(
    written: str, moments: list[str], wanted: list[int]
) -> None:
    told = [at(moment) for moment in moments]

    assert answered(book(RULES.format(hours=written)), told) == [told[n] for n in wanted]


@pytest.mark.parametrize(
    ("written", "moment", "opened"),
    [
        pytest.param(SHOP, "2026-11-23 09:00", "2026-11-23 09:00", id="now"),
        pytest.param(SHOP, "2026-11-23 08:59", "2026-11-21 10:00", id="a weekend ago"),
        pytest.param(NIGHT, "2026-11-24 05:00", "2026-11-23 18:00", id="joined at midnight"),
        pytest.param(NIGHT, "2026-11-29 05:00", "2026-11-23 18:00", id="days ago"),
        pytest.param(
            "{zone: Europe/Lisbon, mon: 00:00-12:00}", "2026-11-24 05:00", "2026-11-23 00:00",
            id="at midnight",
        ),
        pytest.param(ALWAYS, "2026-11-23 20:00", None, id="always"),
        pytest.param(NEVER, "2026-11-23 20:00", None, id="never"),
    ],
)  # fmt: skip
def test_hours_tell_since_when_they_opened(written: str, moment: str, opened: str | None) -> None:
    now = at(moment)

    assert hours(written).since_opening(now) == (opened and now - at(opened))


QUARTER = timedelta(minutes=15)
DAYS = 12
ZONES = ("Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
# Before clocks are put forward or back in one of the zones, and an ordinary week.
STARTS = tuple(
    datetime.combine(day, datetime.min.time(), UTC)
    for day in (date(2026, 3, 24), date(2026, 10, 20), date(2026, 11, 1), date(2026, 6, 1))
)
HALVES = st.integers(0, 47).map(lambda half: 30 * half)


@st.composite
def weeks(draw: st.DrawFn) -> tuple[tuple[Span, ...], ...]:
    def day() -> tuple[Span, ...]:
        starts = sorted(draw(st.lists(HALVES, max_size=2, unique=True)))
        return tuple(Span(start, start + 30 * draw(st.integers(1, 30))) for start in starts)

    return tuple(day() for _ in range(7))


def openings(place: Hours, start: datetime) -> Iterator[datetime]:
    """Find the openings by looking each quarter of an hour."""
    was_open = place.is_open(start - QUARTER)
    for n in range(DAYS * 96):
        now = start + n * QUARTER
        if (is_open := place.is_open(now)) and not was_open:
            yield now
        was_open = is_open


@given(
    st.sampled_from(ZONES),
    weeks(),
    st.sampled_from(STARTS),
    st.lists(st.integers(0, DAYS * 96 - 1), max_size=12, unique=True).map(sorted),
)
@settings(max_examples=60)
def test_a_rule_answers_the_first_message_after_each_opening_and_no_other(
    zone: str, week: tuple[tuple[Span, ...], ...], start: datetime, quarters: list[int]
) -> None:
    place = Hours(zone, week)
    moments = [start + n * QUARTER for n in quarters]
    opened, wanted = list(openings(place, start)), list[datetime]()
    for now in moments:
        if not wanted or any(wanted[-1] < one <= now for one in opened):
            wanted.append(now)

    assert answered(with_hours(place), moments) == wanted


def with_hours(place: Hours) -> Rulebook:
    """Return rules that answer at any hour, once until this place opens."""
    text = RULES.format(hours=ALWAYS).replace("when: {outside: it}, ", "")
    rulebook = book(text)
    (rule,) = rulebook.rules
    changed = replace(rule, limits=(OpeningCooldown("it", place),))
    return replace(rulebook, rules=(changed,))
