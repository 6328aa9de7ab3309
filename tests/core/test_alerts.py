"""A cause is told once when it begins and once when it is over, whatever happens in between."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.alerts import (
    GIVE_UP_MS,
    LONGEST_PAUSE_MS,
    MAX_ALERT_STATES,
    QUIET_MS,
    Alert,
    AlertState,
    Cause,
    alert_changes,
    alert_payload,
)

T = 1_795_374_900_000
FULL = Alert(Cause("memory_full"), "critical", "Redis is full.", "Give it more memory.")
KEY = FULL.cause.key
BEGUN = AlertState("id", FULL, T)
HEARD = replace(BEGUN, heard=True)
ENDED = replace(HEARD, until_ms=T + 5)


def after(told: AlertState | None, *, true: bool) -> AlertState | None:
    """Return what is told of the cause once the two were compared."""
    before = {KEY: told} if told else {}
    return alert_changes(before, {KEY: FULL} if true else {}, T + 9).get(KEY, told)


COMPARED: dict[str, tuple[AlertState | None, bool, AlertState | None]] = {
    "nothing is the matter": (None, False, None),
    "it lasts": (HEARD, True, HEARD),
    "it is not true any more": (HEARD, False, replace(HEARD, until_ms=T + 9)),
    "it ended before": (ENDED, False, ENDED),
    "it is true again": (ENDED, True, HEARD),
    "it is true again and somebody may have heard of its end": (
        replace(ENDED, tries=1), True, replace(ENDED, tries=1),
    ),
    "it ended and nobody has heard of its beginning": (
        replace(BEGUN, tries=3), False, replace(BEGUN, tries=3, until_ms=T + 9),
    ),
    "it is true again and nobody has heard of its beginning": (
        replace(BEGUN, tries=3, until_ms=T + 5), True, replace(BEGUN, tries=3),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("told", "true", "then"), COMPARED.values(), ids=COMPARED)
def test_what_changes(told: AlertState | None, true: bool, then: AlertState | None) -> None:
    assert after(told, true=true) == then


def test_a_cause_that_lasts_in_other_words_ends_with_the_last_ones() -> None:
    worse = replace(FULL, title="Redis is fuller.")

    lasting = alert_changes({KEY: HEARD}, {KEY: worse}, T + 9)[KEY]
    ended = alert_changes({KEY: lasting}, {}, T + 20)[KEY]

    assert (lasting, lasting.is_due(T + 9)) == (replace(HEARD, alert=worse), False)
    assert alert_payload(ended)["text"].endswith("Redis is fuller.")


def test_a_cause_that_begins_has_an_id_of_its_own_each_time() -> None:
    first, again = (alert_changes({}, {KEY: FULL}, now)[KEY] for now in (T, T + 1))

    assert (first.alert, first.since_ms, first.state) == (FULL, T, "begun")
    assert first.id != again.id


def test_no_more_causes_begin_than_a_person_can_read() -> None:
    many = {str(i): FULL for i in range(MAX_ALERT_STATES + 50)}
    told = {str(i): replace(BEGUN, until_ms=T) for i in range(10)}

    found = alert_changes(told, many, T)

    assert len(found) == MAX_ALERT_STATES
    assert set(told) <= set(found)


DUE: dict[str, tuple[AlertState, int, bool]] = {
    "at once when it begins": (BEGUN, T, True),
    "not while somebody tells it": (BEGUN.after_attempt(T), T + 9_999, False),
    "again after a pause": (BEGUN.after_attempt(T), T + 10_000, True),
    "not while it lasts": (HEARD, T + GIVE_UP_MS, False),
    "not at once when it is over": (ENDED, T + QUIET_MS, False),
    "once it has stayed away": (ENDED, T + QUIET_MS + 5, True),
    "where the clock stepped back since": (BEGUN.after_attempt(T), T - 300_000, True),
    "where the clock stepped back since its end": (ENDED, T - 60_000, True),
    "its beginning first": (replace(BEGUN, until_ms=T), T, True),
}


@pytest.mark.parametrize(("told", "now_ms", "due"), DUE.values(), ids=DUE)
def test_when_there_is_something_to_tell(told: AlertState, now_ms: int, due: bool) -> None:
    assert told.is_due(now_ms) == due


def test_pauses_grow_up_to_a_bound() -> None:
    told, pauses = BEGUN, []
    for _ in range(12):
        told = told.after_attempt(T)
        pauses.append((told.next_ms - T) // 1000)

    assert pauses[:7] == [10, 20, 40, 80, 160, 300, 300]
    assert pauses[-1] * 1000 == LONGEST_PAUSE_MS


@pytest.mark.parametrize(
    ("told", "then"),
    [
        (BEGUN.after_attempt(T), HEARD),
        (replace(BEGUN, until_ms=T + 5).after_attempt(T), ENDED),
        (ENDED.after_attempt(T), None),
    ],
    ids=["its beginning", "its beginning when it is over already", "its end"],
)
def test_what_is_left_to_do_once_it_was_heard(told: AlertState, then: AlertState | None) -> None:
    assert told.after_delivery() == then


OVER: dict[str, tuple[AlertState, int, int, bool]] = {
    "while it lasts": (HEARD, T + 9 * GIVE_UP_MS, GIVE_UP_MS, False),
    "after a day": (ENDED, T + 5 + GIVE_UP_MS, GIVE_UP_MS, True),
    "before": (ENDED, T + 4 + GIVE_UP_MS, GIVE_UP_MS, False),
    "where nobody is told, once it has stayed away": (ENDED, T + 5 + QUIET_MS, 0, True),
    "where nobody is told, before": (ENDED, T + 4 + QUIET_MS, 0, False),
}


@pytest.mark.parametrize(("told", "now_ms", "keep_ms", "over"), OVER.values(), ids=OVER)
def test_when_an_end_is_forgotten(told: AlertState, now_ms: int, keep_ms: int, over: bool) -> None:
    assert told.is_over(now_ms, keep_ms) == over


def test_what_is_posted_when_it_begins() -> None:
    alert = replace(FULL, cause=Cause("dead_letters", "refused 190", "106"))

    assert alert_payload(AlertState("id", alert, T)) == {
        "id": "id",
        "state": "begun",
        "cause": "dead_letters",
        "detail": "refused 190",
        "number": "106",
        "severity": "critical",
        "title": "Redis is full.",
        "advice": "Give it more memory.",
        "since": "2026-11-22T19:15:00+00:00",
        "until": None,
        "text": "Critical: Number 106: Redis is full. Give it more memory.",
    }


def test_what_is_posted_when_it_is_over() -> None:
    told: dict[str, Any] = alert_payload(replace(HEARD, until_ms=T + 754_000))

    assert (told["id"], told["state"], told["until"]) == (
        "id", "ended", "2026-11-22T19:27:34+00:00",
    )  # fmt: skip
    assert told["text"] == "Over after 0:12:34: Redis is full."
