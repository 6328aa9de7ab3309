"""What became of the message from the phone, in one line."""

from typing import Any

import pytest

from gateway.cli.setup.tunnel.messages import check_delivered, check_reply
from gateway.store.sending.lookup import TracedSend
from gateway.store.tracing.records import PlanRecord
from gateway.store.tracing.trace import FailedEvent, Trace
from tests.support.factories import NOW, NUMBER


def trace(*stages: str, error: dict[str, Any] | None = None, final: bool = False) -> Trace:
    record = PlanRecord("key", "book", False, (("colour", "text contains"),), ("s",) * len(stages))
    body = {"type": "text"}
    sends = tuple(
        TracedSend("s", one, body=body, error=error or {}, is_final=final) for one in stages
    )
    return Trace(NUMBER, "key", is_known=True, record=record, sends=sends)


CASES: dict[str, tuple[Trace | None, str, str]] = {
    "nothing is known": (None, "wait", "worked off"),
    "it waits to be planned": (
        Trace(NUMBER, "key", waiting_state="waiting"),
        "wait",
        "yet to plan",
    ),
    "planning failed": (
        Trace(NUMBER, "key", failure=FailedEvent(NOW, "KeyError")),
        "bad",
        "planning failed: KeyError",
    ),
    "no rule fired": (Trace(NUMBER, "key", is_known=True), "odd", "no rule answered"),
    "a rule only changed something": (trace(), "odd", "no rule answered"),
    "it is on its way": (trace("attempting"), "wait", "waits to be sent"),
    "one of two is": (trace("read", "queued"), "wait", "waits to be sent"),
    "it was taken": (trace("accepted"), "good", "by rule colour"),
    "it was read": (trace("read", "delivered"), "good", "by rule colour"),
    "it could not be delivered": (trace("failed", final=True), "bad", "failed"),
    "it was refused": (
        trace("dead", error={"code": 131030}, final=True),
        "bad",
        "dead, with code 131030",
    ),
}


@pytest.mark.parametrize(("found", "tone", "told"), CASES.values(), ids=CASES)
def test_a_reply_is_judged_by_what_the_store_knows(
    found: Trace | None, tone: str, told: str
) -> None:
    check = check_reply(found, real=True)

    assert check.tone == tone
    assert told in check.reason


@pytest.mark.parametrize(("real", "told"), [(True, "look at the phone"), (False, "say --real")])
def test_a_reply_says_whether_a_phone_shows_it(real: bool, told: str) -> None:
    assert told in check_reply(trace("accepted"), real=real).reason


def marked(stage: str) -> Trace:
    """Return a message that was marked as read, of which Meta tells no status."""
    return Trace(
        NUMBER, "key", is_known=True, sends=(TracedSend("s", "accepted", body={"status": stage}),)
    )


STATUSES: dict[str, tuple[Trace | None, str, bool]] = {
    "nothing came": (trace("accepted"), "odd", True),
    "it was sent": (trace("sent"), "odd", True),
    "one of two was delivered": (trace("delivered", "sent"), "odd", True),
    "it was delivered": (trace("delivered"), "good", False),
    "both were": (trace("read", "delivered"), "good", False),
    "it failed": (trace("failed"), "bad", False),
    "there is none to come": (marked("read"), "good", False),
}


@pytest.mark.parametrize(("found", "tone", "passing"), STATUSES.values(), ids=STATUSES)
def test_a_status_is_waited_for(found: Trace | None, tone: str, passing: bool) -> None:
    check = check_delivered(found)

    assert (check.tone, check.passing) == (tone, passing)
