"""Stored event with its customer's state at planning time, as far as that is known."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.webhook.parser import split
from gateway.rules.explain import RuleExplanation, explain
from gateway.rules.rulebook import Rulebook
from gateway.store.planning import contacts
from gateway.store.redis.client import Store
from gateway.store.tracing import records
from gateway.store.tracing.records import PlanRecord
from gateway.store.tracing.trace import Trace
from gateway.store.tracing.traces import Traces

AS_NOW = "judged with the tags and variables that the customer has now"
NO_RECORD = "no rule fired when it was planned"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, its customer's state, and the record of its planning."""

    event: Event
    contact: Contact = field(repr=False)  # the present state, or that before the event
    record: PlanRecord | None
    kept_at: datetime | None = None

    def explain(self, rulebook: Rulebook) -> tuple[RuleExplanation, ...]:
        """Evaluate every rule as when the event was planned, or kept where that is not known.

        A rule that a limit blocks now may have fired then, and the other way round.
        """
        now = self._planned_at
        return explain(rulebook, self.event, self._contact_before(now), now)

    @property
    def recorded(self) -> tuple[str, ...]:
        """Return the rules that fired when the event was planned."""
        return tuple(rule for rule, _ in self.record.fired) if self.record else ()

    def decide(self, rulebook: Rulebook) -> tuple[str, ...]:
        """Return the rules of a rulebook that fire for the event as it was planned."""
        now = self._planned_at
        decision = rulebook.decide(self.event, self._contact_before(now), now)
        return tuple(one.rule for one in decision.fired)

    @property
    def _planned_at(self) -> datetime:
        return (self.record and self.record.planned_at) or self.kept_at or self.event.at

    def describe_change(self, fired: tuple[str, ...], version: str) -> tuple[str, ...]:
        """Describe what may differ from the time of planning, when other rules may have fired.

        `version` is that of the rules that fire now.
        """
        contact, record = self.contact, self.record
        has_notes = contact.tags or contact.vars or (record and record.changes)
        present_state = (AS_NOW,) if has_notes else ()
        before = self.recorded
        if before == fired:
            return present_state
        earlier = f"when it was planned, {', '.join(before)} fired" if before else NO_RECORD
        by_others = record and record.rulebook != version
        since = "the rules have changed since" if by_others else "something has changed since"
        return (*present_state, f"{earlier}; {since}")

    def _contact_before(self, now: datetime) -> Contact:
        """Return the contact without later changes, as far as their times are known.

        A record says whether its event was the first, and whether rules were muted before it.
        Former tags and variables are unknown.
        """
        is_new = self.record.first_contact if self.record else self.contact.is_new
        last = None if is_new else min(self.contact.last_inbound_at or now, now)
        before_ms = ms_from_datetime(now)
        used = {
            rule: (until, *(moment for moment in moments if moment < before_ms))
            for rule, (until, *moments) in self.contact.used.items()
        }
        called_at = self.contact.called_at
        return replace(
            self.contact,
            last_inbound_at=last,
            called_at=called_at if called_at and called_at <= now else None,
            muted_until=self.record.muted_until if self.record else self.contact.silent_until,
            hand_over=None,
            used=used,
            volley=None,
        )


def list_stored_events(store: Store, delivery: Delivery) -> Iterator[StoredEvent]:
    """Yield those events of a delivery that were planned, each with its record.

    Raises StoreUnavailableError.
    """
    by_number: dict[str, list[Event]] = {}
    for event in split(delivery):
        by_number.setdefault(event.number, []).append(event)
    for view in contacts.load(store, by_number):
        planned = [one for one in by_number[view.number] if one.key in view.known]
        for event, record in zip(
            planned, records.find_all(store, view.number, planned), strict=True
        ):
            contact = view.contacts.get(event.contact, Contact(event.contact))
            yield StoredEvent(view.complete_event(event), contact, record, delivery.received_at)


def find_stored_event(store: Store, traces: Traces, wamid: str) -> StoredEvent | None:
    """Find a message, or the one that a message of ours answered; None if it is no longer stored.

    Raises StoreUnavailableError.
    """
    found = (read_stored_event(store, one) for one in traces.find_by_wamid(wamid).traces)
    return next(filter(None, found), None)


def read_stored_event(store: Store, trace: Trace) -> StoredEvent | None:
    """Return the event of a trace with its customer's state; None if it is no longer stored.

    Raises StoreUnavailableError.
    """
    kept, event = trace.kept_event, trace.kept_event and trace.kept_event.event
    if not kept or not event:
        return None
    (view,) = contacts.load(store, {event.number: [event]})
    contact = view.contacts.get(event.contact, Contact(event.contact))
    return StoredEvent(view.complete_event(event), contact, trace.record, kept.at)
