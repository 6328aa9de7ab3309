"""Planner of single events, one after the other, each with its plan."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.core.alerts import Alert
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.grouping import contact_keys
from gateway.core.events import CampaignMessage, Event
from gateway.core.planning.account_alerts import SEVERITIES
from gateway.core.planning.batch import Plan, PlanningInput
from gateway.core.planning.campaign_answers import may_answer
from gateway.core.planning.decision import RuleDecider
from gateway.core.planning.dry_run import DryRun
from gateway.core.sending.preflight import is_window_open
from gateway.core.sending.send import Send
from gateway.core.services.service_call import ServiceCall
from gateway.rules.testing.step_notation import Notation, to_notation

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """The plan of one event; None if it was known, and an error if planning raised."""

    event: Event
    now: datetime
    before: Contact = field(repr=False)
    plan: Plan | None = field(default=None, repr=False)
    error: str = ""

    @property
    def fired(self) -> tuple[str, ...]:
        """Return the names of the rules that fired."""
        records = self.plan.records if self.plan else ()
        return tuple(one.rule for record in records for one in record.fired)

    @property
    def sends(self) -> tuple[Send, ...]:
        """Return the planned sends."""
        return self.plan.sends if self.plan else ()

    @property
    def after(self) -> Contact:
        """Return the contact after the event."""
        return self.plan.contact if self.plan else self.before

    @property
    def changes(self) -> tuple[str, ...]:
        """Return the changes of the contact in words."""
        records = self.plan.records if self.plan else ()
        return tuple(change for record in records for change in record.changes)

    @property
    def alerts_of_rules(self) -> tuple[Alert, ...]:
        """Return the planned alerts without those that an account notice is by itself."""
        alerts = self.plan.alerts if self.plan else ()
        return tuple(alert for alert in alerts if alert.cause.kind not in SEVERITIES)

    @property
    def posts(self) -> tuple[tuple[Send, Body], ...]:
        """Return the customer's sends that would be posted at once, each with its body."""
        own = (send for send in self.sends if send.lane == self.after.key)
        pairs = ((send, body_to_post(send, self.after, self.now)) for send in own)
        return tuple((send, body) for send, body in pairs if body is not None)

    @property
    def messages(self) -> tuple[Notation, ...]:
        """Return the same in the words of rules."""
        return tuple(to_notation(body, waits=bool(send.delivery_wait)) for send, body in self.posts)

    @property
    def notifications(self) -> tuple[str, ...]:
        """Return the texts of notifications: those that are posted, then those to phones."""
        others = (send for send in self.sends if send.lane != self.after.key)
        texts = (str(send.body.get("text", {}).get("body", "")) for send in others)
        return (*(one.text for one in (self.plan.notifications if self.plan else ())), *texts)

    @property
    def calls(self) -> tuple[ServiceCall, ...]:
        """Return the calls of services that are planned."""
        return self.plan.calls if self.plan else ()

    @property
    def forwards(self) -> tuple[str, ...]:
        """Return the receivers that the event is handed on to."""
        return tuple(one.receiver for one in self.plan.forwards) if self.plan else ()


class EventPlanner:
    """Planner that plans as workers do, event by event, from an empty store."""

    def __init__(self, rulebook: RuleDecider) -> None:
        """Take the rulebook that decides."""
        self._shadow = DryRun(rulebook)
        self._campaign: CampaignMessage | None = None

    def remember(self, number: str, contact: Contact) -> None:
        """Take a contact as known."""
        self._shadow.remember(number, contact)

    def remember_campaign(self, message: CampaignMessage) -> None:
        """Take a campaign's message as one that the customer got."""
        self._campaign = message

    def plan_next(self, event: Event, now: datetime) -> PlannedEvent:
        """Plan one event, and remember its plan."""
        if self._campaign and may_answer(event):
            event = replace(event, answers=self._campaign)
        nobody = {name: Contact(name) for name in contact_keys(event)}
        view = self._shadow.overlay(PlanningInput(event.number, now, nobody, frozenset()), [event])
        before = _pick_contact(view.contacts.values())
        (planned,) = self._shadow.plan(view, [event])
        if planned.failures:
            return PlannedEvent(event, now, before, error=planned.failures[0].error)
        return PlannedEvent(event, now, before, next(iter(planned.plans), None))


def _pick_contact(contacts: Collection[Contact]) -> Contact:
    """Return the first contact that is known, or else the first one."""
    known = (contact for contact in contacts if contact.version)
    return next(known, None) or next(iter(contacts), Contact(""))


def body_to_post(send: Send, contact: Contact, now: datetime) -> Body | None:
    """Return the body that would be posted for a send now, None if there is none."""
    if send.repeatable:
        return send.body
    if send.marketing and contact.opted_out_at:
        return None
    if send.body.get("type") == "template" or is_window_open(contact, now):
        return send.body
    return send.instead if send.closed == "template" else None
