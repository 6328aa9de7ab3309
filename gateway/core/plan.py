"""What follows from events, decided before anything is done: pure, so that it may be done again.

Events known already are dropped first. The rest of each contact, in order, is folded into its
state; the rules are asked with the state before the event; what they answer becomes sends whose
ids are made from the event alone. Nothing here knows a clock: `now` is the server's, from the view.
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.core import canary
from gateway.core.contacts import Contact
from gateway.core.decisions import Action, Decision, Fired, Rulebook
from gateway.core.events import Event, Message, Returned, Status
from gateway.core.keys import digest
from gateway.core.messages import addressed
from gateway.core.news import news_of
from gateway.core.sends import REPLY, Closed, News, Send, lifetime, send_id

# A commit script blocks the server for everybody, so it gets no more than this at once.
MOST_EVENTS = 100
# What came earlier is no longer part of what Meta counts now: a backlog must not slow replies down.
MOMENT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class View:
    """What the store said of one number's batch: the time, its contacts, and what is known."""

    number: str
    now: datetime
    contacts: Mapping[str, Contact]
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


@dataclass(frozen=True, slots=True)
class Plan:
    """One contact's events of a batch and all that follows from them: committed whole or not."""

    number: str
    contact: Contact  # as it will be; `version` is the one it was planned from
    changed: bool
    events: tuple[Event, ...]
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
    plans, failures, rest = [], [], []
    for contact, group in _by_contact(fresh).items():
        rest += group[MOST_EVENTS:]
        made = _fold(view, contact, group[:MOST_EVENTS], rulebook)
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


def _by_contact(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Group by contact; an event that belongs to nobody stands alone."""
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.contact or f"\0{event.key}", []).append(event)
    return groups


def _fold(
    view: View, key: str, events: Sequence[Event], rulebook: Rulebook
) -> tuple[Plan, list[Failure]]:
    contact = view.contacts.get(key, Contact(key)) if events[0].contact else Contact("")
    made = Plan(view.number, contact, changed=False, events=())
    failures = []
    for event in events:
        try:
            made = _after(made, event, rulebook, view.now)
        except Exception as error:  # a bug of ours or of a rule must hurt this event only
            failures.append(Failure(event, type(error).__name__, traceback.format_exc()))
    return made, failures


def _after(made: Plan, event: Event, rulebook: Rulebook, now: datetime) -> Plan:
    """Add what follows from one event to what is planned for its contact."""
    made = replace(made, events=(*made.events, event))
    if isinstance(event, Status) and (news := news_of(event)):
        return replace(made, news=(*made.news, news))
    if isinstance(event, Returned) and (send := canary.send(event, now)):
        return replace(made, sends=(*made.sends, send))
    if not isinstance(event, Message) or not made.contact.key:
        return made
    before, after = made.contact, made.contact.after(event)
    inbound = made.inbound + (now - event.at < MOMENT)
    made = replace(made, contact=after, changed=True, inbound=inbound)
    decision = rulebook.decide(event, before, now)
    return _with(made, event, decision, before, rulebook.version, now) if decision.fired else made


def _with(
    made: Plan, event: Message, decision: Decision, before: Contact, version: str, now: datetime
) -> Plan:
    """Add the sends that rules ask for, and the record that says why."""
    record = record_id(event)
    sends = [
        _send(made, event, fired.rule, position, action, now)
        for fired in decision.fired
        for position, action in enumerate(fired.actions)
    ]
    told = Record(
        id=record,
        event=event,
        rulebook=version,
        is_new=before.is_new,
        fired=decision.fired,
        sends=tuple(send.id for send in sends),
        planned_at=now,
    )
    return replace(made, sends=(*made.sends, *sends), records=(*made.records, told))


def _send(
    made: Plan, event: Message, rule: str, position: int, action: Action, now: datetime
) -> Send:
    """Make the send of one action; its id is made from its cause alone."""
    closed, instead = _when_closed(action, made.contact)
    lasts = lifetime(REPLY, repeatable=action.repeatable, waits=closed == "wait")
    return Send(
        id=send_id(event.key, rule, position),
        lane=made.contact.key,
        rank=REPLY,
        body=addressed(action.body, made.contact),
        expires_at=now + lasts,
        repeatable=action.repeatable,
        rule=rule,
        record=record_id(event),
        marketing=action.marketing,
        closed=closed,
        instead=instead,
    )


def _when_closed(action: Action, contact: Contact) -> tuple[Closed, Mapping[str, Any] | None]:
    if isinstance(action.when_closed, Mapping):
        return "template", addressed(action.when_closed, contact)
    return action.when_closed, None
