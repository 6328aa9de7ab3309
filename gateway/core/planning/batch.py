"""What follows from events, decided before anything is done: pure, so that it may be done again.

Events known already are dropped first. The rest of each person, in order, is folded into the state
of their contact; the rules are asked with the state before the event; what they answer becomes
sends whose ids are made from the event alone. Nothing here knows a clock: `now` is the server's,
from the view.
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.core.alerts import Alert
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import PersonGroup, groups, names
from gateway.core.events import Event, InternalEvent, Message, Status
from gateway.core.planning.decision import RuleDecider
from gateway.core.planning.event import Record, follows
from gateway.core.sending import canary
from gateway.core.sending.send import Send, StatusUpdate
from gateway.core.sending.status_update import news_of

# A commit script blocks the server for everybody, so it gets no more events than this at once, and
# none once there are so many sends, which take it some 20 ms.
MOST_EVENTS = 100
MOST_SENDS = 500
# What came earlier is no longer part of what Meta counts now: a backlog must not slow replies down.
MOMENT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class PlanningInput:
    """What the store said of one number's batch: the time, its contacts, and what is known."""

    number: str
    now: datetime
    contacts: Mapping[str, Contact]  # by each key that was asked for
    known: frozenset[str]  # keys of events
    # Names of contacts, and keys of events, of which something stored cannot be read, and why.
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """One contact's events of a batch and all that follows from them: committed whole or not."""

    number: str
    contact: Contact  # as it will be; `version` is the one it was planned from
    changed: bool
    events: tuple[Event, ...]
    joins: tuple[Contact, ...] = ()  # what becomes another name of the contact, as it was
    sends: tuple[Send, ...] = ()
    news: tuple[StatusUpdate, ...] = ()
    inbound: int = 0  # messages of a moment ago: they use the number's throughput too
    records: tuple[Record, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the other names that lead to the contact itself from now on, where it was joined.

        They led to what it was joined from. Were they left so, the way would grow with each join.
        """
        joined = {self.contact.key, *(one.key for one in self.joins)}
        called = [*self.contact.aliases, *(name for event in self.events for name in names(event))]
        return tuple(name for name in dict.fromkeys(called) if self.joins and name not in joined)


@dataclass(frozen=True, slots=True)
class Failure:
    """An event whose planning raised: a bug, so it is set before a person and not tried again."""

    event: Event
    error: str
    trace: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlanningResult:
    """The plans of one view, what failed, what was dropped, and what must be asked again."""

    plans: tuple[Plan, ...]
    failures: tuple[Failure, ...]
    known: int
    rest: tuple[Event, ...]
    repeated: int = 0  # statuses among the known
    blocked: tuple[tuple[Event, str], ...] = ()  # what needs what cannot be read, and why that is


def plan(view: PlanningInput, events: Sequence[Event], rulebook: RuleDecider) -> PlanningResult:
    """Plan the events of one number, each contact's in their order."""
    fresh = _fresh(view, events)
    repeated = _statuses(events) - _statuses(fresh)
    known = len(events) - len(fresh)
    blocked = tuple((event, why) for event in fresh if (why := _obstacle(view, event)))
    stuck = {event.key for event, _ in blocked}
    fresh = [event for event in fresh if event.key not in stuck]
    plans, failures, rest = [], [], list[Event]()
    for group in groups(view.contacts, fresh):
        made, failed = _fold(view, group, rulebook)
        if made.events:
            plans.append(made)
        failures += failed
        rest += group.events[len(made.events) + len(failed) :]
    return PlanningResult(tuple(plans), tuple(failures), known, tuple(rest), repeated, blocked)


def _obstacle(view: PlanningInput, event: Event) -> str:
    """Say why an event cannot be planned now: what it needs cannot be read; "" where it can."""
    needs = (event.key, *names(event)) if view.unreadable else ()
    return next((view.unreadable[one] for one in needs if one in view.unreadable), "")


def _fresh(view: PlanningInput, events: Iterable[Event]) -> list[Event]:
    """Drop events that are known, or repeated within the batch."""
    seen = set(view.known)
    fresh = []
    for event in events:
        if event.key not in seen:
            seen.add(event.key)
            fresh.append(event)
    return fresh


def _statuses(events: Iterable[Event]) -> int:
    return sum(isinstance(event, Status) for event in events)


def _fold(
    view: PlanningInput, group: PersonGroup, rulebook: RuleDecider
) -> tuple[Plan, list[Failure]]:
    """Plan a person's events in their order, as many as one commit may hold."""
    others = group.others
    made = Plan(view.number, group.contact, changed=bool(others), events=(), joins=others)
    failures = []
    for event in group.events[:MOST_EVENTS]:
        if len(made.sends) >= MOST_SENDS:
            break
        try:
            made = _after(made, event, rulebook, view.now)
        except Exception as error:  # a bug of ours or of a rule must hurt this event only
            failures.append(Failure(event, type(error).__name__, traceback.format_exc()))
    return made, failures


def _after(made: Plan, event: Event, rulebook: RuleDecider, now: datetime) -> Plan:
    """Add what follows from one event to what is planned for its contact."""
    found = follows(event, made.contact, rulebook, now)
    is_message = isinstance(event, Message) and bool(made.contact.key)
    is_changed = is_message or (made.contact.key and found.contact != made.contact)
    back = canary.send(event, now) if isinstance(event, InternalEvent) else None
    news = news_of(event) if isinstance(event, Status) else None
    return replace(
        made,
        contact=found.contact,
        changed=made.changed or bool(is_changed),
        events=(*made.events, event),
        sends=(*made.sends, *found.sends, *((back,) if back else ())),
        news=(*made.news, *((news,) if news else ())),
        alerts=(*made.alerts, *found.alerts),
        inbound=made.inbound + (is_message and now - event.at < MOMENT),
        records=(*made.records, *((found.record,) if found.record else ())),
    )
