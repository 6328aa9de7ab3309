"""Events planned one after the other, each with all that followed from it; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import Event
from gateway.core.planning.batch import Plan, PlanningInput
from gateway.core.planning.decision import RuleDecider
from gateway.core.planning.dry_run import DryRun
from gateway.core.sending.preflight import is_window_open
from gateway.core.sending.send import Send

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """What followed from one event; no plan where it was known, and an error where one raised."""

    event: Event
    now: datetime
    before: Contact = field(repr=False)
    plan: Plan | None = field(default=None, repr=False)
    error: str = ""

    @property
    def fired(self) -> tuple[str, ...]:
        """Name the rules that fired."""
        records = self.plan.records if self.plan else ()
        return tuple(one.rule for record in records for one in record.fired)

    @property
    def sends(self) -> tuple[Send, ...]:
        """Return what was planned to be sent."""
        return self.plan.sends if self.plan else ()

    @property
    def after(self) -> Contact:
        """Return the contact as it is now."""
        return self.plan.contact if self.plan else self.before

    @property
    def changes(self) -> tuple[str, ...]:
        """Tell what was noted of the contact."""
        records = self.plan.records if self.plan else ()
        return tuple(change for record in records for change in record.changes)

    @property
    def posts(self) -> tuple[tuple[Send, Body], ...]:
        """Return the sends that go to Meta, were it done at once, each with what is posted."""
        pairs = ((send, body_to_post(send, self.after, self.now)) for send in self.sends)
        return tuple((send, body) for send, body in pairs if body is not None)


class EventPlanner:
    """Plans as workers do, event by event, with no store that knows anything."""

    def __init__(self, rulebook: RuleDecider) -> None:
        """Take what answers."""
        self._shadow = DryRun(rulebook)

    def remember(self, number: str, contact: Contact) -> None:
        """Take a contact as known."""
        self._shadow.remember(number, contact)

    def plan_next(self, event: Event, now: datetime) -> PlannedEvent:
        """Plan one event, and remember what follows from it."""
        nobody = {name: Contact(name) for name in contact_keys(event)}
        view = self._shadow.overlay(PlanningInput(event.number, now, nobody, frozenset()), [event])
        before = _pick_contact(view.contacts.values())
        (planned,) = self._shadow.plan(view, [event])
        if planned.failures:
            return PlannedEvent(event, now, before, error=planned.failures[0].error)
        return PlannedEvent(event, now, before, next(iter(planned.plans), None))


def _pick_contact(contacts: Collection[Contact]) -> Contact:
    """Return the first that is known, or else who is called first."""
    known = (contact for contact in contacts if contact.version)
    return next(known, None) or next(iter(contacts), Contact(""))


def body_to_post(send: Send, contact: Contact, now: datetime) -> Body | None:
    """Return what goes to Meta of a send that goes now, None where nothing does."""
    if send.repeatable:
        return send.body
    if send.marketing and contact.opted_out_at:
        return None
    if send.body.get("type") == "template" or is_window_open(contact, now):
        return send.body
    return send.instead if send.closed == "template" else None
