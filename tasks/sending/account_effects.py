"""Effects of one refusal beyond its send: on all numbers of an account, and on the customer.

The outcome of an attempt pauses or rests the number itself. The effects here are best effort: if
the store is unavailable, the other numbers find out from refusals of their own.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson
import structlog

from gateway.core.contacts import consent
from gateway.core.sending.error_codes import TOKEN_CODES, error_policy
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.response import Later, Paused, Refused, Verdict
from gateway.core.sending.send import StatusUpdate
from gateway.store import number_list
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.store.sending import pauses
from gateway.store.sending.lanes import PumpResult
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import refused_alert
from tasks.wakeup import call_inbox

log = structlog.get_logger(__name__)

REFUSED_FOR_S = 600
STORE_ERRORS = (StoreUnavailableError, ScriptError)


def prepare_probe(ctx: WorkerContext, number: str, taken: PumpResult) -> None:
    """Read the token again before a probe; after a pause, let the other numbers probe at once."""
    if taken.probes:
        ctx.renew_token()
    if taken.ended_pause:
        log.warning("number_resumed", number=number)
        with contextlib.suppress(*STORE_ERRORS):
            pauses.probe_now(ctx.store, _others(ctx, number), _account_code(taken.ended_pause))


def _account_code(error_json: str) -> int | None:
    """Return the code of a pause that is over, None if only the number was paused."""
    code = orjson.loads(error_json).get("code")
    return None if code is None or error_policy(code, 400).scope == "number" else code


def renew_refused_token(ctx: WorkerContext, verdict: Verdict) -> bool:
    """Return whether a refused token has been renewed meanwhile, if a file holds it."""
    token_refused = isinstance(verdict, Paused) and verdict.code in TOKEN_CODES
    return token_refused and ctx.renew_token()


def pause_account(
    ctx: WorkerContext,
    number: str,
    verdict: Verdict,
    error_json: str,
    wait_ms: int,
    *,
    from_status: bool = False,
) -> None:
    """Pause or rest all other numbers if a refusal concerns them; repetition changes nothing."""
    if not isinstance(verdict, Later | Paused) or verdict.scope not in ("account", "app"):
        return
    if isinstance(verdict, Paused):
        log.error("account_paused", code=verdict.code, number=number)
    with contextlib.suppress(*STORE_ERRORS):
        others = _others(ctx, number)
        if isinstance(verdict, Paused):
            pauses.pause(ctx.store, others, error_json, wait_ms, from_status=from_status)
        else:
            pauses.rest(ctx.store, others, wait_ms)


def apply_failed_statuses(ctx: WorkerContext, number: str, updates: Iterable[StatusUpdate]) -> None:
    """Do the same for failed statuses; an old failure pauses no number that sends now."""
    for one in updates:
        if one.refusal and one.follow_up and one.delay < timedelta(seconds=REFUSED_FOR_S):
            error_json = orjson.dumps(dict(one.error or {})).decode()
            wait_ms = one.follow_up.wait_ms
            pause_account(ctx, number, one.refusal, error_json, wait_ms, from_status=True)
            alert_on_throttling(ctx, number, one.refusal)


def note_opt_out(
    ctx: WorkerContext, number: str, attempt: Attempt, verdict: Verdict, now: datetime
) -> None:
    """Put the customer's opt-out, which Meta's refusal revealed, into the inbox as an event."""
    if isinstance(verdict, Refused) and verdict.opted_out:
        delivery = consent.opt_out_delivery(
            number, attempt.contact.key, attempt.send, attempt.ordinal, now
        )
        with contextlib.suppress(*STORE_ERRORS):
            ctx.inbox.append_internal(delivery)
            ctx.ring_pool.submit(call_inbox, ctx.inbox)


def alert_on_throttling(ctx: WorkerContext, number: str, verdict: Verdict) -> None:
    """Alert the operator of a refusal that ends by itself and still needs attention.

    A refusal that pauses a number, or ends as a dead letter, is visible in the store anyway.
    """
    if not isinstance(verdict, Later) or verdict.code is None:
        return
    policy = error_policy(verdict.code, 400)
    if policy.alert:
        duration = timedelta(seconds=max(REFUSED_FOR_S, 2 * (policy.wait_s or 0)))
        with contextlib.suppress(*STORE_ERRORS):
            alert_store.record_alert(ctx.store, refused_alert(verdict.code, number), duration)


def _others(ctx: WorkerContext, number: str) -> list[str]:
    return [one for one in number_list.numbers_at_meta(ctx.store) if one != number]
