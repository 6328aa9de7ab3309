"""From a verdict to the next step of a send; pure: the time and the jitter are given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.sending.response import (
    Accepted,
    Closed,
    Later,
    Paused,
    Refused,
    Unconfirmed,
    Verdict,
)
from gateway.core.sending.retry import given_up, next_try
from gateway.core.sending.send import Closed as WhenClosed

# What may be repeated is repeated plainly for so long, then dropped: nobody misses an old "typing".
REPEAT_FOR = timedelta(seconds=10)
REPEAT_AFTER_MS = 1_000

# After a pause the next probe is made so much later; where something was mended, at once.
PROBE_AFTER_MS = 30_000
THROUGHPUT, WINDOW_CLOSED = 130429, 131047

Step = Literal[
    "accepted", "later", "rests", "slower", "pair", "paused", "instead", "parked", "unconfirmed",
    "dead", "dropped",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to make now; it was recorded before it was handed out."""

    send: str
    ordinal: int
    planned_at: datetime
    first_at: datetime
    began_at: datetime
    expires_at: datetime
    body: dict[str, Any] = field(repr=False)
    rule: str
    rank: str
    repeatable: bool
    contact: Contact
    marketing: bool = False
    closed: WhenClosed = ""  # what follows where the customer has been silent for 24 hours
    spent: int = 0  # attempts that do not count: before a redrive, and refused for others' reasons
    pair_refusals: int = 0

    @property
    def tries(self) -> int:
        """Return which attempt of its budget this is."""
        return self.ordinal - self.spent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: a fact to record, and a step that only the latest may take."""

    send: str
    attempt: int
    step: Step
    wamid: str = ""
    wait_ms: int = 0  # for unconfirmed the moment until which evidence is waited for
    error: str = ""
    note: str = ""


def outcome(attempt: Attempt, verdict: Verdict, now: datetime, jitter: float) -> Outcome:
    """Say what follows from the verdict on an attempt."""
    match verdict:
        case Accepted(wamid, message_status):
            held = {"message_status": message_status}
            return _made(attempt, "accepted", held, now, wamid=wamid)
        case Refused(code, reason, details):
            told = {"code": code, "reason": reason, "details": details}
            return _failed(attempt, "dropped" if attempt.repeatable else "dead", told, now)
        case Later():
            return _later(attempt, verdict, now, jitter)
        case Paused(code, reason, _, details):
            told = {"code": code, "reason": reason, "details": details}
            return _failed(attempt, "paused", told, now, wait_ms=PROBE_AFTER_MS)
        case Closed(reason, details):
            told = {"code": WINDOW_CLOSED, "reason": reason, "details": details}
            return _failed(attempt, _CLOSED[attempt.closed], told, now)
        case Unconfirmed(reason):
            return _unknown(attempt, reason, now)
        case _:
            assert_never(verdict)


_CLOSED: Mapping[WhenClosed, Step] = {
    "": "dead", "drop": "dropped", "wait": "parked", "template": "instead",
}  # fmt: skip


def _later(attempt: Attempt, verdict: Later, now: datetime, jitter: float) -> Outcome:
    told = {"code": verdict.code, "reason": verdict.reason, "details": verdict.details}
    if attempt.repeatable and now - attempt.first_at > REPEAT_FOR:
        return _failed(attempt, "dropped", told, now)
    match verdict.scope:
        case "send":
            return _again(attempt, verdict, told, now, jitter)
        case "pair":
            wait_s = next_try(attempt.pair_refusals + 1, verdict.wait_s, jitter, "pair")
            return _failed(attempt, "pair", told, now, wait_ms=int(wait_s * 1000))
        case "number" | "account" | "app":
            step: Step = "slower" if verdict.code == THROUGHPUT else "rests"
            return _failed(attempt, step, told, now, wait_ms=int((verdict.wait_s or 0) * 1000))
        case _:
            assert_never(verdict.scope)


def _again(
    attempt: Attempt, verdict: Later, told: Mapping[str, Any], now: datetime, jitter: float
) -> Outcome:
    if attempt.repeatable:
        return _failed(attempt, "later", told, now, wait_ms=REPEAT_AFTER_MS)
    wait_s = next_try(attempt.tries, verdict.wait_s, jitter)
    if given_up(attempt.tries, now + timedelta(seconds=wait_s), attempt.expires_at):
        return _failed(attempt, "dead", {**told, "gave_up_after": attempt.tries}, now)
    return _failed(attempt, "later", told, now, wait_ms=int(wait_s * 1000))


def _unknown(attempt: Attempt, reason: str, now: datetime) -> Outcome:
    told = {"code": None, "reason": reason}
    if not attempt.repeatable:
        till = int(attempt.expires_at.timestamp() * 1000)
        return _failed(attempt, "unconfirmed", told, now, wait_ms=till)
    if now - attempt.first_at > REPEAT_FOR:
        return _failed(attempt, "dropped", told, now)
    return _failed(attempt, "later", told, now, wait_ms=REPEAT_AFTER_MS)


def _failed(
    attempt: Attempt, step: Step, told: Mapping[str, Any], now: datetime, *, wait_ms: int = 0
) -> Outcome:
    error = orjson.dumps(told).decode()
    return _made(attempt, step, told, now, wait_ms=wait_ms, error=error)


def _made(
    attempt: Attempt,
    step: Step,
    told: Mapping[str, Any],
    now: datetime,
    *,
    wamid: str = "",
    wait_ms: int = 0,
    error: str = "",
) -> Outcome:
    took_ms = max(0, round((now - attempt.began_at).total_seconds() * 1000))
    note = orjson.dumps({"outcome": step, "ms": took_ms, **told}).decode()
    return Outcome(attempt.send, attempt.ordinal, step, wamid, wait_ms, error, note)
