"""A program that answers each reply is told from a person who writes fast."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.loop_guard import (
    MOST_QUICK,
    MOST_REPEATED,
    QUICK_REASON,
    REPEATED_REASON,
    Repetition,
    Volley,
    after_reply,
    digest_exchange,
    latest_volley,
    loop_reason,
)
from gateway.core.events import Event
from tests.support.factories import NOW, a_message, a_status

LAST = Volley(NOW, MOST_QUICK)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def volley_of(
    pauses: Sequence[float], said: str = "", rule: str = "a", **message: Any
) -> tuple[Volley | None, str]:
    """Reply at once to each message, written so many seconds after the reply before.

    The messages say these letters in turn, each nothing that was said before if there are none.
    """
    volley, now = None, NOW
    for n, pause in enumerate(pauses):
        now += seconds(pause)
        event = a_message(at=now, **message)
        exchange = digest_exchange(said[n % len(said)] if said else str(n), [rule])
        if reason := loop_reason(volley, event, exchange):
            return volley, reason
        volley = after_reply(volley, event, exchange, now)
    return volley, ""


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
    assert volley_of(pauses, **message)[1] == (QUICK_REASON if loops else "")


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
    assert loop_reason(LAST, event, "") == (QUICK_REASON if loops else "")


def test_nobody_loops_before_the_first_reply() -> None:
    assert not loop_reason(None, a_message(), "x")


def test_of_two_names_the_latest_reply_counts() -> None:
    later = Volley(NOW + seconds(1))

    assert (
        latest_volley(LAST, later)
        == latest_volley(later, LAST)
        == latest_volley(later, None)
        == later
    )
    assert latest_volley(None, None) is None


ALL = [7] * (MOST_REPEATED + 1)


@pytest.mark.parametrize(
    ("pauses", "said", "message", "loops"),
    [
        pytest.param(ALL[1:], "a", {}, False, id="five times"),
        pytest.param(ALL, "a", {}, True, id="once more"),
        pytest.param(ALL, "", {}, False, id="another text each time"),
        pytest.param(ALL * 4, "ab", {}, False, id="two texts in turn"),
        pytest.param(ALL * 4, "aaaab", {}, False, id="another text between"),
        pytest.param([719] * 6, "a", {}, True, id="within an hour"),
        pytest.param([721] * 20, "a", {}, False, id="more than an hour"),
        pytest.param([-2] * 20, "a", {}, False, id="written before the reply"),
        pytest.param(ALL * 4, "a", {"type": "interactive"}, False, id="taps"),
        pytest.param(ALL * 4, "a", {"type": "image"}, False, id="captions"),
    ],
)
def test_a_text_that_comes_again_and_again_is_a_loop(
    pauses: Sequence[float], said: str, message: dict[str, Any], loops: bool
) -> None:
    assert volley_of(pauses, said, **message)[1] == (REPEATED_REASON if loops else "")


def test_a_tap_between_begins_the_count_anew() -> None:
    volley, _ = volley_of(ALL[1:], "a")
    tap = a_message(type="interactive", at=NOW + seconds(60))

    after = after_reply(volley, tap, digest_exchange("a", ["a"]), NOW + seconds(60))

    assert volley is not None
    assert volley.repeated is not None
    assert volley.repeated.times == MOST_REPEATED
    assert after.repeated is None


def test_nothing_of_a_text_is_kept_but_its_digest() -> None:
    exchange = digest_exchange("secret", ["a"])

    volley = after_reply(None, a_message(), exchange, NOW)

    assert volley.repeated == Repetition(exchange, NOW, 1)
    assert len(bytes.fromhex(exchange)) == 8
