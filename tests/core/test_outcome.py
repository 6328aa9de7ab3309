"""From a verdict to the next step of a send, as a table."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.outcome import Attempt, Outcome, outcome
from gateway.core.verdict import Accepted, Dead, Later, Unconfirmed, Verdict
from tests.made import NOW

HOUR = timedelta(hours=1)
LATER = Later(131000, "again", "send", None, "down")
UNKNOWN = Unconfirmed("no answer")
DEAD = Dead(131047, "closed", "24 hours")


def an_attempt(**others: Any) -> Attempt:
    given: dict[str, Any] = {
        "send": "s", "number": 1, "planned_at": NOW, "first_at": NOW, "began_at": NOW,
        "expires_at": NOW + HOUR,
        "body": {"text": "secret"}, "rule": "r", "rank": "reply", "repeatable": False,
    }  # fmt: skip
    return Attempt(**(given | others))


def came(verdict: Verdict, jitter: float = 0.5, **others: Any) -> Outcome:
    return outcome(an_attempt(**others), verdict, NOW, jitter)


@pytest.mark.parametrize(
    ("verdict", "attempt", "step", "wait_ms"),
    [
        (Accepted("wamid.o", "accepted"), {}, "accepted", 0),
        (Accepted("", ""), {"number": 8}, "accepted", 0),
        (DEAD, {}, "dead", 0),
        (LATER, {}, "later", 500),
        (LATER, {"number": 3}, "later", 8_000),
        (LATER, {"number": 7}, "later", 150_000),
        (Later(4, "slow", "app", 60.0), {}, "later", 60_500),
        (Later(131056, "pair", "pair", None), {"number": 2}, "later", 4_000),
        (LATER, {"number": 8}, "dead", 0),
        (LATER, {"number": 9, "spent": 8}, "later", 500),
        (LATER, {"number": 15, "spent": 8}, "later", 150_000),
        (LATER, {"number": 16, "spent": 8}, "dead", 0),
        (LATER, {"expires_at": NOW + timedelta(seconds=0.5)}, "dead", 0),
        (UNKNOWN, {}, "unconfirmed", 1_795_352_400_000),
        (UNKNOWN, {"number": 8}, "unconfirmed", 1_795_352_400_000),
        (Accepted("", ""), {"repeatable": True}, "accepted", 0),
        (DEAD, {"repeatable": True}, "dropped", 0),
        (LATER, {"repeatable": True}, "later", 1_000),
        (UNKNOWN, {"repeatable": True}, "later", 1_000),
        (LATER, {"repeatable": True, "first_at": NOW - timedelta(seconds=11)}, "dropped", 0),
        (UNKNOWN, {"repeatable": True, "first_at": NOW - timedelta(seconds=11)}, "dropped", 0),
    ],
    ids=[
        "accepted", "accepted without a wamid, the last attempt", "refused for good",
        "again after a first backoff", "longer after the third", "at most five minutes",
        "after what Meta asks for", "a pair waits without jitter", "given up after eight",
        "a redrive begins with the first backoff", "and goes on to the last",
        "given up after eight since the redrive",
        "given up where it would expire", "unconfirmed until it expires",
        "unconfirmed though it was the last attempt", "repeatable accepted",
        "repeatable refused for good", "repeatable again", "repeatable repeated without evidence",
        "repeatable dropped after ten seconds", "repeatable unknown dropped after ten seconds",
    ],
)  # fmt: skip
def test_each_verdict_leads_to_one_step(
    verdict: Verdict, attempt: dict[str, Any], step: str, wait_ms: int
) -> None:
    found = came(verdict, **attempt)

    assert (found.step, found.wait_ms) == (step, wait_ms)


def test_an_outcome_names_its_attempt_and_the_message() -> None:
    found = came(Accepted("wamid.o", "held_for_quality_assessment"), number=2)

    assert found == Outcome(
        "s", 2, "accepted", "wamid.o", 0, "",
        '{"outcome":"accepted","ms":0,"message_status":"held_for_quality_assessment"}',
    )  # fmt: skip


def test_a_refusal_is_told_as_error_and_in_the_history() -> None:
    found = came(DEAD)

    assert json.loads(found.error) == {"code": 131047, "reason": "closed", "details": "24 hours"}
    assert json.loads(found.note) == json.loads(found.error) | {"outcome": "dead", "ms": 0}


def test_giving_up_says_after_how_many_attempts() -> None:
    assert json.loads(came(LATER, number=8).error)["gave_up_after"] == 8
    assert json.loads(came(LATER, number=21, spent=13).error)["gave_up_after"] == 8


@pytest.mark.parametrize(("began_s_ago", "took_ms"), [(1.25, 1_250), (-1, 0)])
def test_an_outcome_tells_how_long_the_attempt_took(began_s_ago: float, took_ms: int) -> None:
    found = came(DEAD, began_at=NOW - timedelta(seconds=began_s_ago))

    assert json.loads(found.note)["ms"] == took_ms


def test_the_body_of_an_attempt_is_not_in_its_repr() -> None:
    assert "secret" not in repr(an_attempt())
