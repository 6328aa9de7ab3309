"""Forwards: a task finds which waited for too long, and wakes the forwarder of its process."""

import time
from collections.abc import Sequence

import structlog

from gateway.accounts.receivers import receivers_of
from gateway.core.forwards.forward import MOST_OF_STORE
from gateway.store import keys
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.maintenance.retention import memory_health
from gateway.store.outgoing.forwards import (
    ReceiverOutcome,
    SettledForward,
    WaitingForward,
    list_receivers,
    oldest_forwards,
    settle_forwards,
)
from gateway.store.server.health import ServerHealth
from tasks.app import app
from tasks.context import WorkerContext, worker_context
from tasks.outgoing.forward_copies import detach_oldest
from tasks.outgoing.forwarding.forwarder import forwarder_of
from tasks.outgoing.forwarding.own_receivers import unnamed_receiver
from tasks.outgoing.forwarding.preparation import PostPreparation
from tasks.wakeup import FORWARDS

log = structlog.get_logger(__name__)

TOO_LATE = "nobody received it in time"
# Dead letters of one receiver that a task makes, in steps.
MOST_BURIED, AT_ONCE = 2_000, 100
LOOKS_EACH_S = 1.0


@app.task(name="tasks.forward")
def forward(number: str) -> None:
    """Let this process post a number's forwards, and keep what waits within its bounds."""
    ctx = worker_context()
    clear_wakeup(ctx.store, keys.number_bell(number, FORWARDS))
    if _is_look_due(number):
        health = memory_health(ctx.store, ctx.settings.gateway_store_bytes)
        bury_overdue(ctx, number, health)
        if health.is_short:
            detach_oldest(ctx, number)
    forwarder_of(ctx).wake(number)


_looked_at: dict[str, float] = {}


def _is_look_due(number: str) -> bool:
    """Say whether this process has not looked for a second at how long a number's have waited."""
    now = time.monotonic()
    if now - _looked_at.get(number, -LOOKS_EACH_S) < LOOKS_EACH_S:
        return False
    _looked_at[number] = now
    return True


def bury_overdue(ctx: WorkerContext, number: str, health: ServerHealth) -> int:
    """Make dead letters of forwards beyond a receiver's bounds; return how many.

    Raises StoreUnavailableError or ScriptError.
    """
    most_bytes = int(MOST_OF_STORE * health.limit_bytes)
    buried = sum(
        _bury_of_receiver(ctx, number, name, most_bytes)
        for name in list_receivers(ctx.store, number)
    )
    if buried:
        log.warning("forwards_given_up", number=number, count=buried)
    return buried


def _bury_of_receiver(ctx: WorkerContext, number: str, name: str, most_bytes: int) -> int:
    buried, began = 0, time.monotonic()
    while buried < MOST_BURIED and time.monotonic() - began < 1.0:
        overdue = oldest_forwards(ctx.store, number, name, most_bytes, AT_ONCE)
        if not overdue:
            break
        _bury(ctx, number, name, overdue)
        buried += len(overdue)
    return buried


def _bury(ctx: WorkerContext, number: str, name: str, overdue: Sequence[WaitingForward]) -> None:
    """Keep a copy of what would be posted, since the deliveries may be trimmed from then on."""
    named = receivers_of(ctx.rules.current(), number).get(name)
    receiver = named or unnamed_receiver(name)
    preparation = PostPreparation(ctx.store, ctx.bodies, ctx.rules)
    posts, problems = preparation.prepare(number, receiver, overdue, apart=True)
    copies = {post.forwards[0].id: post.body for post in posts}
    problem_of = {one.id: one for one in problems}
    settled = tuple(_end(ctx, one, copies.get(one.id), problem_of.get(one.id)) for one in overdue)
    kept = ctx.settings.gateway_results
    settle_forwards(ctx.store, [ReceiverOutcome(number, name, settled)], kept)


def _end(
    ctx: WorkerContext,
    overdue: WaitingForward,
    body: bytes | None,
    problem: SettledForward | None,
) -> SettledForward:
    copy = overdue.copy or (ctx.bodies.pack(body) if body is not None else b"")
    why = f"{TOO_LATE}; {problem.reason}" if problem else TOO_LATE
    is_gone = problem is not None and problem.step == "gone"
    return SettledForward(overdue.id, 0, "gone" if is_gone else "dead", why, copy=copy)
