"""Plans for a batch of events, decided before anything is done: pure, so that it can be repeated.

Known events are dropped first. The rest of each customer's events, in order, are folded into the
state of the contact; the rules are asked with the state before the event; their actions become
sends whose ids are made from the event alone. Nothing here reads a clock: `now` is the server's,
from the view.
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.core.alerts import Alert
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import PersonGroup, contact_keys, group_by_person
from gateway.core.events import CampaignMessage, Event, InternalEvent, Message, Status
from gateway.core.forwards.forward import Forward
from gateway.core.forwards.receiver_answer import is_receiver_answer
from gateway.core.planning.campaign_answers import CampaignAnswer, count_answer
from gateway.core.planning.decision import RuleDecider
from gateway.core.planning.event import Record, plan_event
from gateway.core.sending import canary
from gateway.core.sending.notifications.notification import Notification
from gateway.core.sending.send import Send, StatusUpdate
from gateway.core.sending.status_update import read_status_update
from gateway.core.services.answer import is_answer
from gateway.core.services.service_call import ServiceCall

# A commit script blocks the server for all clients, so it gets no more events than this at once,
# and none once there are so many sends, notifications, forwards and calls: it takes some 20 ms.
MOST_EVENTS = 100
MOST_SENDS = 500
# Older messages no longer count for Meta's throughput now: a backlog must not slow replies down.
MOMENT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class PlanningInput:
    """The store's answer for one number's batch: the time, its contacts, and the known events."""

    number: str
    now: datetime
    contacts: Mapping[str, Contact]  # by each key that was asked for
    known: frozenset[str]  # keys of events
    # Names of contacts and keys of events whose stored data cannot be read, and why.
    unreadable: Mapping[str, str] = field(default_factory=dict)
    account: str = ""  # the name of the account, which notifications tell
    # By the keys of events: of a campaign, the message that each answers.
    campaigns: Mapping[str, CampaignMessage] = field(default_factory=dict)

    def complete_event(self, event: Event) -> Event:
        """Return an event with what the store knows of it."""
        answered = self.campaigns.get(event.key)
        return replace(event, answers=answered) if answered else event


@dataclass(frozen=True, slots=True)
class Plan:
    """One contact's events of a batch and all that follows: committed as a whole or not at all."""

    number: str
    contact: Contact  # as it will be; `version` is the one it was planned from
    changed: bool
    events: tuple[Event, ...]
    joins: tuple[Contact, ...] = ()  # contacts that become aliases of this one, as they were
    sends: tuple[Send, ...] = ()
    status_updates: tuple[StatusUpdate, ...] = ()
    inbound: int = 0  # recent messages: they use the number's throughput too
    records: tuple[Record, ...] = ()
    alerts: tuple[Alert, ...] = ()
    notifications: tuple[Notification, ...] = ()
    forwards: tuple[Forward, ...] = ()
    was_handed_over: bool = True  # or may have been, so the list of those is changed
    answers: tuple[CampaignAnswer, ...] = ()
    calls: tuple[ServiceCall, ...] = ()

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the other names that lead to a joined contact directly from now on.

        They led to the contacts that it was joined from, a chain that would grow with each join.
        """
        if not self.joins:
            return ()
        joined = {self.contact.key, *(one.key for one in self.joins)}
        called = [
            *self.contact.aliases,
            *(name for event in self.events for name in contact_keys(event)),
        ]
        return tuple(name for name in dict.fromkeys(called) if name not in joined)


@dataclass(frozen=True, slots=True)
class Failure:
    """An event whose planning raised: a bug, so it becomes a dead letter and is not tried again."""

    event: Event
    error: str
    trace: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlanningResult:
    """The plans of one view, failures, dropped events, and events that must be planned again."""

    plans: tuple[Plan, ...]
    failures: tuple[Failure, ...]
    known: int
    rest: tuple[Event, ...]
    repeated: int = 0  # statuses among the known
    blocked: tuple[tuple[Event, str], ...] = ()  # events whose data cannot be read, and why


def plan(view: PlanningInput, events: Sequence[Event], rulebook: RuleDecider) -> PlanningResult:
    """Plan the events of one number, each contact's in their order."""
    new_events = _drop_known(view, events)
    repeated = _count_statuses(events) - _count_statuses(new_events)
    known = len(events) - len(new_events)
    blocked = tuple((event, why) for event in new_events if (why := _blocked_reason(view, event)))
    stuck = {event.key for event, _ in blocked}
    new_events = [event for event in new_events if event.key not in stuck]
    plans, failures, rest = [], [], list[Event]()
    for group in group_by_person(view.contacts, new_events):
        contact_plan, failed = _plan_group(view, group, rulebook)
        if contact_plan.events:
            plans.append(contact_plan)
        failures += failed
        rest += group.events[len(contact_plan.events) + len(failed) :]
    return PlanningResult(tuple(plans), tuple(failures), known, tuple(rest), repeated, blocked)


