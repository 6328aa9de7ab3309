"""The way in: whatever waits in the inbox gets its effect, once and in order."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from gateway.core.events import Event
from gateway.core.planning.batch import Plan, PlanningInput, PlanningResult, plan
from gateway.core.planning.decision import RuleDecider
from gateway.core.sending.dead_letter import DeferReason
from gateway.core.sending.resend_policy import gap_of
from gateway.core.sending.send import REPLY
from gateway.store import keys
from gateway.store.inbox.lease import MOST_DEATHS, Batch, LeasedPartitions
from gateway.store.inbox.leased_partition import Deferred
from gateway.store.maintenance import count, planning_stopped, stop_planning
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import load
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.sending.unconfirmed import note_gap
from tasks.app import app
from tasks.context import WorkerContext, release, worker
from tasks.monitoring.alerts import note_asked, note_damaged_partitions
from tasks.receiving.grants import take_grants
from tasks.receiving.poison import give_up, give_up_whole, set_before_a_person
from tasks.receiving.unreadable import readable
from tasks.sending.account_effects import spread_news
from tasks.wakeup import call_inbox, ring_number

log = structlog.get_logger(__name__)

SLICE_S = 0.5
LINGER_S = 0.01
# A commit refused so often has an obstacle that is not the delivery's: it is set aside.
MOST_REFUSALS = 3
# Rules that the line of a batch names.
MOST_NAMED = 5


class PlanningStoppedError(Exception):
    """Planning fails for too many events: the release or its rules are wrong, not the events."""


@app.task(name="tasks.drain", time_limit=20)
def drain() -> None:
    """Give every event that waits its effect, for one slice of time.

    Nothing is marked before the work. Planning is pure; the commit refuses a contact that changed
    or an event that became known meanwhile, and those are planned again. Dying anywhere leaves the
    cursor where it was, and what stands after it is drained again. Every lease is given back.
    """
    at_work = worker()
    at_work.inbox.clear_bell()
    rulebook = at_work.rules.current()
    if planning_stopped(at_work.store) == release(rulebook):
        return
    with at_work.inbox.slice() as held:
        batch = held.next()
        # From here on: far away from the store it takes long to begin, and work must come of it.
        ends = time.monotonic() + SLICE_S
        while not batch.empty:
            if batch.is_shared:
                at_work.ringing.submit(call_inbox, at_work.inbox)
            aside = effect(at_work, held, batch, rulebook, ends)
            batch = _following(held, aside, ends)
    note_damaged_partitions(at_work.store, held.damaged)
    free = [one for one in at_work.inbox.look() if not one.leased and one.index not in held.damaged]
    if any(one.has_work for one in free):
        call_inbox(at_work.inbox)


def _following(held: LeasedPartitions, aside: Deferred, ends: float) -> Batch:
    """Pass the batch in hand and return the next; empty where the slice or the work is over."""
    if time.monotonic() > ends:
        held.close(aside)
        return Batch()
    batch = held.next(aside)
    if batch.empty:
        # What arrives this moment is cheaper to take now than with another Celery message.
        time.sleep(LINGER_S)
        batch = held.next()
    return batch


@dataclass(slots=True)
class _Tally:
    """What came of a batch so far."""

    sends: Counter[str] = field(default_factory=Counter)  # by number
    fired: dict[str, str] = field(default_factory=dict)  # rule -> why, in the rule's own words
    refused: Counter[str] = field(default_factory=Counter)  # by event
    aside: dict[str, DeferReason] = field(default_factory=dict)  # by delivery
    gap: timedelta = timedelta(0)  # in which statuses were held up

    def note(self, made: Plan) -> None:
        """Note what a plan that was committed came to."""
        self.sends += Counter({made.number: len(made.sends)})
        for one in (one for record in made.records for one in record.fired):
            if len(self.fired) < MOST_NAMED:
                self.fired.setdefault(one.rule, one.why)
        self.gap = max([self.gap, *(gap_of(news) for news in made.news)])

    def set_aside(self, event: Event, obstacle: DeferReason) -> None:
        """Note what stands in the way of an event's delivery, the first thing that is met."""
        self.aside.setdefault(event.delivery, obstacle)


def effect(
    at_work: WorkerContext,
    held: LeasedPartitions,
    batch: Batch,
    rulebook: RuleDecider,
    ends: float = math.inf,
) -> Deferred:
    """Plan and commit a batch; return the deliveries that cannot be committed now, and why.

    What needs care is done event by event, and no more of it is begun once the slice `ends`.
    """
    tally = _Tally(aside={k: DeferReason("unopened", why) for k, why in batch.unopened.items()})
    if batch.is_careful:
        _settle_carefully(at_work, held, batch, rulebook, tally, ends)
    else:
        _settle(at_work, batch.events, rulebook, tally)
    for number in tally.sends:
        at_work.ringing.submit(ring_number, at_work.store, number, REPLY)
    if tally.gap:
        note_gap(at_work.store, tally.gap)
    if tally.aside:
        log.error("deliveries_aside", why={k: one.reason for k, one in tally.aside.items()})
    log.info(
        "batch_drained",
        deliveries=len(batch.deliveries),
        events=len(batch.events),
        kinds=Counter(event.kind for event in batch.events),
        sends=tally.sends.total(),
        fired=tally.fired,
    )
    return tally.aside


