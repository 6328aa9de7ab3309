"""One attempt to send: checked, posted, and its response turned into an outcome."""

import contextlib
import random
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.core.sending.outcome import Attempt, Outcome, decide_outcome
from gateway.core.sending.preflight import is_outreach, preflight_refusal
from gateway.core.sending.response import (
    NotConnected,
    Unconfirmed,
    Verdict,
    classify_response,
)
from gateway.core.sending.send import callback_data
from gateway.store import keys, number_list
from gateway.store.sending.lanes import LEASE_MS
from tasks.context import WorkerContext
from tasks.sending.account_effects import (
    STORE_ERRORS,
    alert_on_throttling,
    has_new_credentials,
    note_opt_out,
    note_stopped_template,
    pause_account,
)
from tasks.sending.transports import Transport, transport_for

log = structlog.get_logger(__name__)

# No attempt begins if its lease might end before the answer arrives.
LATEST_START_S = LEASE_MS / 1000 - 12
WAITS = frozenset({"later", "postponed", "rests", "slower", "pair", "paused"})


def run_attempt(
    ctx: WorkerContext, number: str, attempt: Attempt, now: datetime, taken_at: float
) -> Outcome:
    """Make one attempt, taken at `taken_at`, `now` by the server's clock; return its outcome.

    If it raises, Meta may have the message or not.
    """
    transport = transport_for(ctx, number)
    verdict = _check_and_post(ctx, number, attempt, transport, now, taken_at)
    took_s = time.monotonic() - taken_at
    result = decide_outcome(attempt, verdict, now + timedelta(seconds=took_s), random.random())  # noqa: S311
    result = replace(result, is_outreach=result.step == "accepted" and is_outreach(attempt, now))
    try:
        if has_new_credentials(ctx, number, transport, verdict):
            result = replace(result, wait_ms=0)  # so the number is probed with them at once
        _apply_side_effects(ctx, number, attempt, verdict, result, now)
    # The outcome is known, and more important than its side effects.
    except Exception as error:
        report_error(ctx, number, error)
    log.info(
        "attempt_made",
        number=number,
        send=attempt.send,
        attempt=attempt.ordinal,
        rule=attempt.rule,
        step=result.step,
        reason=result.error_json,
        wait_ms=result.wait_ms if result.step in WAITS else None,
        ms=int(took_s * 1000),
    )
    return result


def unconfirmed_outcome(
    ctx: WorkerContext, number: str, attempt: Attempt, error: Exception
) -> Outcome:
    """Return the outcome of an attempt that raised: its request may have reached Meta or not."""
    reason = report_error(ctx, number, error)
    return decide_outcome(attempt, Unconfirmed(reason), attempt.began_at, 0.0)


def report_error(ctx: WorkerContext, number: str, error: Exception) -> str:
    """Count an error of ours, log its kind once, and return the reason to record."""
    kind = type(error).__name__
    if kind not in ctx.reported_errors:
        ctx.reported_errors.add(kind)
        log.error("attempt_raised", number=number, error=kind)
    with contextlib.suppress(*STORE_ERRORS):
        number_list.increment_counter(ctx.store, keys.number(number), "sends.raised")
    return f"an error of the gateway: {kind}"


def _apply_side_effects(
    ctx: WorkerContext,
    number: str,
    attempt: Attempt,
    verdict: Verdict,
    result: Outcome,
    now: datetime,
) -> None:
    """Apply the effects on other numbers and on the customer."""
    pause_account(ctx, number, verdict, result.error_json, result.wait_ms)
    alert_on_throttling(ctx, number, verdict)
    note_stopped_template(ctx, number, attempt, verdict, now)
    note_opt_out(ctx, number, attempt, verdict, now)


def _check_and_post(
    ctx: WorkerContext,
    number: str,
    attempt: Attempt,
    transport: Transport,
    now: datetime,
    taken_at: float,
) -> Verdict:
    """Post unless the preflight refuses it, and classify the response."""
    waited = time.monotonic() - taken_at
    if waited > LATEST_START_S:
        return classify_response(NotConnected("its lease was nearly over before it began"))
    try:
        template = attempt.template
        is_stopped = bool(template) and ctx.is_template_stopped(number, template)
        moment = now + timedelta(seconds=waited)
        if blocker := preflight_refusal(attempt, moment, is_stopped=is_stopped):
            return blocker
        body = _request(attempt)
    except Exception as error:
        # Nothing was sent, so it is tried again as if Meta had been unreachable.
        return classify_response(NotConnected(report_error(ctx, number, error)))
    return classify_response(transport.post(attempt, body, now))


def _request(attempt: Attempt) -> dict[str, Any]:
    """Return the body to post; every status of the message will repeat our callback data."""
    if attempt.repeatable:
        return attempt.request
    data = callback_data(attempt.send, attempt.ordinal)
    return attempt.request | {"biz_opaque_callback_data": data}