def _blocked_reason(view: PlanningInput, event: Event) -> str:
    """Say why stored data that an event needs cannot be read now; "" if all can be read."""
    if not view.unreadable:
        return ""
    needs = (event.key, *contact_keys(event))
    return next((view.unreadable[one] for one in needs if one in view.unreadable), "")


def _drop_known(view: PlanningInput, events: Iterable[Event]) -> list[Event]:
    """Drop events that are known, or repeated within the batch."""
    seen = set(view.known)
    new_events = []
    for event in events:
        if event.key not in seen:
            seen.add(event.key)
            new_events.append(event)
    return new_events


def _count_statuses(events: Iterable[Event]) -> int:
    return sum(isinstance(event, Status) for event in events)


def _plan_group(
    view: PlanningInput, group: PersonGroup, rulebook: RuleDecider
) -> tuple[Plan, list[Failure]]:
    """Plan a customer's events in their order, as many as one commit may hold."""
    was_handed_over = group.contact.hand_over is not None
    draft = _Draft(
        group.contact, bool(group.others), was_handed_over=was_handed_over, account=view.account
    )
    failures = []
    for event in group.events[:MOST_EVENTS]:
        if draft.planned_rows >= MOST_SENDS:
            break
        try:
            draft.add_event(event, view.complete_event(event), rulebook, view.now)
        except Exception as error:  # a bug of ours or of a rule must hurt this event only
            failures.append(Failure(event, type(error).__name__, traceback.format_exc()))
    return draft.finish(view.number, group.others), failures


@dataclass(slots=True)
class _Draft:
    """The plan of a contact while its events are added."""

    contact: Contact
    changed: bool
    was_handed_over: bool
    account: str = ""
    events: list[Event] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    status_updates: list[StatusUpdate] = field(default_factory=list)
    inbound: int = 0
    records: list[Record] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    answers: list[CampaignAnswer] = field(default_factory=list)
    calls: list[ServiceCall] = field(default_factory=list)

    @property
    def planned_rows(self) -> int:
        """Return how many rows the commit writes for others to work off."""
        return sum(
            len(rows) for rows in (self.sends, self.notifications, self.forwards, self.calls)
        )

    def add_event(
        self, event: Event, complete: Event, rulebook: RuleDecider, now: datetime
    ) -> None:
        """Add the plan of one event, which is `complete` with what the store knows of it.

        An event that raises changes nothing.
        """
        one = plan_event(complete, self.contact, rulebook, now)
        answer = count_answer(complete, self.contact, one.contact)
        canary_send = canary.send(event, now) if isinstance(event, InternalEvent) else None
        status_update = read_status_update(event) if isinstance(event, Status) else None
        is_message = isinstance(event, Message) and bool(self.contact.key)
        # What follows an answer is planned from this very contact, or planned again.
        is_returned = is_answer(event) or is_receiver_answer(event)
        is_own = is_message or (is_returned and bool(self.contact.key))
        is_changed = is_own or (bool(self.contact.key) and one.contact != self.contact)
        notifications = [each.of_account(self.account) for each in one.notifications]
        # From here on nothing raises.
        self.changed = self.changed or is_changed
        self.contact = one.contact
        self.events.append(event)
        self.sends += (*one.sends, canary_send) if canary_send else one.sends
        self.status_updates += (status_update,) if status_update else ()
        self.inbound += is_message and now - event.at < MOMENT
        self.records += (one.record,) if one.record else ()
        self.alerts += one.alerts
        self.notifications += notifications
        self.forwards += one.forwards
        self.answers += (answer,) if answer else ()
        self.calls += one.calls

    def finish(self, number: str, joins: tuple[Contact, ...]) -> Plan:
        """Return the plan."""
        return Plan(
            number,
            self.contact,
            self.changed,
            tuple(self.events),
            joins,
            tuple(self.sends),
            tuple(self.status_updates),
            self.inbound,
            tuple(self.records),
            tuple(self.alerts),
            tuple(self.notifications),
            tuple(self.forwards),
            self.was_handed_over,
            tuple(self.answers),
            tuple(self.calls),
        )
