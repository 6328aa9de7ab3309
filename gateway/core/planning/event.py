"""Plan of one event for its contact, and the record that says why."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.core.alerts import Alert, Cause
from gateway.core.contacts import consent, loop_guard
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.loop_guard import loop_reason
from gateway.core.events import Event, Message, PhoneCall
from gateway.core.forwards.forward import Forward, plan_forwards
from gateway.core.forwards.notice import notice_id
from gateway.core.planning.account_alerts import find_account_alert
from gateway.core.planning.contact_changes import mute_contact
from gateway.core.planning.decision import Decision, FiredRule, LimitedRule, RuleDecider
from gateway.core.planning.effects import RuleEffects, apply_rules
from gateway.core.sending.notifications.notification import Notification
from gateway.core.sending.send import (
    Send,
)
from gateway.core.services.service_call import ServiceCall
from gateway.core.webhook.event_keys import digest

LOOP_ALERT = Alert(
    Cause("loop"),
    "warning",
    "A contact answers as a program does, and gets no replies for ten minutes.",
    "gateway trace shows who it is; where it was a person, nothing but these minutes is lost.",
)


@dataclass(frozen=True, slots=True)
class Record:
    """The reasons of a plan, on which every trace is based."""

    id: str
    event: Event
    rulebook: str
    is_new: bool
    fired: tuple[FiredRule, ...] = field(repr=False)
    sends: tuple[str, ...]
    planned_at: datetime
    changes: tuple[str, ...] = ()  # of the contact, in words
    is_too_old: bool = False  # to get the message that the rules had for it
    muted_until: datetime | None = None  # or a person answered, as the rules saw it
    limited: LimitedRule | None = None
    notifications: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = field(default=(), repr=False)  # that rules asked for
    forwards: tuple[str, ...] = ()  # ids
    calls: tuple[str, ...] = ()

    @property
    def left_out(self) -> int:
        """Return how many actions were not done because a text of them came out empty."""
        return sum(len(one.left_out) for one in self.fired if not one.shadow)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """The contact after one event, and what to do.

    There is a record if anything was planned, and of all that customers say: whoever looks for
    that finds it in the records.
    """

    contact: Contact
    sends: tuple[Send, ...] = ()
    alerts: tuple[Alert, ...] = ()
    record: Record | None = None
    notifications: tuple[Notification, ...] = ()
    forwards: tuple[Forward, ...] = ()
    calls: tuple[ServiceCall, ...] = ()


def record_id(event: Event) -> str:
    """Return the id under which an event's record is found."""
    return digest(event.key).hex()


def plan_event(event: Event, before: Contact, rulebook: RuleDecider, now: datetime) -> EventPlan:
    """Fold an event into its contact, and ask the rules with the contact as it was before.

    An event that is neither message nor call leaves the contact alone unless rules or consent
    change it.
    """
    message = event if isinstance(event, Message) else None
    if message and not before.key:
        receivers = rulebook.decide(event, before, now).receivers
        return EventPlan(before, forwards=plan_forwards(event, "", receivers))
    news = tuple(filter(None, [find_account_alert(event, now)]))
    own = _apply_consent(event, before if message else before.with_names(event), now)
    own, decision = _ask_rules(event, own, rulebook, now)
    contact, changes = decision.contact or own.contact, (*own.changes, *decision.changes)
    contact = contact.with_event(event)
    forwards = plan_forwards(event, contact.key, decision.receivers)
    is_planned = decision.fired or changes or decision.limited
    is_of_chat = isinstance(event, Message | PhoneCall) and contact.key
    if not is_planned and not is_of_chat:
        after = contact if isinstance(event, PhoneCall) else before
        return EventPlan(after, alerts=news, forwards=forwards)
    id_ = record_id(event)
    effects = apply_rules(event, decision, contact, id_, now)
    record = Record(
        id=id_,
        event=event,
        rulebook=rulebook.version,
        is_new=before.is_new,
        fired=decision.fired,
        sends=tuple(send.id for send in effects.sends),
        planned_at=now,
        changes=changes,
        is_too_old=decision.is_too_old,
        muted_until=own.contact.silent_until,
        limited=decision.limited,
        notifications=tuple(one.id for one in effects.notifications if not one.receiver),
        alerts=effects.alerts,
        forwards=(
            *(one.id for one in forwards),
            *(notice_id(one) for one in effects.notifications if one.receiver),
        ),
        calls=tuple(call.id for call in effects.calls),
    )
    alerts = (*news, *own.alerts, *effects.alerts)
    notifications, calls = effects.notifications, effects.calls
    return EventPlan(effects.contact, effects.sends, alerts, record, notifications, forwards, calls)


def _ask_rules(
    event: Event, own: RuleEffects, rulebook: RuleDecider, now: datetime
) -> tuple[RuleEffects, Decision]:
    """Ask the rules, muted if a program answers; return with which contact, and their decision."""
    decision = rulebook.decide(event, own.contact, now)
    if reason := _loop_reason(event, own.contact, decision):
        own = _break_loop(own, reason, event.number, now)
        decision = rulebook.decide(event, own.contact, now)
    return own, decision


def _loop_reason(event: Event, contact: Contact, decision: Decision) -> str:
    if not decision.has_message:
        return ""
    return loop_reason(contact.volley, event, decision.exchange)


def _apply_consent(event: Event, contact: Contact, now: datetime) -> RuleEffects:
    """Apply the consent that an event other than a message reports."""
    consent_change = consent.consent_change(event) if contact.key else None
    if not consent_change:
        return RuleEffects(contact)
    contact, change = consent.apply_consent(contact, consent_change, min(event.at, now))
    return RuleEffects(contact, changes=(change,))


def _break_loop(effects: RuleEffects, reason: str, number: str, now: datetime) -> RuleEffects:
    alert = replace(LOOP_ALERT, cause=replace(LOOP_ALERT.cause, number=number))
    contact, change = mute_contact(effects.contact, loop_guard.SILENCE, now)
    changes = (*effects.changes, f"{change}: {reason}")
    return RuleEffects(replace(contact, volley=None), alerts=(alert,), changes=changes)
