"""Effects of the rules that fired for an event: what they ask for, and the contact after."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from gateway.core.alerts import Alert, Cause
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.frequency import note_answer, record_firing
from gateway.core.contacts.loop_guard import after_reply
from gateway.core.events import Event, Status
from gateway.core.forwards.forward import FORWARD
from gateway.core.messages import text, with_recipient
from gateway.core.planning.contact_changes import CONTACT_VERBS
from gateway.core.planning.decision import Action, Decision, FiredRule
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
from gateway.core.services.service_call import CALL, ServiceCall, build_call
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
    calls: tuple[ServiceCall, ...] = ()


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
    planned = list[_Planned]()
    for one in decision.fired:
        actions = () if one.shadow else one.actions
        for index, action in enumerate(actions):
            position = index if action.position is None else action.position
            planned += filter(None, [_plan_action(one.rule, position, action, context)])
    sends = _of_type(planned, Send)
    contact = _note_firings(contact, decision.fired, now)
    volley = contact.volley
    if any(send.lane == contact.key and not send.repeatable for send in sends):
        volley = after_reply(volley, event, decision.exchange, now)
    if volley is not contact.volley:
        contact = replace(contact, volley=volley)
    return RuleEffects(
        contact,
        sends,
        _of_type(planned, Alert),
        notifications=_of_type(planned, Notification),
        calls=_of_type(planned, ServiceCall),
    )


_Planned = Send | Alert | Notification | ServiceCall
_Kind = TypeVar("_Kind", Send, Alert, Notification, ServiceCall)


def _of_type(planned: Iterable[_Planned], kind: type[_Kind]) -> tuple[_Kind, ...]:
    return tuple(one for one in planned if isinstance(one, kind))


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
) -> _Planned | None:
    """Plan one action; None for a change of the contact, which is made already, and a forward."""
    if action.verb == ALERT:
        return rule_alert(rule, str(action.body[ALERT]), context.event.number)
    if action.verb == FORWARD:
        return None  # its receiver is among the decision's
    if action.verb == CALL:
        call = _send_id(context.event, rule, position)
        return build_call(call, rule, action.body, context.event, context.contact)
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
    id_, receiver = _send_id(event, rule, position), str(action.body.get(FORWARD, ""))
    return build_notification(id_, rule, text_, event, context.contact, context.now, receiver)


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
