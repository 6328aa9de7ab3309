"""Quiet hours: who may be written to at a moment, by the clocks of their zones."""

from datetime import UTC, datetime, time, timedelta

import orjson
import pytest

from gateway.core.api.field_errors import FieldReader
from gateway.core.campaigns.quiet_hours import (
    QuietHours,
    ZoneChoice,
    find_span,
    read_quiet_hours,
    write_quiet_hours,
    zones_of_phone,
)
from gateway.core.campaigns.zone_groups import (
    RowRange,
    ZoneGroup,
    ZoneSorter,
    estimate_end,
    find_opening,
    order_open,
    unpack_groups,
)
from gateway.core.sending.send import QuietSpan

NIGHT = QuietHours(time(21), time(8))
NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
LISBON, TOKYO, NEW_YORK = "Europe/Lisbon", "Asia/Tokyo", "America/New_York"
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("hours", "at", "is_quiet"),
    [
        (NIGHT, "20:59", False),
        (NIGHT, "21:00", True),
        (NIGHT, "03:00", True),
        (NIGHT, "07:59", True),
        (NIGHT, "08:00", False),
        (QuietHours(time(12), time(14)), "11:59", False),
        (QuietHours(time(12), time(14)), "13:00", True),
        (QuietHours(time(12), time(14)), "14:00", False),
    ],
)
def test_quiet_hours_have_a_first_moment_and_end_before_the_last(
    hours: QuietHours, at: str, is_quiet: bool
) -> None:
    now = datetime.combine(NOON.date(), time.fromisoformat(at), UTC)

    assert hours.is_quiet(LISBON, now) == is_quiet


def test_the_next_quiet_hours_of_a_customer_are_those_of_all_zones_together() -> None:
    evening = datetime(2026, 12, 1, 21, tzinfo=UTC)
    morning = evening + timedelta(hours=11)

    # In Berlin they begin and end an hour before those in Lisbon.
    assert find_span(NIGHT, (LISBON,), NOON) == QuietSpan(evening, morning)
    assert find_span(NIGHT, (LISBON, BERLIN), NOON) == (evening - timedelta(hours=1), morning)
    assert find_span(None, (LISBON,), NOON) is None
    assert find_span(NIGHT, (), NOON) is None


def test_quiet_hours_that_have_just_begun_count_for_whom_is_queued_then() -> None:
    evening, morning = datetime(2026, 12, 1, 21, tzinfo=UTC), datetime(2026, 12, 2, 8, tzinfo=UTC)
    late = timedelta(milliseconds=300)

    span = find_span(NIGHT, (LISBON,), evening + late)

    assert span
    assert span.end_at(evening + timedelta(seconds=1)) == morning
    assert span.end_at(morning) is None
    assert span.end_at(evening + timedelta(days=1, seconds=1)) == morning + timedelta(days=1)


def test_a_number_is_written_to_while_it_is_quiet_in_none_of_its_zones() -> None:
    # In Tokyo it is 21:00 at noon, and 08:00 at 23:00, when New York has 18:00.
    assert NIGHT.opening([TOKYO], NOON) == datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert NIGHT.opening([LISBON], NOON) == NOON
    both = NIGHT.opening([TOKYO, NEW_YORK], NOON)
    assert both == datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert NIGHT.closing([TOKYO, NEW_YORK], both) == datetime(2026, 12, 2, 2, tzinfo=UTC)


def test_zones_without_a_common_moment_are_never_open() -> None:
    long_night = QuietHours(time(17), time(10))

    assert long_night.opening([TOKYO, NEW_YORK], NOON) is None


def test_the_hours_follow_the_clock_when_it_changes() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # an hour before summer begins

    assert NIGHT.opening([BERLIN], before) == datetime(2026, 3, 29, 6, tzinfo=UTC)


def test_a_time_that_the_clock_shows_twice_comes_twice() -> None:
    # In Berlin it is 02:00 to 03:00 twice, from 00:00 and from 01:00 by UTC.
    shown_again = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    night, day = QuietHours(time(21), time(2, 30)), QuietHours(time(2, 30), time(1))

    assert night.is_quiet(BERLIN, shown_again)
    assert night.opening([BERLIN], shown_again) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert day.closing([BERLIN], shown_again) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "evening"),
    [
        (BERLIN, datetime(2026, 10, 24, 18, tzinfo=UTC)),
        (BERLIN, datetime(2026, 3, 28, 18, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 11, 1, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 8, tzinfo=UTC)),  # by half an hour
        ("Asia/Kolkata", datetime(2026, 4, 4, 8, tzinfo=UTC)),
    ],
)
def test_the_opening_is_the_first_moment_that_is_not_quiet(zone: str, evening: datetime) -> None:
    step = timedelta(minutes=15)
    for end in (time(1, 30), time(3), time(8)):
        night = QuietHours(time(21), end)
        moments = [evening + i * step for i in range(120)]
        quiet = [night.is_quiet(zone, at) for at in moments]
        for i, at in enumerate(moments[:60]):
            assert night.opening([zone], at) == moments[quiet.index(False, i)], (end, at)


