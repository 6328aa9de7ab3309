"""What beat rings for: what is due, what waits and does not move, and what is old.

Beat may come late, twice, or not at all for a while. So each of these does everything that is due,
never "the item of this second", and nothing in them counts on having run before. What beat did not
ring for, or nobody heard, is done by the main process of a worker (tasks/scheduled/safety_net.py).
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import cache

import structlog

from gateway.core.sending.send import BULK, REPLY
from gateway.store import keys, maintenance
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.inbox import PartitionState
from gateway.store.sending import late_failures
from gateway.store.sending.compaction import Compaction
from tasks.app import app
from tasks.context import StoreAccess, worker
from tasks.monitoring.alerts import note_damage
from tasks.scheduled.unconfirmed import resolve
from tasks.wakeup import call_inbox, clear_task, ring_anyway, ring_inbox, ring_number

log = structlog.get_logger(__name__)

# What waits for less is being worked on by somebody who was rung for.
STILL_MS = 1_500
DEAD_LETTERS_FOR = timedelta(days=30)


@app.task(name="tasks.tick", time_limit=60)
def tick() -> None:
    """Move what is due, and ring where that made something ready."""
    at_work = worker()
    clear_task(at_work.store, "tasks.tick")
    at_work.rules.current()  # also where no message comes, so that a change is taken up or told of
    run_tick(at_work)


def run_tick(at_work: StoreAccess) -> None:
    """Move what is due of every number, unless somebody has just done so."""
    _make_room(at_work)
    if not maintenance.may_tick(at_work.store):
        return
    try:
        move_due(at_work, maintenance.numbers(at_work.store))
    finally:  # a number whose keys are damaged holds nothing up
        _hear_late_failures(at_work)
        _compact(at_work)


def move_due(at_work: StoreAccess, numbers: Sequence[str]) -> None:
    """Move what is due of some numbers, and ring where that made something ready."""
    look = cache(at_work.inbox.look)  # once, before the first doubts are read, where there are any
    for due in maintenance.tick(at_work.store, numbers):
        note_damage(at_work.store, due.number, due.damaged)
        if due.doubts and resolve(at_work, due.number, look()):
            ring_number(at_work.store, due.number, REPLY)
        for timer, row in due.timers.items():
            # Nothing is taken out before it has arrived; twice is once, by the timer's id.
            at_work.inbox.put_back(row)
            maintenance.forget_timer(at_work.store, due.number, timer)
        if due.timers:
            call_inbox(at_work.inbox)
        for rank in (REPLY, BULK):
            if due.overdue_ms[rank] >= 0 and not _worked_on(at_work, due.number):
                ring_number(at_work.store, due.number, rank)


@app.task(name="tasks.sweep", time_limit=60)
def sweep() -> None:
    """Ring where something waits and nothing moves: a bell was lost, or a worker died."""
    at_work = worker()
    clear_task(at_work.store, "tasks.sweep")
    run_sweep(at_work)


def run_sweep(at_work: StoreAccess) -> None:
    """Do the sweep's work, from whichever process."""
    maintenance.ran(at_work.store, "sweep")
    still = [one for one in at_work.inbox.look() if _stands_still(at_work, one)]
    if still and maintenance.worth_ringing(at_work.store, keys.INBOX_BELL):
        _found(at_work, "inbox")
        ring_inbox()
    for due in maintenance.tick(at_work.store):
        for rank, overdue_ms in due.overdue_ms.items():
            if overdue_ms <= STILL_MS or _worked_on(at_work, due.number):
                continue
            if maintenance.worth_ringing(at_work.store, keys.number_bell(due.number, rank)):
                _found(at_work, rank)
                ring_anyway(due.number, rank)


@app.task(name="tasks.cleanup", time_limit=600)
def cleanup() -> None:
    """Drop what is old: worked-off deliveries, what is left of sends, forgotten dead letters."""
    at_work = worker()
    clear_task(at_work.store, "tasks.cleanup")
    dropped = maintenance.trim(at_work.store, at_work.settings.gateway_retention)
    sends = maintenance.prune(at_work.store, at_work.settings.gateway_retention)
    # By the server's clock, as they died: a worker's may be wrong by a month.
    forgotten = maintenance.forget_dead(
        at_work.store, dead_letters.now(at_work.store) - DEAD_LETTERS_FOR
    )
    maintenance.ran(at_work.store, "cleanup", lifetime_ms=maintenance.CLEANED_MS)
    log.info("cleaned_up", deliveries=dropped, sends=sends, dead_letters=forgotten)


def _make_room(at_work: StoreAccess) -> None:
    """Let history yield; before anything is written, which a full server would refuse."""
    settings = at_work.settings
    if dropped := maintenance.make_room(
        at_work.store, settings.gateway_store_bytes, settings.gateway_results
    ):
        log.warning("history_yields", dropped=dropped)


def _hear_late_failures(at_work: StoreAccess) -> None:
    numbers = maintenance.numbers(at_work.store)
    for number in late_failures.settle(at_work.store, at_work.bodies, numbers):
        ring_number(at_work.store, number, REPLY)


def _compact(at_work: StoreAccess) -> None:
    """Let sends that are over become records; last, for it takes the time that is left."""
    health = maintenance.memory(at_work.store, at_work.settings.gateway_store_bytes)
    compaction = Compaction(at_work.store, at_work.bodies, at_work.settings.gateway_retention)
    compaction.run(maintenance.numbers(at_work.store), health.early_ms)


def _stands_still(at_work: StoreAccess, one: PartitionState) -> bool:
    if not one.has_work:
        return False
    moved = maintenance.moved(at_work.store, one.index, one.cursor)
    waited = one.aside_due or one.now_ms - one.oldest_ms > STILL_MS
    return waited and not one.leased and not moved


def _worked_on(at_work: StoreAccess, number: str) -> bool:
    return maintenance.working(at_work.store, number, STILL_MS)


def _found(at_work: StoreAccess, what: str) -> None:
    log.warning("sweep_rang", what=what)
    maintenance.count(at_work.store, keys.SPACE, f"sweep.{what}")
