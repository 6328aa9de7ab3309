"""Notifications of rules: posted to the operator's address until it received them.

Each task starts a thread that posts one at a time, and rings for another task while more is due. A
worker that dies leaves attempts whose lease runs out; then they are posted again, with the same id.
"""

import random
import time
from functools import cache, partial

import structlog

from gateway.config.settings import Settings
from gateway.core.sending.notifications.post_outcome import PostOutcome, decide_outcome
from gateway.core.sending.notifications.signature import signed_headers
from gateway.http_out.client import post_bytes
from gateway.store import keys
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.outgoing.notifications import (
    NotificationAttempt,
    TakenNotifications,
    settle,
    take,
)
from tasks.app import app
from tasks.context import WorkerContext, worker_context
from tasks.monitoring.noted_alerts import NOTIFY_REFUSED, REFUSED_FOR, note_damage
from tasks.outgoing.bounded_threads import BoundedThreads
from tasks.processes.ending import is_stopping
from tasks.wakeup import OUTGOING, ring_outgoing

log = structlog.get_logger(__name__)

# An answer that takes longer counts as none; the lease must outlast it.
ANSWER_WITHIN_S = 15.0
# Posts under way at once in a process.
MOST_POSTS = 8
# After so long a thread makes room for those of other numbers.
SLICE_S = 5.0


@cache
def _threads() -> BoundedThreads:
    return BoundedThreads("notify", MOST_POSTS, MOST_POSTS)


@app.task(name="tasks.notify")
def notify(number: str) -> None:
    """Begin to post notifications of a number that are due; it goes on in a thread."""
    ctx = worker_context()
    if not ctx.settings.gateway_notify_url.get_secret_value():
        _let_wait(ctx, number)
        return
    clear_wakeup(ctx.store, keys.number_bell(number, OUTGOING))
    _threads().start(number, partial(post_due, ctx, number))


def _let_wait(ctx: WorkerContext, number: str) -> None:
    """Take nothing while no address is set, and give up what has waited for three days.

    The wake-up is not cleared, so that the tick rings each minute, and not each second.
    """
    _log_missing_address()
    taken = take(ctx.store, number, 0, ctx.settings.gateway_retention)
    note_damage(ctx.store, number, taken.damaged)


@cache  # a process reads its settings once
def _log_missing_address() -> None:
    log.warning("notify_unset")


def post_due(ctx: WorkerContext, number: str) -> None:
    """Post what is due until nothing is, or until the slice is over.

    Raises StoreUnavailableError or ScriptError; what was taken is due again after its lease.
    """
    deadline = time.monotonic() + SLICE_S
    while not is_stopping():
        taken = _take_one(ctx, number)
        for attempt in taken.attempts:
            _run_attempt(ctx, number, attempt, taken)
        if not taken.attempts:
            return
        if time.monotonic() > deadline:
            ring_outgoing(ctx.store, number)
            return


def _take_one(ctx: WorkerContext, number: str) -> TakenNotifications:
    """Take the notification that is due first, and ring for another task if more are due."""
    taken = take(ctx.store, number, 1, ctx.settings.gateway_retention)
    note_damage(ctx.store, number, taken.damaged)
    if taken.more:
        ring_outgoing(ctx.store, number)
    return taken


def _run_attempt(
    ctx: WorkerContext, number: str, attempt: NotificationAttempt, taken: TakenNotifications
) -> None:
    began = time.monotonic()
    outcome = _post(ctx.settings, attempt, taken)
    took_ms = int((time.monotonic() - began) * 1000)
    settle(ctx.store, number, attempt, outcome, ctx.settings.gateway_retention)
    log.info(
        "notification_posted",
        number=number,
        notification=attempt.id,
        attempt=attempt.attempt,
        step=outcome.step,
        reason=outcome.reason,
        wait_ms=outcome.wait_ms if outcome.step == "later" else None,
        ms=took_ms,
    )
    if outcome.is_refusal:
        record_alert(ctx.store, NOTIFY_REFUSED, REFUSED_FOR)


def _post(
    settings: Settings, attempt: NotificationAttempt, taken: TakenNotifications
) -> PostOutcome:
    """Post once, signed for this moment; each attempt has the same id and the same body."""
    url = settings.gateway_notify_url.get_secret_value()
    attempted_s = int(taken.now.timestamp())
    headers = signed_headers(settings.notify_secrets, attempt.id, attempted_s, attempt.payload)
    reply = post_bytes(url, attempt.payload, headers, ANSWER_WITHIN_S)
    spread = random.random()  # noqa: S311
    return decide_outcome(
        reply.status, reply.error, reply.retry_after, attempt.attempt, taken.now, spread
    )
