"""Effects of one refusal beyond its send: on other numbers of its account, and on the customer.

The outcome of an attempt pauses or rests the number itself. The effects here are best effort: if
the store is unavailable, the other numbers find out from refusals of their own.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson
import structlog

from gateway.core.contacts import consent
from gateway.core.sending.error_codes import (
    CREDENTIAL_CODES,
    TOKEN_CODES,
    Scope,
    error_policy,
)
from gateway.core.sending.outcome import Attempt
from gateway.core.sending.preflight import STOPPED_REASON
from gateway.core.sending.response import Later, Paused, Refused, TemplateStopped, Verdict
from gateway.core.sending.send import StatusUpdate
from gateway.core.templates.news import TemplateNews
from gateway.core.templates.template import DISABLED, PAUSED, split_key
from gateway.store import number_list
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.store.sending import pauses
from gateway.store.sending.lanes import PumpResult
from gateway.store.templates.registry import REFUSAL_LASTS, TemplateRegistry
from tasks.context import WorkerContext
from tasks.monitoring.noted_alerts import refused_alert
from tasks.sending.transports import MetaTransport, Transport
from tasks.wakeup import call_inbox

log = structlog.get_logger(__name__)

REFUSED_FOR_S = 600
DISABLED_CODE = 132016
# Refusals of these scopes concern more numbers than the one that was refused.
SHARED_SCOPES = frozenset({"account", "app"})
STORE_ERRORS = (StoreUnavailableError, ScriptError)


def prepare_probe(ctx: WorkerContext, number: str, taken: PumpResult) -> None:
    """Read the token again before a probe; after a pause, let the other numbers probe at once."""
    if taken.probes:
        ctx.accounts.reload_now()
    if taken.ended_pause:
        log.warning("number_resumed", number=number)
        code = orjson.loads(taken.ended_pause).get("code")
        scope = error_policy(code, 400).scope if code is not None else "number"
        is_shared = scope in SHARED_SCOPES
        with contextlib.suppress(*STORE_ERRORS):
            others = find_concerned(ctx, number, code, scope) if is_shared else _others(ctx, number)
            pauses.probe_now(ctx.store, others, code if is_shared else None)


def has_new_credentials(
    ctx: WorkerContext, number: str, transport: Transport, verdict: Verdict
) -> bool:
    """Return whether the token or the secret that Meta refused has been renewed meanwhile."""
    is_refused = isinstance(verdict, Paused) and verdict.code in CREDENTIAL_CODES
    if not is_refused or not isinstance(transport, MetaTransport):
        return False
    ctx.accounts.reload_now()
    found = ctx.accounts.current().number(number)
    return found is not None and found.credentials != transport.credentials


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
    if not isinstance(verdict, Later | Paused) or verdict.scope not in SHARED_SCOPES:
        return
    if isinstance(verdict, Paused):
        log.error("account_paused", code=verdict.code, number=number)
    with contextlib.suppress(*STORE_ERRORS):
        others = find_concerned(ctx, number, verdict.code, verdict.scope)
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


def note_stopped_template(
    ctx: WorkerContext, number: str, attempt: Attempt, verdict: Verdict, now: datetime
) -> None:
    """Record that Meta has stopped a template, as its refusal of a send of it shows.

    What the gateway did not post shows nothing new.
    """
    if not isinstance(verdict, TemplateStopped) or verdict.reason == STOPPED_REASON:
        return
    own, (name, language) = ctx.accounts.current().number(number), split_key(attempt.template)
    if own is None or not name:
        return
    word = DISABLED if verdict.code == DISABLED_CODE else PAUSED
    news = TemplateNews(name, language, "status", word, now, source="refusal")
    with contextlib.suppress(*STORE_ERRORS):
        TemplateRegistry(ctx.store, own.waba).note_news(news, lasts=REFUSAL_LASTS)
        ctx.templates.look_again(own.waba)
        alert_store.record_alert(ctx.store, refused_alert(verdict.code, number), REFUSAL_LASTS)


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


def find_concerned(ctx: WorkerContext, number: str, code: int | None, scope: Scope) -> list[str]:
    """Return the other numbers that a refusal concerns, all of the same account.

    A refused token concerns those that send with it, a refusal of the WhatsApp account its own
    numbers, and one of the app all.
    """
    accounts = ctx.accounts.current()
    own = accounts.number(number)
    if own is None:
        return []
    others = ((one, accounts.number(one)) for one in _others(ctx, number))
    if code in TOKEN_CODES:
        return [
            one for one, its in others if its and its.credentials.token == own.credentials.token
        ]
    if scope == "account":
        return [one for one, its in others if its and its.waba == own.waba]
    return [one for one, _ in others]


def _others(ctx: WorkerContext, number: str) -> list[str]:
    """Return the other numbers of the same account."""
    accounts = ctx.accounts.current()
    owner = accounts.owner_of(number)
    return [
        one
        for one in number_list.numbers_at_meta(ctx.store)
        if owner and one != number and accounts.owner_of(one) == owner
    ]
