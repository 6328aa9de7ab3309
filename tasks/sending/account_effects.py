"""What one refusal means beyond its send: for all numbers of an account, and for the customer.

The number itself is paused, or put to rest, with the outcome of its attempt. What is done here
besides is worth no attempt in hand: where the store is away, others learn by refusals of their own.
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
    """Look for a new token before a probe; after a pause, let the other numbers look at once."""
    if taken.probes:
        ctx.renew_token()
    if taken.ended_pause:
        log.warning("number_resumed", number=number)
        with contextlib.suppress(*STORE_ERRORS):
            pauses.probe_now(ctx.store, _others(ctx, number), _account_code(taken.ended_pause))


def _account_code(error_json: str) -> int | None:
    """Return the code of a pause that is over, None where it was the number's alone."""
    code = orjson.loads(error_json).get("code")
    return None if code is None or error_policy(code, 400).scope == "number" else code


def renew_refused_token(ctx: WorkerContext, verdict: Verdict) -> bool:
    """Say whether a refused token was renewed meanwhile, where it is kept in a file."""
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
    """Let what reaches further than one number be known to the others; twice is once."""
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
    """Do the same for failures that statuses told of; old news stops nobody who sends now."""
    for one in updates:
        if one.refusal and one.follow_up and one.delay < timedelta(seconds=REFUSED_FOR_S):
            error_json = orjson.dumps(dict(one.error or {})).decode()
            wait_ms = one.follow_up.wait_ms
            pause_account(ctx, number, one.refusal, error_json, wait_ms, from_status=True)
            alert_on_throttling(ctx, number, one.refusal)


def note_opt_out(
    ctx: WorkerContext, number: str, attempt: Attempt, verdict: Verdict, now: datetime
) -> None:
    """Let the customer's own no, which Meta told of, come back as an event of theirs."""
    if isinstance(verdict, Refused) and verdict.opted_out:
        delivery = consent.opt_out_delivery(
            number, attempt.contact.key, attempt.send, attempt.ordinal, now
        )
        with contextlib.suppress(*STORE_ERRORS):
            ctx.inbox.append_internal(delivery)
            ctx.ring_pool.submit(call_inbox, ctx.inbox)


def alert_on_throttling(ctx: WorkerContext, number: str, verdict: Verdict) -> None:
    """Let a person know of a refusal that passes by itself and still asks for one.

    What pauses a number, or ends as a dead letter, is seen in the store without being said here.
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
