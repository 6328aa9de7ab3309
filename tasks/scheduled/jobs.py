"""Periodic jobs: tick moves what is due, sweep wakes stalled queues, cleanup drops what is old.

Beat may come late, twice, or not at all for a while. So each job does everything that is due,
never "the item of this second", and none relies on having run before. If beat sent no wake-up, or
no worker took it, the main process of a worker does the job (tasks/scheduled/safety_net.py).
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import structlog
from celery import Task

from gateway.core.sending.send import PRIORITIES, REPLY
from gateway.store import keys, number_list
from gateway.store.coordination import run_ages, wakeups
from gateway.store.dead_letters import dead_letters
from gateway.store.erasure.eraser import Eraser
from gateway.store.inbox.inbox import PartitionState
from gateway.store.maintenance import due_items, references, retention
from gateway.store.redis.client import ScriptError
from gateway.store.sending import late_failures
from gateway.store.sending.compaction import Compaction
from tasks.app import app
from tasks.campaigns.process import wake_for_campaigns
from tasks.context import StoreAccess, worker_context
from tasks.monitoring.noted_alerts import note_damage
from tasks.outgoing.crowded_calls import fail_crowded_calls
from tasks.requests.results import write_results
from tasks.scheduled.schedules import MOST_AT_ONCE, fire_schedules
from tasks.scheduled.templates import resume_templates
from tasks.scheduled.unconfirmed import repeat_lost_sends
from tasks.wakeup import (
    call_inbox,
    clear_task,
    ring_anyway,
    ring_call,
    ring_forwards,
    ring_inbox,
    ring_number,
    ring_outgoing,
)

log = structlog.get_logger(__name__)

# What waits for less has a worker that was woken and works on it.
STALLED_MS = 1_500


def _process_scheduled_messages(self: Task[Any, Any]) -> dict[str, int]:
    """Move what is due, and wake workers if that made something ready; return how many items."""
    ctx = worker_context()
    clear_task(ctx.store, str(self.name))
    return {"processed": run_tick(ctx)}


# By the second name beats of earlier releases call it, and entries that an operator changed.
process_scheduled_messages, tick = (
    app.task(name=name, bind=True, time_limit=60)(_process_scheduled_messages)
    for name in ("tasks.process_scheduled_messages", "tasks.tick")
)


def run_tick(ctx: StoreAccess) -> int:
    """Move what is due of every number, unless another process has just done so.

    Return how many items were moved.
    """
    _make_room(ctx)
    if not run_ages.may_tick(ctx.store):
        return 0
    bounds = references.read_bounds(ctx.store)  # before what refers to deliveries is read
    numbers, oldest_referred = number_list.numbers(ctx.store), references.OldestReferred()
    try:
        return move_due(ctx, numbers, oldest_referred)
    finally:  # a number with damaged keys delays no other work
        references.read_unseen(ctx.store, numbers, oldest_referred)
        references.note_unreferred(ctx.store, bounds, oldest_referred.at_ms)
        wake_for_campaigns(ctx)
        _apply_late_failures(ctx)
        _erase_customers(ctx)
        _compact(ctx)


def move_due(
    ctx: StoreAccess,
    numbers: Sequence[str],
    oldest_referred: references.OldestReferred | None = None,
) -> int:
    """Move what is due of some numbers, and wake workers for it; return how many items moved.

    `oldest_referred` notes the oldest delivery to which a forward of theirs refers.
    """
    moved, noted = 0, oldest_referred or references.OldestReferred()
    read_partitions = cache(
        ctx.inbox.partition_states
    )  # once, before the first unconfirmed sends are read, if there are any
    may_fire = MOST_AT_ONCE
    for due in due_items.tick(ctx.store, numbers):
        moved += due.moved_items
        noted.note(due.number, due.oldest_referred_ms)
        note_damage(ctx.store, due.number, due.damaged)
        if due.unconfirmed and repeat_lost_sends(ctx, due.number, read_partitions()):
            ring_number(ctx.store, due.number, REPLY)
        for timer, row in due.timers.items():
            # A timer is forgotten only after its delivery is kept; its id makes any copy known.
            ctx.inbox.append_internal(row)
            due_items.forget_timer(ctx.store, due.number, timer)
        if due.timers:
            call_inbox(ctx.inbox)
        if due.owed_results:
            _write_results(ctx, due.number)
        if due.due_schedules and may_fire > 0:
            moved += _fire_due(ctx, due.number, may_fire)
            may_fire -= due.due_schedules
        _ring_outgoing(ctx, due)
        if due.crowded_calls:
            fail_crowded_calls(ctx, due.number)
        resume_templates(ctx, due.number, due.templates)
        _ring_ready(ctx, due)
    return moved


def _ring_outgoing(ctx: StoreAccess, due: due_items.TickResult) -> None:
    """Wake workers for what is due to be posted to strangers."""
    if due.notification_overdue_ms >= 0:
        ring_outgoing(ctx.store, due.number)
    if due.forward_overdue_ms >= 0:
        ring_forwards(ctx.store, due.number)
    for service in due.services:
        ring_call(ctx.store, due.number, service)


def _fire_due(ctx: StoreAccess, number: str, most: int) -> int:
    """Let schedules make their sends; return how many they made."""
    made = fire_schedules(ctx, number, most)
    for priority in set(made):
        if _may_be_rung(ctx, number):
            ring_number(ctx.store, number, priority)
    return len(made)


def _ring_ready(ctx: StoreAccess, due: due_items.TickResult) -> None:
    for priority in PRIORITIES:
        if due.overdue_ms[priority] >= 0 and _may_be_rung(ctx, due.number):
            ring_number(ctx.store, due.number, priority)


@app.task(name="tasks.sweep", time_limit=60)
def sweep() -> None:
    """Wake workers for work that waits and does not move: a wake-up was lost, or a worker died."""
    ctx = worker_context()
    clear_task(ctx.store, "tasks.sweep")
    run_sweep(ctx)


def run_sweep(ctx: StoreAccess) -> None:
    """Do the sweep's work, in any process."""
    run_ages.record_run(ctx.store, "sweep")
    stalled = [one for one in ctx.inbox.partition_states() if _is_stalled(ctx, one)]
    if stalled and wakeups.should_wake_again(ctx.store, keys.INBOX_BELL):
        _record_stalled(ctx, "inbox")
        ring_inbox()
    for due in due_items.tick(ctx.store):
        for priority, overdue_ms in due.overdue_ms.items():
            if overdue_ms <= STALLED_MS or not _may_be_rung(ctx, due.number):
                continue
            if wakeups.should_wake_again(ctx.store, keys.number_bell(due.number, priority)):
                _record_stalled(ctx, priority)
                ring_anyway(due.number, priority)


