"""Outcome of an attempt: from a verdict to the next step of the send, without clock or chance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never

import orjson

from gateway.core.contacts.contact import Contact
from gateway.core.sending.other_form import NOT_LISTED, with_other_form
from gateway.core.sending.response import (
    Accepted,
    CustomerQuiet,
    Later,
    Paused,
    Refused,
    TemplateStopped,
    Unconfirmed,
    Verdict,
    WindowClosed,
)
from gateway.core.sending.retry import MAX_ATTEMPTS, is_given_up, retry_delay_s
from gateway.core.sending.send import ClosedWindowAction as WhenClosed
from gateway.core.sending.send import QuietSpan
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.templates.choice import read_use

# Repeatable sends are repeated without backoff for this long, then dropped: an old "typing" is
# of no use.
REPEAT_FOR = timedelta(seconds=10)
REPEAT_AFTER_MS = 1_000

# The delay of the next probe after a pause; once the operator has fixed the cause, it is at once.
PROBE_AFTER_MS = 30_000
THROUGHPUT, WINDOW_CLOSED = 130429, 131047
QUIET_REASON = (
    "The gateway did not post it: it is quiet for the customer. It goes once that is over."
)

Step = Literal[
    "accepted", "later", "rests", "slower", "pair", "paused", "instead", "parked", "stopped",
    "postponed", "unconfirmed",
    "dead", "dropped",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to make now; it was recorded before the worker got it."""

    send: str
    ordinal: int
    planned_at: datetime
    first_at: datetime
    began_at: datetime
    expires_at: datetime
    body: dict[str, Any] = field(repr=False)
    rule: str
    priority: str
    repeatable: bool
    contact: Contact
    marketing: bool | None = None  # None where nothing was said of it
    closed: WhenClosed = ""  # what to do if the customer has been silent for 24 hours
    spent: int = 0  # attempts that do not count: before a redrive, or refused for others' reasons
    pair_refusals: int = 0
    last_code: int | None = None  # Meta's code of the latest refusal
    quiet: QuietSpan | None = None  # it waits while these last

    @property
    def tries(self) -> int:
        """Return which attempt of its budget this is."""
        return self.ordinal - self.spent

    @property
    def uses_other_form(self) -> bool:
        """Say whether this attempt goes to the other form of the customer's number."""
        return self.last_code == NOT_LISTED and self.tries > 1

    @property
    def template(self) -> str:
        """Return the key of the template that it sends, "" if it sends none."""
        use = read_use(self.body, "")
        return use.key if use else ""

    @property
    def request(self) -> dict[str, Any]:
        """Return the body to post now."""
        return (with_other_form(self.body) if self.uses_other_form else None) or self.body


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt: a fact to record, and a step that only the latest may take."""

    send: str
    attempt: int
    step: Step
    wamid: str = ""
    wait_ms: int = 0  # for unconfirmed the moment until which evidence is waited for
    error_json: str = ""
    history_json: str = ""
    is_outreach: bool = False  # accepted for a customer whose window is closed


def decide_outcome(attempt: Attempt, verdict: Verdict, now: datetime, jitter: float) -> Outcome:
    """Decide the outcome of an attempt from its verdict."""
    match verdict:
        case Accepted(wamid, message_status):
            extra = {"message_status": message_status}
            return _build_outcome(attempt, "accepted", extra, now, wamid=wamid)
        case Refused():
            return _handle_refused(attempt, verdict, now)
        case Later():
            return _postpone(attempt, verdict, now, jitter)
        case Paused(code, reason, _, details):
            error = {"code": code, "reason": reason, "details": details}
            return _failed_outcome(attempt, "paused", error, now, wait_ms=PROBE_AFTER_MS)
        case WindowClosed() | TemplateStopped() | CustomerQuiet():
            return _let_wait(attempt, verdict, now)
        case Unconfirmed(reason):
            return _handle_unconfirmed(attempt, reason, now)
        case _:
            assert_never(verdict)


_CLOSED: Mapping[WhenClosed, Step] = {
    "": "dead", "drop": "dropped", "wait": "parked", "template": "instead",
}  # fmt: skip


def _let_wait(
    attempt: Attempt, verdict: WindowClosed | TemplateStopped | CustomerQuiet, now: datetime
) -> Outcome:
    """Decide about a send that may go later: for its customer's sake, or with its template."""
    if isinstance(verdict, CustomerQuiet):
        wait_ms = max(0, ms_from_datetime(verdict.until) - ms_from_datetime(now))
        return _build_outcome(attempt, "postponed", {"reason": QUIET_REASON}, now, wait_ms=wait_ms)
    if isinstance(verdict, WindowClosed):
        error = {"code": WINDOW_CLOSED, "reason": verdict.reason, "details": verdict.details}
        return _failed_outcome(attempt, _CLOSED[attempt.closed], error, now)
    error = {"code": verdict.code, "reason": verdict.reason, "details": verdict.details}
    if not attempt.template:
        return _failed_outcome(attempt, "dead", error, now)
    return _failed_outcome(attempt, "stopped", error | {"template": attempt.template}, now)


