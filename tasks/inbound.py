"""Inbound work: every delivery that waits in the inbox has its effect, once and in order."""

import math
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import structlog

from gateway.accounts.rulebooks import RulesInForce
from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Event
from gateway.core.planning.batch import Plan, PlanningInput, PlanningResult, plan
from gateway.core.planning.decision import RuleDecider
from gateway.core.sending.send import REPLY
from gateway.store import keys
from gateway.store.inbox.lease import MOST_DEATHS, Batch, LeasedPartitions
from gateway.store.inbox.leased_partition import Deferred
from gateway.store.number_list import increment_counter
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.planning.planning_stop import stopped_releases
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.sending.unconfirmed import note_gap
from tasks.app import app
from tasks.context import WorkerContext, release_id, worker_context
from tasks.monitoring.noted_alerts import note_damaged_partitions, note_rule_alerts
from tasks.receiving.account_routing import (
    Routing,
    admit_events,
    all_stopped,
    split_by_account,
    stop_release,
)
from tasks.receiving.batch_tally import BatchTally
from tasks.receiving.number_news import apply_number_news
from tasks.receiving.poison import dead_letter_events, give_up_delivery, give_up_event
from tasks.receiving.template_news import apply_template_news
from tasks.receiving.unreadable import dead_letter_unreadable
from tasks.sending.account_effects import apply_failed_statuses
from tasks.wakeup import call_inbox, ring_call, ring_forwards, ring_number, ring_outgoing

log = structlog.get_logger(__name__)

SLICE_S = 0.5
LINGER_S = 0.01
# After so many refusals of a commit the cause is not the delivery's: it is deferred.
MOST_REFUSALS = 3


class PlanningStoppedError(Exception):
    """Planning fails for too many events: the release or its rules are wrong, not the events."""


@app.task(name="tasks.drain", time_limit=20)
def drain() -> None:
    """Give every event that waits its effect, for one slice of time.

    Nothing is marked before the work. Planning is pure; the commit refuses a contact that changed
    or an event that became known meanwhile, and those are planned again. A death anywhere leaves
    the cursor in place, and what follows it is drained again. Every lease is given back.
    """
    ctx = worker_context()
    ctx.inbox.clear_bell()
    rules, stopped = ctx.rules.current(), stopped_releases(ctx.store)
    if all_stopped(rules, stopped):
        return
    with ctx.inbox.lease() as leases:
        batch = leases.next_batch()
        # From here on: if the store is far away, starting is slow, and work must still be done.
        deadline = time.monotonic() + SLICE_S
        while not batch.is_empty:
            if batch.is_shared:
                ctx.ring_pool.submit(call_inbox, ctx.inbox)
            deferred = process_batch(ctx, leases, batch, rules, deadline, stopped)
            batch = _next_batch(leases, deferred, deadline)
    note_damaged_partitions(ctx.store, leases.damaged)
    free = [
        one
        for one in ctx.inbox.partition_states()
        if not one.is_leased and one.index not in leases.damaged
    ]
    if any(one.has_work for one in free):
        call_inbox(ctx.inbox)


def _next_batch(leases: LeasedPartitions, deferred: Deferred, deadline: float) -> Batch:
    """Pass the batch in hand and return the next; empty if the slice or the work is over."""
    if time.monotonic() > deadline:
        leases.close(deferred)
        return Batch()
    batch = leases.next_batch(deferred)
    if batch.is_empty:
        # Taking what arrives this moment is cheaper than another Celery message.
        time.sleep(LINGER_S)
        batch = leases.next_batch()
    return batch


def process_batch(
    ctx: WorkerContext,
    leases: LeasedPartitions,
    batch: Batch,
    rules: RulesInForce,
    deadline: float = math.inf,
    stopped: Collection[str] = (),
) -> Deferred:
    """Plan and commit a batch; return the deliveries that cannot be committed now, and why.

    Careful work is done event by event, and no more of it is begun after the `deadline`. Events
    whose release is `stopped` are not planned.
    """
    routing = Routing.of(rules, batch.deliveries, stopped)
    tally = BatchTally(
        deferred={k: DeferReason("unopened", why) for k, why in batch.open_errors.items()}
    )
    if batch.is_careful:
        _commit_one_by_one(ctx, leases, batch, routing, tally, deadline)
    else:
        _commit_with_replanning(ctx, batch.events, routing, tally)
    _wake_workers(ctx, tally)
    if tally.gap:
        note_gap(ctx.store, tally.gap)
    if tally.deferred:
        log.error("deliveries_aside", why={k: one.reason for k, one in tally.deferred.items()})
    _log_batch(batch, tally)
    return tally.deferred


def _wake_workers(ctx: WorkerContext, tally: BatchTally) -> None:
    """Wake workers for what a batch made ready, beside the next batch."""
    for number in tally.sends:
        ctx.ring_pool.submit(ring_number, ctx.store, number, REPLY)
    for number in tally.notifications:
        ctx.ring_pool.submit(ring_outgoing, ctx.store, number)
    for called_number, service in tally.calls:
        ctx.ring_pool.submit(ring_call, ctx.store, called_number, service)
    for number in tally.forwards:
        ctx.ring_pool.submit(ring_forwards, ctx.store, number)


def _log_batch(batch: Batch, tally: BatchTally) -> None:
    log.info(
        "batch_drained",
        deliveries=len(batch.deliveries),
        events=len(batch.events),
        kinds=Counter(event.kind for event in batch.events),
        sends=tally.sends.total(),
        notifications=tally.notifications.total(),
        calls=tally.calls.total(),
        forwards=tally.forwards.total(),
        fired=tally.fired_rules,
        known={kind: count for kind, count in tally.known.items() if count},
        send_ids=tally.named_sends,
        statuses=tally.statuses,
    )


