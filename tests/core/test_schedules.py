"""Schedules: whatever is asked becomes a schedule or errors, and its moments are those of cron."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest
from gateway.core.api.schedules.cron import find_cron_problem, next_moments
from gateway.core.api.schedules.firing import (
    LATE,
    MOST_COUNTED,
    FiringDecision,
    decide_firing,
    note_firing,
    read_firing_request,
)
from gateway.core.api.schedules.request import (
    FIELDS,
    SendingNumber,
    change_schedule,
    read_schedule,
)
from gateway.core.api.schedules.schedule import (
    FIRINGS_KEPT,
    Schedule,
    ScheduleProgress,
    begin,
    firing_id,
    pack_progress,
    pack_schedule,
    rebase,
    unpack_progress,
    unpack_schedule,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MESSAGE = {"to": "+351912345678", "text": "Good morning", "from": "1234"}
WANTED: dict[str, Any] = {"cron": "0 9 * * *", "zone": "Europe/Lisbon", "message": MESSAGE}
HOURLY = Schedule("0 * * * *", "UTC", MESSAGE)


def read(**fields: Any) -> Schedule:
    schedule, errors = read_schedule(WANTED | fields, SendingNumber("1234"), NOW)
    assert schedule is not None, errors
    return schedule


def refused(**fields: Any) -> list[FieldError]:
    schedule, errors = read_schedule(WANTED | fields, SendingNumber("1234"), NOW)
    assert schedule is None
    return errors


def local(cron: str, zone: str, day: str, most: int) -> list[str]:
    """Return the next moments in local time, with the offset from UTC."""
    after = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    moments = next_moments(cron, zone, after.astimezone(UTC), most)
    return [f"{one.astimezone(ZoneInfo(zone)):%m-%d %H:%M %z}" for one in moments]


# The clock goes forward in Lisbon from 01:00 to 02:00, in New York from 02:00 to 03:00.
CHANGES: dict[str, tuple[str, str, str, list[str]]] = {
    "Lisbon, in the gap": (
        "30 1 * * *", "Europe/Lisbon", "2026-03-28 00:00",
        ["03-28 01:30 +0000", "03-29 02:00 +0100", "03-30 01:30 +0100"],
    ),
    "Lisbon, in the hour that comes twice": (
        "30 1 * * *", "Europe/Lisbon", "2026-10-24 00:00",
        ["10-24 01:30 +0100", "10-25 01:30 +0100", "10-26 01:30 +0000"],
    ),
    "New York, in the gap": (
        "30 2 * * *", "America/New_York", "2026-03-07 00:00",
        ["03-07 02:30 -0500", "03-08 03:00 -0400", "03-09 02:30 -0400"],
    ),
    "New York, in the hour that comes twice": (
        "30 1 * * *", "America/New_York", "2026-10-31 00:00",
        ["10-31 01:30 -0400", "11-01 01:30 -0400", "11-02 01:30 -0500"],
    ),
    "each hour, through the gap": (
        "0 * * * *", "Europe/Lisbon", "2026-03-28 23:30",
        ["03-29 00:00 +0000", "03-29 02:00 +0100", "03-29 03:00 +0100"],
    ),
    "each hour, through the hour that comes twice": (
        "0 * * * *", "Europe/Lisbon", "2026-10-25 00:30",
        ["10-25 01:00 +0100", "10-25 01:00 +0000", "10-25 02:00 +0000"],
    ),
    "not in a zone without such changes": (
        "30 1 * * *", "Asia/Tokyo", "2026-03-28 00:00",
        ["03-28 01:30 +0900", "03-29 01:30 +0900", "03-30 01:30 +0900"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cron", "zone", "day", "wanted"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_the_clock_neither_drops_nor_doubles_a_moment(
    cron: str, zone: str, day: str, wanted: list[str]
) -> None:
    assert local(cron, zone, day, len(wanted)) == wanted


def test_in_the_second_time_of_an_hour_no_moment_is_one_of_the_first() -> None:
    after = datetime(
        2026,
        10,
        25,
        1,
        10,
        tzinfo=ZoneInfo("Europe/Lisbon"),
    )
    second_time = after.replace(fold=1).astimezone(UTC)

    (first,) = next_moments("45 1 * * *", "Europe/Lisbon", second_time, 1)

    assert first == datetime(2026, 10, 26, 1, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("", "must have five fields"),
        ("0 9 * *", "must have five fields"),
        ("0 0 9 * * *", "seconds are not supported"),
        ("@daily", "must have five fields"),
        ("61 9 * * *", "bad minute"),
        ("0 9 31 2 *", "bad day-of-month"),
        ("0 9 * * FREITAG", "bad day-of-week"),
        ("0 9 * 2 MON#5,", "bad day-of-week"),
        ("0 9 * * " + "MON," * 40, "at most 128 characters"),
    ],
)
def test_an_expression_that_is_none_or_never_comes_is_refused(cron: str, why: str) -> None:
    (error,) = refused(cron=cron)

    assert error.pointer == "#/cron"
    assert why in error.detail


@given(st.text(max_size=20) | st.text("0123456789*/,-LW# MONFRI", max_size=30))
def test_any_text_is_an_expression_or_has_a_problem(text: str) -> None:
    if not find_cron_problem(text):
        assert next_moments(text, "Europe/Lisbon", NOW, 1)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(max_size=5) | st.integers()))
def test_whatever_comes_is_a_schedule_or_errors_with_pointers(fields: dict[str, Any]) -> None:
    schedule, errors = read_schedule(fields, SendingNumber("1234", "UTC"), NOW)

    assert (schedule is None) == bool(errors)
    assert all(one.pointer.startswith("#") for one in errors)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown zone": ({"zone": "Europe/Lissabon"}, "#/zone"),
    "a path for a zone": ({"zone": "../../etc/passwd"}, "#/zone"),
    "no zone": ({"zone": None}, "#/zone"),
    "an end in the past": ({"until": "2026-11-30T11:00:00Z"}, "#/until"),
    "an end before the first moment": ({"until": "2026-11-30T13:00:00Z"}, "#/until"),
    "each minute until the past": (
        {"cron": "* * * * *", "until": "2026-11-29T12:00:00Z"}, "#/until",
    ),
    "an end without an offset": ({"until": "2026-12-30T11:00:00"}, "#/until"),
    "an end in a hundred years": ({"until": "2126-12-30T11:00:00Z"}, "#/until"),
    "no sends at all": ({"count": 0}, "#/count"),
    "a third way to miss": ({"missed": "all"}, "#/missed"),
    "paused as a word": ({"paused": "yes"}, "#/paused"),
    "a message that is none": ({"message": "Hello"}, "#/message"),
    "a message with a time": ({"message": MESSAGE | {"send_at": "x"}}, "#/message/send_at"),
    "a message with an end": ({"message": MESSAGE | {"expires_at": "x"}}, "#/message/expires_at"),
    "a message of a book": ({"message": MESSAGE | {"text": "x" * 17_000}}, "#/message"),
    "a message that goes first": (
        {"message": MESSAGE | {"priority": "reply"}}, "#/message/priority",
    ),
    "a wrong message": ({"message": MESSAGE | {"to": "1"}}, "#/message/to"),
    "another number": ({"message": MESSAGE | {"from": "5678"}}, "#/message/from"),
    "an unknown field": ({"crom": "0 9 * * *"}, "#/crom"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "pointer"), WRONG.values(), ids=WRONG)
def test_each_mistake_is_named_by_its_place(fields: dict[str, Any], pointer: str) -> None:
    assert [one.pointer for one in refused(**fields)] == [pointer]


def test_all_mistakes_are_named_at_once() -> None:
    found = refused(cron="x", zone="x", message=1, missed="x", until="x", count="x", paused=1)

    assert {one.pointer for one in found} == {
        f"#/{name}" for name in ("cron", "zone", "message", "missed", "until", "count", "paused")
    }


def test_a_schedule_comes_back_as_it_was_stored() -> None:
    schedule = read(until="2027-01-01T00:00:00Z", count=3, missed="once", name="mornings")
    progress = replace(begin(schedule, ScheduleProgress(), NOW), skipped=2, failed=1)

    assert unpack_schedule(pack_schedule(schedule)) == schedule
    assert unpack_progress(pack_progress(progress)) == progress


def test_a_row_with_less_or_more_than_is_known_is_read() -> None:
    assert (
        unpack_schedule(b'{"cron":"0 9 * * *","zone":"UTC","message":{},"later":1}').count is None
    )
    assert unpack_progress(b"{}") == ScheduleProgress()


DAY = timedelta(days=1)
AT = datetime(2026, 11, 30, 9, tzinfo=UTC)
DECISIONS: dict[str, tuple[dict[str, Any], timedelta, FiringDecision]] = {
    "too early": ({}, -timedelta(seconds=1), FiringDecision(None, 0, AT)),
    "on time": ({}, timedelta(0), FiringDecision(AT, 0, AT + DAY / 24)),
    "a minute late": ({}, LATE, FiringDecision(AT, 0, AT + DAY / 24)),
    "more than a minute late": (
        {}, LATE + timedelta(milliseconds=1), FiringDecision(None, 1, AT + DAY / 24),
    ),
    "three hours late, on the hour": (
        {}, timedelta(hours=3), FiringDecision(AT + DAY / 8, 3, AT + DAY / 6),
    ),
    "three hours late, once for all": (
        {"missed": "once"}, timedelta(hours=3), FiringDecision(AT, 3, AT + DAY / 6),
    ),
    "late beyond its end": (
        {"missed": "once", "until": AT + DAY / 24}, 2 * DAY, FiringDecision(None, 2, None),
    ),
    "its last moment": ({"until": AT}, timedelta(0), FiringDecision(AT, 0, None)),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "late", "wanted"), DECISIONS.values(), ids=DECISIONS)
def test_what_is_due_makes_a_send_and_what_was_missed_does_as_it_was_asked(
    fields: dict[str, Any], late: timedelta, wanted: FiringDecision
) -> None:
    assert decide_firing(replace(HOURLY, **fields), AT, AT + late) == wanted


def test_a_year_of_missed_minutes_is_passed_at_once() -> None:
    minutely = replace(HOURLY, cron="* * * * *")

    decision = decide_firing(minutely, AT, AT + 365 * DAY)

    assert decision.at == AT + 365 * DAY - LATE
    assert decision.skipped == 1 + MOST_COUNTED


def test_the_last_send_of_a_count_ends_a_schedule() -> None:
    schedule, progress = replace(HOURLY, count=2), ScheduleProgress(AT)
    for send in ("first", "", "second"):
        assert progress.next_at
        decision = decide_firing(schedule, progress.next_at, progress.next_at)
        progress = note_firing(schedule, progress, decision, send, progress.next_at)

    assert (progress.next_at, progress.fired, progress.failed) == (None, 2, 1)
    assert progress.ended_at
    assert [one.send for one in progress.firings] == ["second", "", "first"]


def test_only_the_last_firings_are_kept() -> None:
    progress = ScheduleProgress(AT)
    for turn in range(20):
        assert progress.next_at
        decision = decide_firing(HOURLY, progress.next_at, progress.next_at)
        progress = note_firing(HOURLY, progress, decision, f"{turn}", progress.next_at)

    assert [one.send for one in progress.firings] == [f"{n}" for n in range(19, 9, -1)]
    assert len(progress.firings) == FIRINGS_KEPT


def test_each_moment_has_an_id_of_its_own() -> None:
    ids = {firing_id(one, AT + k * DAY) for one in ("first", "second") for k in range(3)}

    assert len(ids) == 6
    assert {len(one) for one in ids} == {24}


def test_a_send_without_a_reference_is_found_by_its_schedule() -> None:
    named = read_firing_request(HOURLY, "the id")
    referred = read_firing_request(replace(HOURLY, message=MESSAGE | {"reference": "own"}), "id")

    assert isinstance(named, MessageRequest)
    assert isinstance(referred, MessageRequest)
    assert (named.reference, referred.reference) == ("the id", "own")


def changed(before: Schedule, now: datetime = NOW, **changes: Any) -> Schedule | list[str]:
    schedule, errors = change_schedule(before, changes, SendingNumber("1234", "UTC"), now)
    return schedule or [one.pointer for one in errors]


def test_a_change_keeps_what_it_does_not_name_and_clears_what_is_null() -> None:
    before = read(until="2027-01-01T00:00:00Z", count=3, name="mornings", missed="once")

    assert changed(before, cron="0 10 * * *", count=None) == replace(
        before, cron="0 10 * * *", count=None
    )
    assert changed(before, until=None, name=None, missed=None, zone=None, paused=None) == replace(
        before, until=None, name="", missed="skip", zone="UTC"
    )


def test_what_is_wrong_by_now_keeps_nothing_from_being_paused() -> None:
    before = replace(read(until="2027-01-01T00:00:00Z"), message={"of": "another release"})
    later = NOW + 365 * DAY

    assert changed(before, later, paused=True) == replace(before, paused=True)
    assert changed(before, later, cron="0 10 * * *") == ["#/until"]
    assert changed(before, message=MESSAGE | {"from": "5678"}) == ["#/message/from"]
    assert changed(before, cron=None, message=None) == ["#/cron", "#/message"]


def test_a_change_moves_the_next_moment_only_where_it_says_so() -> None:
    due = ScheduleProgress(AT, fired=2)
    late = AT + timedelta(seconds=1)

    def next_at(**fields: Any) -> datetime | None:
        return rebase(HOURLY, replace(HOURLY, **fields), due, late).next_at

    assert next_at(name="other", message={}, count=3, until=NOW + DAY) == AT
    assert next_at(cron="30 * * * *") == AT + DAY / 48
    assert [next_at(count=2), next_at(until=AT - DAY), next_at(paused=True)] == [None] * 3
    assert rebase(replace(HOURLY, paused=True), HOURLY, ScheduleProgress(), late).next_at == (
        AT + DAY / 24
    )


def test_a_national_number_is_stored_with_its_country() -> None:
    sender = SendingNumber("1234", "Europe/Lisbon", "PT")
    wanted = {"cron": "0 9 * * *", "message": {"to": "912 345 678", "text": "Hi"}}

    schedule, _ = read_schedule(wanted, sender, NOW)

    assert schedule
    assert schedule.zone == "Europe/Lisbon"
    assert schedule.message == {"to": "+351912345678", "text": "Hi", "from": "1234"}
