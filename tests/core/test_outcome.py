"""From a verdict to the next step of a send, as a table."""

import json
from datetime import timedelta
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.sending.outcome import Attempt, Outcome, decide_outcome
from gateway.core.sending.response import (
    Accepted,
    Later,
    Paused,
    Refused,
    TemplateStopped,
    Unconfirmed,
    Verdict,
    WindowClosed,
)
from tests.support.factories import NOW

HOUR = timedelta(hours=1)
LATER = Later(131000, "again", "send", None, "down")
UNKNOWN = Unconfirmed("no answer")
DEAD = Refused(131026, "undeliverable", "no WhatsApp")
CLOSED = WindowClosed("closed", "24 hours")
PAUSED = Paused(190, "Renew the token.", "account", "expired")
SLOWER = Later(130429, "slow", "number", 1.0)
LONG_AGO = {"repeatable": True, "first_at": NOW - timedelta(seconds=11)}


def an_attempt(**others: Any) -> Attempt:
    given: dict[str, Any] = {
        "send": "s", "ordinal": 1, "planned_at": NOW, "first_at": NOW, "began_at": NOW,
        "expires_at": NOW + HOUR,
        "body": {"text": "secret"}, "rule": "r", "priority": "reply", "repeatable": False,
        "contact": Contact("c"),
    }  # fmt: skip
    return Attempt(**(given | others))


def came(verdict: Verdict, jitter: float = 0.5, **others: Any) -> Outcome:
    return decide_outcome(an_attempt(**others), verdict, NOW, jitter)


@pytest.mark.parametrize(
    ("verdict", "attempt", "step", "wait_ms"),
    [
        (Accepted("wamid.o", "accepted"), {}, "accepted", 0),
        (Accepted("", ""), {"ordinal": 8}, "accepted", 0),
        (DEAD, {}, "dead", 0),
        (LATER, {}, "later", 500),
        (LATER, {"ordinal": 3}, "later", 8_000),
        (LATER, {"ordinal": 7}, "later", 150_000),
        (Later(4, "slow", "app", 60.0), {}, "rests", 60_000),
        (Later(80007, "slow", "account", 60.0), {"ordinal": 9}, "rests", 60_000),
        (Later(None, "no file left", "number", 1.0), {"ordinal": 8}, "rests", 1_000),
        (SLOWER, {"ordinal": 9}, "slower", 1_000),
        (SLOWER, {"repeatable": True}, "slower", 1_000),
        (SLOWER, LONG_AGO, "dropped", 0),
        (Later(131056, "pair", "pair", None), {"ordinal": 9}, "pair", 1_000),
        (Later(131056, "pair", "pair", None), {"pair_refusals": 2}, "pair", 16_000),
        (Later(131056, "pair", "pair", None), {"pair_refusals": 9}, "pair", 300_000),
        (PAUSED, {"ordinal": 9}, "paused", 30_000),
        (PAUSED, {"repeatable": True}, "paused", 30_000),
        (CLOSED, {}, "dead", 0),
        (CLOSED, {"closed": "drop"}, "dropped", 0),
        (CLOSED, {"closed": "wait"}, "parked", 0),
        (CLOSED, {"closed": "template"}, "instead", 0),
        (LATER, {"ordinal": 8}, "dead", 0),
        (LATER, {"ordinal": 9, "spent": 8}, "later", 500),
        (LATER, {"ordinal": 15, "spent": 8}, "later", 150_000),
        (LATER, {"ordinal": 16, "spent": 8}, "dead", 0),
        (LATER, {"expires_at": NOW + timedelta(seconds=0.5)}, "dead", 0),
        (UNKNOWN, {}, "unconfirmed", 1_795_352_400_000),
        (UNKNOWN, {"ordinal": 8}, "unconfirmed", 1_795_352_400_000),
        (Accepted("", ""), {"repeatable": True}, "accepted", 0),
        (DEAD, {"repeatable": True}, "dropped", 0),
        (LATER, {"repeatable": True}, "later", 1_000),
        (UNKNOWN, {"repeatable": True}, "later", 1_000),
        (LATER, LONG_AGO, "dropped", 0),
        (UNKNOWN, LONG_AGO, "dropped", 0),
    ],
    ids=[
        "accepted", "accepted without a wamid, the last attempt", "refused for good",
        "again after a first backoff", "longer after the third", "at most five minutes",
        "the number rests for a limit of its app", "and of its account, at no cost",
        "an attempt that could not begin costs no try",
        "a number that sends too fast is slowed down", "by a signal too",
        "a signal is dropped after ten seconds",
        "a pair waits without jitter",
        "a pair waits four times as long after each refusal", "and five minutes at most",
        "a pause costs no attempt", "a signal can find it as well", "a closed window is final",
        "or drops what the rule lets go", "or parks it", "or sends a template instead",
        "given up after eight",
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
    found = came(Accepted("wamid.o", "held_for_quality_assessment"), ordinal=2)

    assert found == Outcome(
        "s", 2, "accepted", "wamid.o", 0, "",
        '{"outcome":"accepted","ms":0,"message_status":"held_for_quality_assessment"}',
    )  # fmt: skip


def test_a_refusal_is_told_as_error_and_in_the_history() -> None:
    found = came(DEAD)

    assert json.loads(found.error_json) == {
        "code": 131026, "reason": "undeliverable", "details": "no WhatsApp",
    }  # fmt: skip
    assert json.loads(found.history_json) == json.loads(found.error_json) | {
        "outcome": "dead",
        "ms": 0,
    }


def test_a_closed_window_is_told_with_metas_code() -> None:
    assert json.loads(came(CLOSED).error_json)["code"] == 131047


def test_giving_up_says_after_how_many_attempts() -> None:
    assert json.loads(came(LATER, ordinal=8).error_json)["gave_up_after"] == 8
    assert json.loads(came(LATER, ordinal=21, spent=13).error_json)["gave_up_after"] == 8


@pytest.mark.parametrize(("began_s_ago", "took_ms"), [(1.25, 1_250), (-1, 0)])
def test_an_outcome_tells_how_long_the_attempt_took(began_s_ago: float, took_ms: int) -> None:
    found = came(DEAD, began_at=NOW - timedelta(seconds=began_s_ago))

    assert json.loads(found.history_json)["ms"] == took_ms


def test_the_body_of_an_attempt_is_not_in_its_repr() -> None:
    assert "secret" not in repr(an_attempt())


def test_a_send_of_a_stopped_template_waits_for_it_by_its_name() -> None:
    body = {"type": "template", "template": {"name": "offer", "language": {"code": "pt-PT"}}}
    stopped = TemplateStopped(132015, "paused", "details")

    result = decide_outcome(an_attempt(body=body), stopped, NOW, 0.5)

    assert (result.step, json.loads(result.error_json)["template"]) == ("stopped", "offer pt_PT")
    assert decide_outcome(an_attempt(), stopped, NOW, 0.5).step == "dead"