def _commit_one_by_one(
    ctx: WorkerContext,
    leases: LeasedPartitions,
    batch: Batch,
    routing: Routing,
    tally: BatchTally,
    deadline: float,
) -> None:
    """Give the events of a batch over which a worker died their effect, one at a time.

    Each is written down before it is touched. An event over which three workers died becomes a
    dead letter, and the partition goes on. Events known by now are passed in one call. At least one
    event is done, so a slice makes progress however slow the store is.
    """
    if batch.deadly_delivery:
        give_up_delivery(ctx, batch.deadly_delivery)
    known = {
        key
        for planning_input, _ in _load_planning_inputs(ctx, batch.events)
        for key in planning_input.known
    }
    log.warning("delivery_drained_carefully", events=len(batch.events), known=len(known))
    for done_count, event in enumerate(batch.events):
        if event.key in known:
            continue
        if time.monotonic() > deadline and done_count:
            return leases.keep_first(done_count)
        deaths = leases.hold_in_hand(event)
        if deaths is None:
            return leases.keep_first(done_count)  # another worker holds the partition by now
        if deaths >= MOST_DEATHS:
            give_up_event(ctx, event)
        else:
            _commit_with_replanning(ctx, [event], routing, tally)
    return None


def _commit_with_replanning(
    ctx: WorkerContext, events: Sequence[Event], routing: Routing, tally: BatchTally
) -> None:
    """Commit events, and plan refused ones again, until none is left or they are deferred."""
    events = admit_events(ctx, events, routing, tally.defer)
    events = dead_letter_unreadable(ctx, events, tally.defer)
    while events:
        to_replan: set[int] = set()
        for planning_input, number_events in _load_planning_inputs(ctx, events):
            to_replan |= {
                id(event)
                for its_input, rulebook, its_events in split_by_account(
                    planning_input, number_events, routing
                )
                for event in _plan_and_commit(ctx, its_input, its_events, rulebook, tally)
            }
        stuck = {key for key, times in tally.refusals.items() if times >= MOST_REFUSALS}
        for event in events:
            if event.key in stuck:
                tally.defer(event, DeferReason("contended", number=event.number))
        # In the order of arrival, whichever were refused and whichever are left for later.
        events = [e for e in events if id(e) in to_replan and e.delivery not in tally.deferred]


def _load_planning_inputs(
    ctx: WorkerContext, events: Sequence[Event]
) -> Iterator[tuple[PlanningInput, list[Event]]]:
    numbers: dict[str, list[Event]] = {}
    for event in events:
        numbers.setdefault(event.number, []).append(event)
    for planning_input in load(ctx.store, numbers):
        yield planning_input, numbers[planning_input.number]


def _plan_and_commit(
    ctx: WorkerContext,
    planning_input: PlanningInput,
    events: list[Event],
    rulebook: RuleDecider,
    tally: BatchTally,
) -> list[Event]:
    """Plan and commit the events of one number; return those that must be planned again."""
    result = plan(planning_input, events, rulebook)
    _record_planning(ctx, planning_input.number, result, rulebook)
    tally.add_known(result.known, result.repeated)
    apply_number_news(ctx, planning_input.account, result)
    apply_template_news(ctx, planning_input.account, result)
    note_rule_alerts(ctx.store, result.plans)
    for event, reason in result.blocked:
        tally.defer(event, DeferReason("unreadable", reason, event.number))
    to_replan = list(result.rest)
    for contact_plan, committed in zip(result.plans, _commit(ctx, result.plans), strict=True):
        if isinstance(committed, Exception):
            log.error("commit_failed", error=str(committed), number=planning_input.number)
            for event in contact_plan.events:
                tally.defer(event, DeferReason("failed", str(committed), planning_input.number))
        elif committed:
            tally.add_plan(contact_plan)
            _count_left_out(ctx, contact_plan)
            apply_failed_statuses(ctx, planning_input.number, contact_plan.status_updates)
        else:
            tally.refusals.update(event.key for event in contact_plan.events)
            to_replan += contact_plan.events
    return to_replan


def _count_left_out(ctx: WorkerContext, committed: Plan) -> None:
    """Count the actions that were not done because a text of them came out empty."""
    if count := sum(record.left_out for record in committed.records):
        increment_counter(ctx.store, keys.number(committed.number), "actions.empty", count)


def _record_planning(
    ctx: WorkerContext, number: str, result: PlanningResult, rulebook: RuleDecider
) -> None:
    """Count events that were known already, and dead-letter those that could not be planned.

    Raises PlanningStoppedError if too many fail: then it is not the events that are wrong.
    """
    planned_count = sum(len(contact_plan.events) for contact_plan in result.plans)
    release = release_id(rulebook.version)
    breaker = ctx.breaker(release)
    failed_keys = [one.event.contact or one.event.key for one in result.failures]
    if breaker.note(release, planned_count, failed_keys, time.monotonic()):
        breaker.reset()
        stop_release(ctx, release)
        raise PlanningStoppedError
    if result.known:
        increment_counter(ctx.store, keys.number(number), "events.known", result.known)
    if result.repeated:
        increment_counter(ctx.store, keys.number(number), "statuses.repeated", result.repeated)
    dead_letter_events(ctx, result.failures)


def _commit(ctx: WorkerContext, plans: Sequence[Plan]) -> list[bool | Exception]:
    for number in {contact_plan.number for contact_plan in plans}:
        ctx.ensure_listed(number)
    results = commit(ctx.store, plans, ctx.settings.gateway_retention, ctx.bodies)
    for result in results:
        # An unavailable store says nothing about a delivery: leave the cursor where it is.
        if isinstance(result, StoreUnavailableError):
            raise result
    return results