def _handle_refused(attempt: Attempt, verdict: Refused, now: datetime) -> Outcome:
    error = {"code": verdict.code, "reason": verdict.reason, "details": verdict.details}
    if verdict.code == NOT_LISTED and _may_use_other_form(attempt):
        return _failed_outcome(attempt, "later", error, now)
    return _failed_outcome(attempt, "dropped" if attempt.repeatable else "dead", error, now)


def _may_use_other_form(attempt: Attempt) -> bool:
    """Say whether the other form of the number is still to be tried, once."""
    is_left = not attempt.uses_other_form and attempt.tries < MAX_ATTEMPTS
    return is_left and with_other_form(attempt.body) is not None


def _postpone(attempt: Attempt, verdict: Later, now: datetime, jitter: float) -> Outcome:
    error = {"code": verdict.code, "reason": verdict.reason, "details": verdict.details}
    if attempt.repeatable and now - attempt.first_at > REPEAT_FOR:
        return _failed_outcome(attempt, "dropped", error, now)
    match verdict.scope:
        case "send":
            return _retry_or_give_up(attempt, verdict, error, now, jitter)
        case "pair":
            wait_s = retry_delay_s(attempt.pair_refusals + 1, verdict.wait_s, jitter, "pair")
            return _failed_outcome(attempt, "pair", error, now, wait_ms=int(wait_s * 1000))
        case "number" | "account" | "app":
            step: Step = "slower" if verdict.code == THROUGHPUT else "rests"
            return _failed_outcome(
                attempt, step, error, now, wait_ms=int((verdict.wait_s or 0) * 1000)
            )
        case _:
            assert_never(verdict.scope)


def _retry_or_give_up(
    attempt: Attempt, verdict: Later, error: Mapping[str, Any], now: datetime, jitter: float
) -> Outcome:
    if attempt.repeatable:
        return _failed_outcome(attempt, "later", error, now, wait_ms=REPEAT_AFTER_MS)
    wait_s = retry_delay_s(attempt.tries, verdict.wait_s, jitter)
    if is_given_up(attempt.tries, now + timedelta(seconds=wait_s), attempt.expires_at):
        return _failed_outcome(attempt, "dead", {**error, "gave_up_after": attempt.tries}, now)
    return _failed_outcome(attempt, "later", error, now, wait_ms=int(wait_s * 1000))


def _handle_unconfirmed(attempt: Attempt, reason: str, now: datetime) -> Outcome:
    error = {"code": None, "reason": reason}
    if not attempt.repeatable:
        till = ms_from_datetime(attempt.expires_at)
        return _failed_outcome(attempt, "unconfirmed", error, now, wait_ms=till)
    if now - attempt.first_at > REPEAT_FOR:
        return _failed_outcome(attempt, "dropped", error, now)
    return _failed_outcome(attempt, "later", error, now, wait_ms=REPEAT_AFTER_MS)


def _failed_outcome(
    attempt: Attempt, step: Step, error: Mapping[str, Any], now: datetime, *, wait_ms: int = 0
) -> Outcome:
    error_json = orjson.dumps(error).decode()
    return _build_outcome(attempt, step, error, now, wait_ms=wait_ms, error_json=error_json)


def _build_outcome(
    attempt: Attempt,
    step: Step,
    details: Mapping[str, Any],
    now: datetime,
    *,
    wamid: str = "",
    wait_ms: int = 0,
    error_json: str = "",
) -> Outcome:
    took_ms = max(0, round((now - attempt.began_at).total_seconds() * 1000))
    form = {"other_form": True} if attempt.uses_other_form else {}
    history_json = orjson.dumps({"outcome": step, "ms": took_ms, **form, **details}).decode()
    return Outcome(attempt.send, attempt.ordinal, step, wamid, wait_ms, error_json, history_json)
