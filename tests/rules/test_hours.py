"""When named hours are open, and when they open or close next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.opening_hours import Hours, is_trial_now, try_hours
from tests.support.rules.rulebooks import book

SHOP = "{zone: Europe/Lisbon, mon-fri: 09:00-18:00, sat: 10:00-13:00, closed: [2026-12-25]}"
BAR = "{zone: Europe/Lisbon, fri-sat: 22:00-02:00}"
SPLIT = "{zone: Europe/Lisbon, mon: [14:00-18:00, 09:00-12:00], tue: closed}"
ALWAYS = "{zone: Europe/Lisbon, mon-sun: 00:00-24:00}"
NEVER = "{zone: Europe/Lisbon}"
NIGHT = "{zone: Europe/Lisbon, mon: 18:00-24:00, tue: 00:00-06:00}"


def hours(written: str) -> Hours:
    return book(f"version: 1\nhours: {{it: {written}}}\nrules: []\n").hours["it"]


def at(moment: str, zone: str = "Europe/Lisbon") -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("written", "moment", "is_open"),
    [
        pytest.param(SHOP, "2026-11-23 09:00", True, id="the first minute"),
        pytest.param(SHOP, "2026-11-23 08:59", False, id="before it"),
        pytest.param(SHOP, "2026-11-23 18:00", False, id="the last moment is not"),
        pytest.param(SHOP, "2026-11-28 12:00", True, id="saturday"),
        pytest.param(SHOP, "2026-11-22 12:00", False, id="sunday"),
        pytest.param(SHOP, "2026-12-25 12:00", False, id="a closed friday"),
        pytest.param(SHOP, "2026-07-06 09:00", True, id="in summer"),
        pytest.param(BAR, "2026-11-28 01:59", True, id="after midnight"),
        pytest.param(BAR, "2026-11-27 01:59", False, id="the night before"),
        pytest.param(SPLIT, "2026-11-23 13:00", False, id="lunch"),
        pytest.param(SPLIT, "2026-11-23 14:00", True, id="after lunch"),
        pytest.param(SPLIT, "2026-11-24 10:00", False, id="said to be closed"),
        pytest.param(ALWAYS, "2026-11-24 00:00", True, id="always"),
        pytest.param(NEVER, "2026-11-24 10:00", False, id="never"),
    ],
)
def test_hours_are_open(written: str, moment: str, is_open: bool) -> None:
    assert hours(written).is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("written", "moment", "opens", "closes"),
    [
        pytest.param(SHOP, "2026-11-22 12:00", "2026-11-23 09:00", "2026-11-23 18:00", id="shut"),
        pytest.param(SHOP, "2026-11-23 12:00", "2026-11-24 09:00", "2026-11-23 18:00", id="open"),
        pytest.param(SHOP, "2026-11-23 09:00", "2026-11-24 09:00", "2026-11-23 18:00", id="now"),
        pytest.param(SHOP, "2026-12-24 19:00", "2026-12-26 10:00", "2026-12-26 13:00", id="feast"),
        pytest.param(BAR, "2026-11-28 01:00", "2026-11-28 22:00", "2026-11-28 02:00", id="night"),
        pytest.param(
            NIGHT, "2026-11-23 20:00", "2026-11-30 18:00", "2026-11-24 06:00", id="joined"
        ),
        pytest.param(ALWAYS, "2026-11-23 20:00", None, None, id="always"),
        pytest.param(NEVER, "2026-11-23 20:00", None, None, id="never"),
    ],
)
def test_hours_tell_when_they_open_and_close_next(
    written: str, moment: str, opens: str | None, closes: str | None
) -> None:
    found = hours(written)

    assert found.next_opening(at(moment)) == (at(opens) if opens else None)
    assert found.next_closing(at(moment)) == (at(closes) if closes else None)


def test_moments_are_told_by_the_clock_of_the_zone() -> None:
    opens = hours("{zone: Asia/Tokyo, mon-sun: 09:00-18:00}").next_opening(
        at("2026-11-22 12:00", "UTC")
    )

    assert opens is not None
    assert f"{opens:%Y-%m-%d %H:%M}" == "2026-11-23 09:00"


def test_a_night_in_which_the_clock_is_put_back_is_longer() -> None:
    night = hours("{zone: Europe/Lisbon, sat: 22:00-06:00}")

    assert night.next_closing(at("2026-10-24 23:00")) == datetime(2026, 10, 25, 6, tzinfo=UTC)
    assert night.is_open(datetime(2026, 10, 25, 5, 59, tzinfo=UTC))


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
WRITTEN = {name: hours(name) for name in (SHOP, BAR, SPLIT, ALWAYS, NEVER, NIGHT)}


@given(st.sampled_from(list(WRITTEN)), MOMENTS)
def test_it_is_open_from_the_moment_it_opens_until_the_moment_it_closes(
    written: str, now: datetime
) -> None:
    found = WRITTEN[written]
    opens, closes = found.next_opening(now), found.next_closing(now)

    assert opens is None or (found.is_open(opens) and opens > now)
    assert closes is None or (not found.is_open(closes) and closes > now)
    if opens and closes:
        assert found.is_open(now) is (closes < opens)


TRIALS = {
    "open, while it is": ("open", "2026-11-23 12:00", True, "2026-11-23 12:00"),
    "open, in the night": ("open", "2026-11-23 03:00", True, "2026-11-23 09:00"),
    "closed, at noon": ("closed", "2026-11-23 12:00", False, "2026-11-23 18:00"),
    "closed, in the night": ("closed", "2026-11-23 03:00", False, "2026-11-23 03:00"),
    "a time of today": ("17:59", "2026-11-23 03:00", True, "2026-11-23 17:59"),
    "a time of a day to come": ("sun 12:00", "2026-11-23 12:00", False, "2026-11-29 12:00"),
    "a time of this day of the week": ("mon 9:30", "2026-11-23 20:00", True, "2026-11-23 09:30"),
    "no trial": ("", "2026-11-23 03:00", False, "2026-11-23 03:00"),
}


@pytest.mark.parametrize(("now", "moment", "is_open", "seen"), TRIALS.values(), ids=TRIALS)
def test_hours_can_be_tried_at_another_moment(
    now: str, moment: str, is_open: bool, seen: str
) -> None:
    tried = try_hours({"shop": hours(SHOP)}, now)["shop"]

    assert (tried.is_open(at(moment)), tried.local_time(at(moment))) == (is_open, at(seen))
    assert tried.next_opening(at(moment)) == hours(SHOP).next_opening(at(seen))
    assert tried.next_closing(at(moment)) == hours(SHOP).next_closing(at(seen))


def test_the_time_since_and_until_an_opening_is_that_of_the_trial() -> None:
    tried = try_hours({"shop": hours(SHOP)}, "mon 20:00")["shop"]
    now = at("2026-11-25 03:00")

    assert tried.since_opening(now) == timedelta(hours=11)
    assert tried.until_opening(now) == timedelta(hours=13)


def test_hours_that_never_open_stay_closed_in_a_trial() -> None:
    tried = try_hours({"shop": hours("{zone: Europe/Lisbon}")}, "open")["shop"]

    assert not tried.is_open(at("2026-11-23 12:00"))


@pytest.mark.parametrize("written", ["", "shut", "25:00", "sunday 12:00", "12", "sun 12:60"])
def test_other_words_name_no_moment_for_a_trial(written: str) -> None:
    assert not is_trial_now(written)