def test_the_zones_of_a_number_are_those_of_its_prefix() -> None:
    assert zones_of_phone("12125550123") == (NEW_YORK,)
    assert LISBON in zones_of_phone("351912345678")
    assert len(zones_of_phone("351912345678")) == 2
    assert zones_of_phone("351900000001") == zones_of_phone("351912345678")  # of no known range
    assert zones_of_phone("999999999999") == ()
    assert zones_of_phone("5216641234567") == zones_of_phone("526641234567") != ()


@pytest.mark.parametrize(
    ("named", "stored", "phone", "zones"),
    [
        (TOKYO, BERLIN, "12125550123", (TOKYO,)),
        ("", BERLIN, "12125550123", (BERLIN,)),
        ("", "", "12125550123", (NEW_YORK,)),
        ("", "zone 3", "12125550123", (NEW_YORK,)),
        ("", "../UTC", "999999999999", (LISBON,)),
    ],
)
def test_a_zone_is_that_of_the_file_then_of_the_contact_then_of_the_number_then_of_the_account(
    named: str, stored: str, phone: str, zones: tuple[str, ...]
) -> None:
    assert ZoneChoice(NIGHT, LISBON, NOON).choose(named, stored, phone) == zones


def test_the_zone_of_the_account_counts_where_those_of_a_number_have_no_common_moment() -> None:
    long_night = QuietHours(time(18), time(10))

    # A toll-free number may be anywhere from Guam to the Atlantic.
    assert ZoneChoice(long_night, LISBON, NOON).choose("", "", "18005550123") == (LISBON,)
    assert ZoneChoice(long_night, "", NOON).choose("", "", "18005550123") == ("UTC",)


def test_recipients_are_put_in_chunks_by_their_zones_and_each_is_in_one_group() -> None:
    sorter = ZoneSorter(3)
    zones = [(TOKYO,), (LISBON,), (TOKYO,), (TOKYO,), (LISBON,), (NEW_YORK,), (TOKYO,)]
    rows = [(zone, str(i).encode()) for i, zone in enumerate(zones)]

    chunks = [[int(one) for one in chunk] for chunk in sorter.iter_chunks(rows)]

    assert chunks == [[0, 2, 3], [1, 4, 5], [6]]
    placed = [row for chunk in chunks for row in chunk]
    for group in unpack_groups(sorter.pack().decode(), {}):
        own = [placed[i] for one in group.ranges for i in range(one.first, one.first + one.size)]
        assert own == [i for i, zone in enumerate(zones) if zone == group.zones]


def test_a_group_goes_on_where_it_was() -> None:
    group = ZoneGroup((LISBON,), [RowRange(10, 3), RowRange(50, 2)], done=2)

    assert (group.left, group.next_range(9)) == (3, RowRange(12, 1))
    later = ZoneGroup((LISBON,), group.ranges, done=4)
    assert later.next_range(9) == RowRange(51, 1)
    assert ZoneGroup((LISBON,), group.ranges, done=5).next_range(9).size == 0


def test_of_the_open_groups_the_one_whose_day_ends_first_goes_first() -> None:
    zones = [(NEW_YORK,), (TOKYO,), (LISBON,)]
    groups = [ZoneGroup(one, [RowRange(i * 5, 5)]) for i, one in enumerate(zones)]
    at_three = NOON + timedelta(hours=3)

    assert [i for i, _ in order_open(groups, NIGHT, at_three)] == [2, 0]
    assert find_opening(groups[1:2], NIGHT, at_three) == datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert find_opening([], NIGHT, at_three) is None


def test_an_estimate_waits_for_each_morning() -> None:
    group = ZoneGroup(("UTC",), [RowRange(0, 15 * 3600)])

    # Nine hours are left of this day at one message a second, and six are needed of the next.
    end = estimate_end([group], NIGHT, 1, NOON)

    assert end == datetime(2026, 12, 2, 14, tzinfo=UTC)


@pytest.mark.parametrize("count", [50_000, 100_000, 1_000_000])
def test_a_duration_of_months_is_as_long_as_its_first_two_say(count: int) -> None:
    group = ZoneGroup(("UTC",), [RowRange(0, count)])

    takes = estimate_end([group], NIGHT, 1 / 60, NOON) - NOON

    # Thirteen hours of a day, at a message a minute.
    assert takes / timedelta(days=count / (13 * 60)) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    "given",
    ["21:00-08:00", {}, {"from": "21:00"}, {"from": "21:00", "to": "21:00"},
     {"from": "24:00", "to": "08:00"}, {"from": "21:00", "to": "8"},
     {"from": "21:00", "to": "08:00", "zone": "UTC"}],
)  # fmt: skip
def test_quiet_hours_that_cannot_be_read_are_refused(given: object) -> None:
    reader = FieldReader({"quiet_hours": given})

    assert read_quiet_hours(reader, "quiet_hours") is None
    assert [one.pointer for one in reader.errors] == ["#/quiet_hours"]


def test_quiet_hours_are_shown_as_they_were_given() -> None:
    given = {"from": "21:30", "to": "08:00"}

    assert write_quiet_hours(read_quiet_hours(FieldReader({"q": given}), "q")) == given
    assert orjson.loads(ZoneSorter(1).pack()) == []