def _cleanup_expired_sessions(self: Task[Any, Any]) -> dict[str, int]:
    """Drop what is old: processed deliveries, remains of sends, dead letters; return how many."""
    ctx = worker_context()
    clear_task(ctx.store, str(self.name))
    dropped = retention.trim(ctx.store, ctx.settings.gateway_retention)
    sends = retention.prune(ctx.store, ctx.settings.gateway_retention)
    # By the server's clock, as their times are: a worker's may be wrong by a month.
    forgotten = retention.forget_dead_letters(
        ctx.store, dead_letters.server_time(ctx.store) - retention.DEAD_LETTERS_FOR
    )
    run_ages.record_run(ctx.store, "cleanup", lifetime_ms=run_ages.CLEANUP_AGE_MS)
    log.info("cleaned_up", deliveries=dropped, sends=sends, dead_letters=forgotten)
    return {"processed": dropped + sends + forgotten}


cleanup_expired_sessions, cleanup = (
    app.task(name=name, bind=True, time_limit=600)(_cleanup_expired_sessions)
    for name in ("tasks.cleanup_expired_sessions", "tasks.cleanup")
)


def _write_results(ctx: StoreAccess, number: str) -> None:
    try:
        write_results(ctx, number)
    except ScriptError as error:  # a number with damaged keys delays no other
        log.error("results_not_written", number=number, error=str(error))


def _make_room(ctx: StoreAccess) -> None:
    """Delete history if memory is short; before any write, which a full server would refuse."""
    settings = ctx.settings
    if dropped := retention.make_room(
        ctx.store, settings.gateway_store_bytes, settings.gateway_results
    ):
        log.warning("history_yields", dropped=dropped)


def _apply_late_failures(ctx: StoreAccess) -> None:
    numbers = number_list.numbers(ctx.store)
    for number in late_failures.apply_late_failures(ctx.store, ctx.bodies, numbers):
        ring_number(ctx.store, number, REPLY)


def _erase_customers(ctx: StoreAccess) -> None:
    """Go on with erasures of customers, for a part of a second."""
    eraser = Eraser(ctx.store, ctx.bodies, ctx.settings.gateway_retention)
    try:
        if done := eraser.run():
            log.info("customers_erased", count=done)
    except ScriptError as error:  # it goes on with the next tick, and delays no other work
        log.error("erasure_failed", error=str(error))


def _compact(ctx: StoreAccess) -> None:
    """Turn sends that are over into compact records; last, since it takes the time that is left."""
    health = retention.memory_health(ctx.store, ctx.settings.gateway_store_bytes)
    compaction = Compaction(ctx.store, ctx.bodies, ctx.settings.gateway_retention)
    compaction.run(number_list.numbers(ctx.store), health.early_ms)


def _is_stalled(ctx: StoreAccess, partition: PartitionState) -> bool:
    if not partition.has_work:
        return False
    moved = due_items.has_cursor_moved(ctx.store, partition.index, partition.cursor)
    waited = partition.is_deferred_due or partition.now_ms - partition.oldest_ms > STALLED_MS
    return waited and not partition.is_leased and not moved


def _may_be_rung(ctx: StoreAccess, number: str) -> bool:
    return ctx.may_send(number) and not due_items.is_pump_active(ctx.store, number, STALLED_MS)


def _record_stalled(ctx: StoreAccess, what: str) -> None:
    log.warning("sweep_rang", what=what)
    number_list.increment_counter(ctx.store, keys.SPACE, f"sweep.{what}")
