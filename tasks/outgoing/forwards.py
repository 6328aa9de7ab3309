"""Forwards: a task finds which waited for too long, and wakes the forwarder of its process."""

import time
from functools import cache

import structlog

from gateway.accounts.receivers import is_unnamed
from gateway.core.forwards.forward import MOST_OF_STORE
from gateway.store import keys
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.maintenance.retention import memory_health
from gateway.store.monitoring.alert_store import record_alert
from gateway.store.outgoing.forwards import list_receivers
from gateway.store.outgoing.receiver_states import with_waiting
from gateway.store.server.health import ServerHealth
from tasks.app import app
from tasks.context import WorkerContext, worker_context
from tasks.monitoring.noted_alerts import UNNAMED_FOR, unnamed_receiver_alert
from tasks.outgoing.forward_copies import detach_oldest
from tasks.outgoing.forwarding.burial import TOO_LATE, burial_of
from tasks.outgoing.forwarding.forwarder import forwarder_of
from tasks.outgoing.forwarding.receiver_rooms import ReceiverRooms
from tasks.wakeup import FORWARDS

log = structlog.get_logger(__name__)

LOOKS_EACH_S = 1.0


@app.task(name="tasks.forward")
def forward(number: str) -> None:
    """Let this process post a number's forwards, and keep what waits within its bounds."""
    ctx = worker_context()
    clear_wakeup(ctx.store, keys.number_bell(number, FORWARDS))
    if _is_look_due(number):
        health = memory_health(ctx.store, ctx.settings.gateway_store_bytes)
        bury_overdue(ctx, number, health)
        report_unnamed(ctx, number)
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
    most_bytes, buried = int(MOST_OF_STORE * health.limit_bytes), 0
    burial = burial_of(ctx)
    for name in list_receivers(ctx.store, number):
        own = _rooms().most_bytes_of(ctx, number, name, most_bytes)
        buried += burial.bury_oldest(number, name, TOO_LATE, most_bytes=own)
    if buried:
        log.warning("forwards_given_up", number=number, count=buried)
    return buried


@cache
def _rooms() -> ReceiverRooms:
    return ReceiverRooms()


def report_unnamed(ctx: WorkerContext, number: str) -> None:
    """Alert while events wait for receivers that the rules no longer name.

    They are looked at once a minute at least. Raises StoreUnavailableError or ScriptError.
    """
    rules, names = ctx.rules.current(), list_receivers(ctx.store, number)
    unnamed = [one for one in names if is_unnamed(rules, number, one)]
    for one in with_waiting(ctx.store, number, unnamed):
        record_alert(ctx.store, unnamed_receiver_alert(number, one), UNNAMED_FOR)
