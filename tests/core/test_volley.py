"""A program that answers each reply is told from a person who writes fast."""

from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.loop_guard import MOST_QUICK, Volley, after_reply, is_loop, latest_volley
from gateway.core.events import Event
from tests.support.factories import NOW, a_message, a_status

LAST = Volley(NOW, MOST_QUICK)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def volley_of(pauses: list[float], **message: Any) -> tuple[Volley | None, bool]:
    """Reply at once to each message, written so many seconds after the reply before."""
    volley, now = None, NOW
    for pause in pauses:
        now += seconds(pause)
        event = a_message(at=now, **message)
        if is_loop(volley, event):
            return volley, True
        volley = after_reply(volley, event, now)
    return volley, False


@pytest.mark.parametrize(
    ("pauses", "message", "loops"),
    [
        pytest.param([2] * 13, {}, False, id="twelve quick replies"),
        pytest.param([2] * 14, {}, True, id="one more"),
        pytest.param([5] * 14, {}, True, id="five seconds each"),
        pytest.param([5.1] * 60, {}, False, id="a little slower"),
        pytest.param([*[2] * 12, 6, *[2] * 12], {}, False, id="a pause between"),
        pytest.param([2] * 14, {"type": "unsupported"}, True, id="its buttons"),
        pytest.param([2] * 60, {"type": "interactive"}, False, id="taps"),
        pytest.param([0.1] * 60, {"type": "image"}, False, id="an album"),
    ],
)
def test_a_loop_is_who_answers_each_reply_within_seconds(
    pauses: list[float], message: dict[str, Any], loops: bool
) -> None:
    assert volley_of(pauses, **message)[1] is loops


@pytest.mark.parametrize(
    ("event", "loops"),
    [
        pytest.param(a_message(at=NOW - seconds(0.9)), True, id="within a rounded second"),
        pytest.param(a_message(at=NOW - seconds(1)), False, id="written before the reply"),
        pytest.param(a_status("w", "failed", at=NOW + seconds(3)), True, id="a status"),
        pytest.param(a_message(at=NOW + seconds(6)), False, id="later"),
    ],
)
def test_only_what_follows_a_reply_at_once_is_one_too_many(event: Event, loops: bool) -> None:
    assert is_loop(LAST, event) is loops


def test_nobody_loops_before_the_first_reply() -> None:
    assert not is_loop(None, a_message())


def test_of_two_names_the_latest_reply_counts() -> None:
    later = Volley(NOW + seconds(1))

    assert (
        latest_volley(LAST, later)
        == latest_volley(later, LAST)
        == latest_volley(later, None)
        == later
    )
    assert latest_volley(None, None) is None
