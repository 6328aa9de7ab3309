"""Plan of one event for its contact, and the record that says why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.alerts import Alert, Cause
from gateway.core.contacts import consent, loop_guard
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.frequency import note_answer, record_firing
from gateway.core.contacts.loop_guard import after_reply, loop_reason
from gateway.core.events import Event, Message, PhoneCall, Status
from gateway.core.forwards.forward import FORWARD, Forward, plan_forwards
from gateway.core.messages import text, with_recipient
from gateway.core.planning.account_alerts import find_account_alert
from gateway.core.planning.contact_changes import CONTACT_VERBS, mute_contact
from gateway.core.planning.decision import Action, Decision, FiredRule, LimitedRule, RuleDecider
from gateway.core.sending.notifications.notification import NOTIFY, Notification, build_notification
from gateway.core.sending.send import (
    DELIVERY_WAIT,
    REPLY,
    ClosedWindowAction,
    Send,
    answering_id,
    lifetime,
    parse_callback_data,
    send_id,
)
from gateway.core.webhook.event_keys import digest
from gateway.core.webhook.phone_numbers import contact_key

ALERT = "alert"
RULE_ALERT = "rule"  # the kind of cause of an alert that a rule asked for
ADVICE = "A rule asked for this alert: gateway trace tells of each event why it fired."


@dataclass(frozen=True, slots=True)
class RuleEffects:
    """The contact after the rules that fired, what they ask for, and what changed in words."""

    contact: Contact
    sends: tuple[Send, ...] = ()
    alerts: tuple[Alert, ...] = ()
    changes: tuple[str, ...] = ()
    notifications: tuple[Notification, ...] = ()


class _PlanningContext(NamedTuple):
    """An event that rules answer, its contact after them, its record and the time of planning."""

    event: Event
    contact: Contact
    record: str
    now: datetime


def apply_rules(
    event: Event, decision: Decision, contact: Contact, record: str, now: datetime
) -> RuleEffects:
    """Plan the actions of the rules that fired, in their order; a rule in shadow only counts.

    Their changes of the contact are already made.
    """
    context = _PlanningContext(event, contact, record, now)
    sends, alerts, notifications = list[Send](), list[Alert](), list[Notification]()
    for one in decision.fired:
        actions = () if one.shadow else one.actions
        for index, action in enumerate(actions):
            position = index if action.position is None else action.position
            planned = _plan_action(one.rule, position, action, context)
            if isinstance(planned, Send):
                sends.append(planned)
            elif isinstance(planned, Alert):
                alerts.append(planned)
            elif planned:
                notifications.append(planned)
    contact = _note_firings(contact, decision.fired, now)
    volley = contact.volley
    if any(send.lane == contact.key and not send.repeatable for send in sends):
        volley = after_reply(volley, event, decision.exchange, now)
    if volley is not contact.volley:
        contact = replace(contact, volley=volley)
    return RuleEffects(contact, tuple(sends), tuple(alerts), notifications=tuple(notifications))


def _note_firings(contact: Contact, fired: Sequence[FiredRule], now: datetime) -> Contact:
    """Count firings for their limits, and note which of them owe the customer a message."""
    used, unanswered = contact.used, contact.unanswered
    for one in fired:
        used = record_firing(used, one.rule, one.limits, now)
        if one.limits or one.rule in unanswered:
            unanswered = note_answer(unanswered, one.rule, is_answered=one.is_answered, used=used)
    if used is contact.used and unanswered is contact.unanswered:
        return contact
    return replace(contact, used=used, unanswered=unanswered)


def _plan_action(
    rule: str, position: int, action: Action, context: _PlanningContext
) -> Send | Alert | Notification | None:
    """Plan one action; None for a change of the contact, which is made already, and a forward."""
    if action.verb == ALERT:
        return rule_alert(rule, str(action.body[ALERT]), context.event.number)
    if action.verb == FORWARD:
        return None  # its receiver is among the decision's
    if action.verb == NOTIFY and "to" not in action.body:
        return _plan_notification(rule, position, action, context)
    if action.verb == NOTIFY:
        return _plan_message(rule, position, action, context)
    return None if action.verb in CONTACT_VERBS else _plan_send(rule, position, action, context)


def rule_alert(rule: str, text: str, number: str) -> Alert:
    """Build the alert of a rule: one cause, however many events the rule answers."""
    return Alert(Cause(RULE_ALERT, rule, number), "warning", text, ADVICE)


def _plan_send(rule: str, position: int, action: Action, context: _PlanningContext) -> Send:
    contact = context.contact
    closed, instead = _when_closed(action, contact)
    lasts = lifetime(REPLY, repeatable=action.repeatable, waits=closed == "wait")
    return Send(
        id=_send_id(context.event, rule, position),
        lane=contact.key,
        priority=REPLY,
        body=with_recipient(action.body, contact),
        expires_at=context.now + lasts,
        repeatable=action.repeatable,
        rule=rule,
        record=context.record,
        marketing=action.marketing,
        closed=closed,
        instead=instead,
        delivery_wait=DELIVERY_WAIT if action.waits_for_delivery else timedelta(0),
    )


def _plan_notification(
    rule: str, position: int, action: Action, context: _PlanningContext
) -> Notification:
    event, text_ = context.event, str(action.body[NOTIFY])
    id_ = _send_id(event, rule, position)
    return build_notification(id_, rule, text_, event, context.contact, context.now)


def _plan_message(rule: str, position: int, action: Action, context: _PlanningContext) -> Send:
    """Plan a notification that goes to a person's phone: in their lane, not in the customer's."""
    phone = str(action.body["to"])
    person = Contact(contact_key(phone), wa_id=phone)
    template = {"type": "template", "template": action.body["template"]}
    message = Action(NOTIFY, text(str(action.body[NOTIFY])), when_closed=template)
    return _plan_send(rule, position, message, context._replace(contact=person))


def _send_id(event: Event, rule: str, position: int) -> str:
    """Make the id from its cause alone: for a status, the send that it is about, if it is ours.

    A send that is tried again has a status for each attempt, and is still answered only once.
    """
    if not isinstance(event, Status):
        return send_id(event.key, rule, position)
    ours, _ = parse_callback_data(event.callback)
    cause = f"{event.status} of {ours}" if ours else event.key
    return answering_id(cause, rule, position)


def _when_closed(
    action: Action, contact: Contact
) -> tuple[ClosedWindowAction, Mapping[str, Any] | None]:
    if isinstance(action.when_closed, Mapping):
        return "template", with_recipient(action.when_closed, contact)
    return action.when_closed, None


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

    @property
    def left_out(self) -> int:
        """Return how many actions were not done because a text of them came out empty."""
        return sum(len(one.left_out) for one in self.fired if not one.shadow)


@dataclass(frozen=True, slots=True)
class EventPlan:
    """The contact after one event, and what to do; no record if nothing was planned."""

    contact: Contact
    sends: tuple[Send, ...] = ()
    alerts: tuple[Alert, ...] = ()
    record: Record | None = None
    notifications: tuple[Notification, ...] = ()
    forwards: tuple[Forward, ...] = ()


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
    news = tuple(filter(None, [find_account_alert(event)]))
    own = _apply_consent(event, before if message else before.with_names(event), now)
    own, decision = _ask_rules(event, own, rulebook, now)
    contact, changes = decision.contact or own.contact, (*own.changes, *decision.changes)
    contact = contact.with_event(event)
    forwards = plan_forwards(event, contact.key, decision.receivers)
    if not decision.fired and not changes and not decision.limited:
        after = contact if isinstance(event, Message | PhoneCall) else before
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
        notifications=tuple(one.id for one in effects.notifications),
        alerts=effects.alerts,
        forwards=tuple(one.id for one in forwards),
    )
    alerts = (*news, *own.alerts, *effects.alerts)
    notifications = effects.notifications
    return EventPlan(effects.contact, effects.sends, alerts, record, notifications, forwards)


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