def _settle_carefully(
    at_work: WorkerContext,
    held: LeasedPartitions,
    batch: Batch,
    rulebook: RuleDecider,
    tally: _Tally,
    ends: float,
) -> None:
    """Give the events of a batch over which a worker died their effect, one at a time.

    Each is written down before it is touched. What two more workers died over is set before a
    person, three deaths at most, and the partition goes on. What is known by now is passed in one
    call. At least one event is done, so a slice makes progress however far away the store is.
    """
    if batch.deadly:
        give_up_whole(at_work, batch.deadly)
    known = {key for view, _ in _views(at_work, batch.events) for key in view.known}
    log.warning("delivery_drained_carefully", events=len(batch.events), known=len(known))
    for done, event in enumerate(batch.events):
        if event.key in known:
            continue
        if time.monotonic() > ends and done:
            return held.keep_first(done)
        deaths = held.hold_in_hand(event)
        if deaths is None:
            return held.keep_first(done)  # somebody else holds the partition by now
        if deaths >= MOST_DEATHS:
            give_up(at_work, event)
        else:
            _settle(at_work, [event], rulebook, tally)
    return None


def _settle(
    at_work: WorkerContext, events: Sequence[Event], rulebook: RuleDecider, tally: _Tally
) -> None:
    """Commit events, and plan again what was refused, until nothing is left or it is set aside."""
    events = readable(at_work, events, tally.set_aside)
    while events:
        again: set[int] = set()
        for view, theirs in _views(at_work, events):
            again |= {id(event) for event in _once(at_work, view, theirs, rulebook, tally)}
        stuck = {key for key, times in tally.refused.items() if times >= MOST_REFUSALS}
        for event in events:
            if event.key in stuck:
                tally.set_aside(event, DeferReason("contended", number=event.number))
        # In the order in which they came, whatever was refused and whatever was left for later.
        events = [e for e in events if id(e) in again and e.delivery not in tally.aside]


def _views(
    at_work: WorkerContext, events: Sequence[Event]
) -> Iterator[tuple[PlanningInput, list[Event]]]:
    numbers: dict[str, list[Event]] = {}
    for event in events:
        numbers.setdefault(event.number, []).append(event)
    for view in load(at_work.store, numbers):
        yield view, numbers[view.number]


def _once(
    at_work: WorkerContext,
    view: PlanningInput,
    events: list[Event],
    rulebook: RuleDecider,
    tally: _Tally,
) -> list[Event]:
    """Plan and commit the events of one number; return those that must be planned again."""
    planned = plan(view, events, rulebook)
    _note(at_work, view.number, planned, rulebook)
    take_grants(at_work, planned)
    note_asked(at_work.store, planned.plans)
    for event, why in planned.blocked:
        tally.set_aside(event, DeferReason("unreadable", why, event.number))
    again = list(planned.rest)
    for made, done in zip(planned.plans, _commit(at_work, planned.plans), strict=True):
        if isinstance(done, Exception):
            log.error("commit_failed", error=str(done), number=view.number)
            for event in made.events:
                tally.set_aside(event, DeferReason("failed", str(done), view.number))
        elif done:
            tally.note(made)
            spread_news(at_work, view.number, made.news)
        else:
            tally.refused.update(event.key for event in made.events)
            again += made.events
    return again


def _note(
    at_work: WorkerContext, number: str, planned: PlanningResult, rulebook: RuleDecider
) -> None:
    """Count what was known already, and set before a person what could not be planned.

    Raises PlanningStoppedError where too much fails: then it is not the events that are wrong.
    """
    works, by = sum(len(made.events) for made in planned.plans), release(rulebook)
    failed = [one.event.contact or one.event.key for one in planned.failures]
    if at_work.breaker.note(by, works, failed, time.monotonic()):
        at_work.breaker.reset()
        stop_planning(at_work.store, by)
        raise PlanningStoppedError
    if planned.known:
        count(at_work.store, keys.number(number), "events.known", planned.known)
    if planned.repeated:
        count(at_work.store, keys.number(number), "statuses.repeated", planned.repeated)
    set_before_a_person(at_work, planned.failures)


def _commit(at_work: WorkerContext, plans: Sequence[Plan]) -> list[bool | Exception]:
    for number in {made.number for made in plans}:
        at_work.list(number)
    results = commit(at_work.store, plans, at_work.settings.gateway_retention)
    for result in results:
        # The store being away says nothing of a delivery: leave the cursor where it is.
        if isinstance(result, StoreUnavailableError):
            raise result
    return results
