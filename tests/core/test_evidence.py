"""Silence is evidence only when everything that could have spoken was able to."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.core.sending.resend_policy import (
    CONFIRM_WAIT,
    DoubtEvidence,
    StatusStream,
    decide_resend,
    whole_again_at,
)
from tests.support.factories import NOW

DOUBT = DoubtEvidence(attempted_at=NOW, is_template=False, repeated=False, overtaken=False)
LATER = NOW + CONFIRM_WAIT + timedelta(seconds=1)
WHOLE = StatusStream(whole_from=NOW, proved_to=NOW + timedelta(seconds=5), worked_off_to=LATER)


@pytest.mark.parametrize(
    ("doubt", "stream", "now", "wanted"),
    [
        (DOUBT, WHOLE, LATER, "again"),
        (DOUBT, WHOLE, NOW + CONFIRM_WAIT / 2, "wait"),
        (DOUBT, replace(WHOLE, proved_to=None), LATER, "wait"),
        (DOUBT, replace(WHOLE, proved_to=NOW - timedelta(seconds=1)), LATER, "wait"),
        (DOUBT, replace(WHOLE, whole_from=LATER + timedelta(hours=1)), LATER, "wait"),
        (DOUBT, replace(WHOLE, worked_off_to=NOW), LATER, "wait"),
        (DOUBT, replace(WHOLE, lost_to=NOW), LATER, "leave"),
        (DOUBT, replace(WHOLE, lost_to=NOW - timedelta(seconds=1)), LATER, "again"),
        (replace(DOUBT, is_template=True), WHOLE, LATER, "leave"),
        (replace(DOUBT, repeated=True), WHOLE, LATER, "leave"),
        (replace(DOUBT, overtaken=True), WHOLE, LATER, "leave"),
    ],
    ids=[
        "whole, proved and worked off",
        "before the confirm wait",
        "no later send had its status",
        "only earlier sends had theirs",
        "after a gap",
        "something kept before is waiting",
        "statuses of its time are lost",
        "statuses of earlier times are lost",
        "a template",
        "repeated before",
        "overtaken in its lane",
    ],
)
def test_a_doubt_is_repeated_only_on_whole_evidence(
    doubt: DoubtEvidence, stream: StatusStream, now: datetime, wanted: str
) -> None:
    assert decide_resend(doubt, stream, "evidence", now) == wanted


def test_an_operator_may_say_never_or_always() -> None:
    silent = replace(WHOLE, proved_to=None)

    assert decide_resend(DOUBT, WHOLE, "never", LATER) == "leave"
    assert decide_resend(DOUBT, silent, "always", NOW) == "wait"
    assert decide_resend(DOUBT, silent, "always", LATER) == "again"
    assert decide_resend(replace(DOUBT, repeated=True), silent, "always", LATER) == "leave"


# When a refused webhook is posted again, in seconds after the first time. Meta publishes none;
# these are the usual shapes, each pause at most three times the moment before it.
SCHEDULES = {
    "steady": (0, 10, 30, 60, 120, 300, 600, 1200, 2400, 4800, 9600),
    "doubling": tuple(2**i for i in range(15)),
    "tripling": tuple(3**i for i in range(10)),
}


def repeats_wrongly(outage_s: int, schedule: tuple[int, ...], *, with_gaps: bool) -> bool:
    """Simulate: Meta had the send, and its answer and its status met the same outage."""
    end = NOW + timedelta(seconds=outage_s)
    confirmed = NOW + timedelta(seconds=min(t for t in schedule if t >= outage_s))
    whole_from = whole_again_at(end, end - NOW) if with_gaps else NOW
    for second in range(outage_s, 4 * outage_s + 600):
        now = NOW + timedelta(seconds=second)
        if now >= confirmed:
            return False
        # Traffic goes on at once, and each later send has its status within a second.
        proved_to = now - timedelta(seconds=1) if now > end + timedelta(seconds=2) else None
        if (
            decide_resend(DOUBT, StatusStream(whole_from, proved_to, now), "evidence", now)
            == "again"
        ):
            return True
    return False


@pytest.mark.parametrize("name", SCHEDULES)
def test_after_an_outage_of_any_length_nothing_that_meta_had_is_sent_again(name: str) -> None:
    outages = range(2, 3000, 37)

    assert not any(repeats_wrongly(s, SCHEDULES[name], with_gaps=True) for s in outages)


def test_without_the_gap_rule_every_outage_from_two_minutes_on_would_send_again() -> None:
    outages = [s for s in range(121, 3000, 37) if s not in SCHEDULES["steady"]]

    wrong = [repeats_wrongly(s, SCHEDULES["steady"], with_gaps=False) for s in outages]

    assert sum(wrong) / len(wrong) > 0.9
