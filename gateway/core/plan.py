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

from gateway.core import canary, optout
from gateway.core.answers import answers
from gateway.core.contacts import Contact
from gateway.core.decisions import Fired, Rulebook
from gateway.core.events import Event, Message, Returned, Status
from gateway.core.keys import digest
from gateway.core.news import news_of
from gateway.core.people import Group, groups
from gateway.core.sends import News, Send

# A commit script blocks the server for everybody, so it gets no more than this at once.
MOST_EVENTS = 100
# What came earlier is no longer part of what Meta counts now: a backlog must not slow replies down.
MOMENT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class View:
    """What the store said of one number's batch: the time, its contacts, and what is known."""

    number: str
    now: datetime
    contacts: Mapping[str, Contact]  # by each key that was asked for
    known: frozenset[str]  # keys of events


@dataclass(frozen=True, slots=True)
class Record:
    """Why something was planned; every trace stands on it."""

    id: str
    event: Event
    rulebook: str
    is_new: bool
    fired: tuple[Fired, ...] = field(repr=False)
    sends: tuple[str, ...]
    planned_at: datetime
    changes: tuple[str, ...] = ()  # of what the customer wants, in words


@dataclass(frozen=True, slots=True)
class Plan:
    """One contact's events of a batch and all that follows from them: committed whole or not."""

    number: str
    contact: Contact  # as it will be; `version` is the one it was planned from
    changed: bool
    events: tuple[Event, ...]
    joins: tuple[Contact, ...] = ()  # what becomes another name of the contact, as it was
    sends: tuple[Send, ...] = ()
    news: tuple[News, ...] = ()
    inbound: int = 0  # messages of a moment ago: they use the number's throughput too
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An event whose planning raised: a bug, so it is set before a person and not tried again."""

    event: Event
    error: str
    trace: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Planned:
    """The plans of one view, what failed, what was dropped, and what must be asked again."""

    plans: tuple[Plan, ...]
    failures: tuple[Failure, ...]
    known: int
    rest: tuple[Event, ...]
    repeated: int = 0  # statuses among the known


def plan(view: View, events: Sequence[Event], rulebook: Rulebook) -> Planned:
    """Plan the events of one number, each contact's in their order."""
    fresh = _fresh(view, events)
    repeated = _statuses(events) - _statuses(fresh)
    plans, failures, rest = [], [], list[Event]()
    for group in groups(view.contacts, fresh):
        rest += group.events[MOST_EVENTS:]
        made = _fold(view, group._replace(events=group.events[:MOST_EVENTS]), rulebook)
        if made[0].events:
            plans.append(made[0])
        failures += made[1]
    known = len(events) - len(fresh)
    return Planned(tuple(plans), tuple(failures), known, tuple(rest), repeated)


def record_id(event: Event) -> str:
    """Return the id under which an event's record is found."""
    return digest(event.key).hex()


def _fresh(view: View, events: Iterable[Event]) -> list[Event]:
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


def _fold(view: View, group: Group, rulebook: Rulebook) -> tuple[Plan, list[Failure]]:
    others = group.others
    made = Plan(view.number, group.contact, changed=bool(others), events=(), joins=others)
    failures = []
    for event in group.events:
        try:
            made = _after(made, event, rulebook, view.now)
        except Exception as error:  # a bug of ours or of a rule must hurt this event only
            failures.append(Failure(event, type(error).__name__, traceback.format_exc()))
    return made, failures


def _after(made: Plan, event: Event, rulebook: Rulebook, now: datetime) -> Plan:
    """Add what follows from one event to what is planned for its contact."""
    events = (*made.events, event)
    if isinstance(event, Message) and made.contact.key:
        return _answered(replace(made, events=events, changed=True), event, rulebook, now)
    made = replace(made, events=events)
    if isinstance(event, Status) and (news := news_of(event)):
        made = replace(made, news=(*made.news, news))
    if isinstance(event, Returned) and (send := canary.send(event, now)):
        made = replace(made, sends=(*made.sends, send))
    word = optout.word(event) if made.contact.key else None
    return _told(made, event, word, rulebook.version, now) if word else made


def _answered(made: Plan, event: Message, rulebook: Rulebook, now: datetime) -> Plan:
    """Fold a message into its contact, and add the sends and the record of the rules that fired."""
    before, contact = made.contact, made.contact.after(event)
    inbound = made.inbound + (now - event.at < MOMENT)
    decision = rulebook.decide(event, before, now)
    if not decision.fired:
        return replace(made, contact=contact, inbound=inbound)
    record = record_id(event)
    contact, sends, changes = answers(event, decision.fired, contact, record, now)
    ids = tuple(send.id for send in sends)
    version, fired = rulebook.version, decision.fired
    told = Record(record, event, version, before.is_new, fired, ids, now, changes)
    sends, records = (*made.sends, *sends), (*made.records, told)
    return replace(made, contact=contact, inbound=inbound, sends=sends, records=records)


def _told(made: Plan, event: Event, word: optout.Word, version: str, now: datetime) -> Plan:
    """Note what a customer wants, and the record that says how we know."""
    contact, change = optout.heard(made.contact, word, min(event.at, now))
    new, changes = made.contact.is_new, (change,)
    record = Record(record_id(event), event, version, new, (), (), now, changes)
    return replace(made, contact=contact, changed=True, records=(*made.records, record))
