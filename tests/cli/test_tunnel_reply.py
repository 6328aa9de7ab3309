"""What became of the message from the phone, in one line."""

from typing import Any

import pytest

from gateway.cli.tunnel_reply import reply
from gateway.store.records import Found
from gateway.store.traced_sends import Sent
from gateway.store.traces import Failed, Trace
from tests.made import NOW, NUMBER


def trace(*stages: str, error: dict[str, Any] | None = None, final: bool = False) -> Trace:
    record = Found("key", "book", False, (("colour", "text contains"),), ("s",) * len(stages))
    sends = tuple(Sent("s", one, error=error or {}, is_final=final) for one in stages)
    return Trace(NUMBER, "key", known=True, record=record, sends=sends)


CASES: dict[str, tuple[Trace | None, str, str]] = {
    "nothing is known": (None, "wait", "worked off"),
    "it waits to be planned": (Trace(NUMBER, "key", waits="waiting"), "wait", "yet to plan"),
    "planning failed": (
        Trace(NUMBER, "key", failed=Failed(NOW, "KeyError")),
        "bad",
        "planning failed: KeyError",
    ),
    "no rule fired": (Trace(NUMBER, "key", known=True), "odd", "no rule answered"),
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
    check = reply(found, real=True)

    assert check.tone == tone
    assert told in check.told


@pytest.mark.parametrize(("real", "told"), [(True, "look at the phone"), (False, "say --real")])
def test_a_reply_says_whether_a_phone_shows_it(real: bool, told: str) -> None:
    assert told in reply(trace("accepted"), real=real).told
