"""One attempt to send: posted unless something stands against it, and judged by what was seen."""

import contextlib
import random
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.core.sending import canary
from gateway.core.sending.outcome import Attempt, Outcome, outcome
from gateway.core.sending.preflight import refusal
from gateway.core.sending.response import Answer, NotConnected, Unconfirmed, Verdict, verdict
from gateway.core.sending.send import callback
from gateway.store import keys, maintenance
from gateway.store.sending.lanes import LEASE_MS
from tasks.context import WorkerContext
from tasks.sending.account_effects import AWAY, mended, note_opt_out, spread, warn
from tasks.sending.canary_sink import arrive

log = structlog.get_logger(__name__)

# An attempt is not begun when its lease might end before the answer is in.
LATEST_START_S = LEASE_MS / 1000 - 12
WAITS = frozenset({"later", "rests", "slower", "pair", "paused"})


def make(
    at_work: WorkerContext, number: str, attempt: Attempt, now: datetime, taken_at: float
) -> Outcome:
    """Make one attempt that was taken at `taken_at`, `now` by the server's clock, and judge it.

    Whatever it raises leaves open whether Meta had it.
    """
    judged = _judged(at_work, number, attempt, now, taken_at)
    took = time.monotonic() - taken_at
    came = outcome(attempt, judged, now + timedelta(seconds=took), random.random())  # noqa: S311
    try:
        came = _tell(at_work, number, attempt, judged, came, now)
    # What became of the attempt is known, and more important than whom it was told.
    except Exception as error:
        note_raised(at_work, number, error)
    log.info(
        "attempt_made",
        number=number,
        send=attempt.send,
        attempt=attempt.ordinal,
        rule=attempt.rule,
        step=came.step,
        told=came.error,
        wait_ms=came.wait_ms if came.step in WAITS else None,
        ms=int(took * 1000),
    )
    return came


def raised(at_work: WorkerContext, number: str, attempt: Attempt, error: Exception) -> Outcome:
    """Say what becomes of an attempt that raised: its request may have begun, so nobody knows."""
    reason = note_raised(at_work, number, error)
    return outcome(attempt, Unconfirmed(reason), attempt.began_at, 0.0)


def note_raised(at_work: WorkerContext, number: str, error: Exception) -> str:
    """Count an error of ours, log its kind once, and return what to say of it."""
    kind = type(error).__name__
    if kind not in at_work.raised:
        at_work.raised.add(kind)
        log.error("attempt_raised", number=number, error=kind)
    with contextlib.suppress(*AWAY):
        maintenance.count(at_work.store, keys.number(number), "sends.raised")
    return f"an error of the gateway: {kind}"


def _tell(
    at_work: WorkerContext,
    number: str,
    attempt: Attempt,
    judged: Verdict,
    came: Outcome,
    now: datetime,
) -> Outcome:
    """Let others know what it means for them; return the outcome, as a new token may change it."""
    if mended(at_work, judged):
        came = replace(came, wait_ms=0)  # so the number is probed with the new token at once
    spread(at_work, number, judged, came.error, came.wait_ms)
    warn(at_work, number, judged)
    note_opt_out(at_work, number, attempt, judged, now)
    return came


def _judged(
    at_work: WorkerContext, number: str, attempt: Attempt, now: datetime, taken_at: float
) -> Verdict:
    """Post, unless something stands against it, and judge what was seen."""
    waited = time.monotonic() - taken_at
    if waited > LATEST_START_S:
        return verdict(NotConnected("its lease was nearly over before it began"))
    try:
        if stands_against := refusal(attempt, now + timedelta(seconds=waited)):
            return stands_against
        body = _request(attempt)
    except Exception as error:
        # Nothing of it went out, so it is tried again as if Meta had not been reached.
        return verdict(NotConnected(note_raised(at_work, number, error)))
    return verdict(_post(at_work, number, attempt, body, now))


def _post(
    at_work: WorkerContext, number: str, attempt: Attempt, body: dict[str, Any], now: datetime
) -> Answer:
    """Post an attempt to Meta; a canary's ends at us."""
    if number == canary.NUMBER:
        return arrive(at_work, attempt, now)
    return at_work.graph.post_message(number, body)


def _request(attempt: Attempt) -> dict[str, Any]:
    """Return the body to post; every status of the message will repeat our callback data."""
    if attempt.repeatable:
        return attempt.body
    return attempt.body | {"biz_opaque_callback_data": callback(attempt.send, attempt.ordinal)}
