"""From what rules ask for to sends, to alerts, and to what is noted of the customer; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from gateway.core.alerts import Alert, Cause
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.frequency import counted
from gateway.core.contacts.loop_guard import after_reply
from gateway.core.events import Event, Status
from gateway.core.messages import addressed
from gateway.core.planning.contact_changes import done
from gateway.core.planning.decision import Action, Fired
from gateway.core.sending.send import (
    REPLY,
    Closed,
    Send,
    answering_id,
    from_callback,
    lifetime,
    send_id,
)

ALERT = "alert"
ADVICE = "A rule asked for this alert: gateway trace tells of each event why it fired."


@dataclass(frozen=True, slots=True)
class Answers:
    """The contact after the rules that fired, their sends and alerts, and what changed in words."""

    contact: Contact
    sends: tuple[Send, ...] = ()
    alerts: tuple[Alert, ...] = ()
    changes: tuple[str, ...] = ()


class _Asked(NamedTuple):
    """An event that rules answer, its record, and the moment of planning."""

    event: Event
    record: str
    now: datetime


@dataclass(slots=True)
class _Doing:
    """What rules asked for so far."""

    contact: Contact
    sends: list[Send] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    def do(self, rule: str, position: int, action: Action, asked: _Asked) -> None:
        """Add what one action asks for."""
        if action.verb == ALERT:
            text = str(action.body[ALERT])
            self.alerts.append(asked_for(rule, text, asked.event.number))
        elif did := done(self.contact, action, f"rule {rule}", asked.event.at, asked.now):
            self.contact = did.contact
            self.changes.append(did.change)
        else:
            self.sends.append(_send(rule, position, action, self.contact, asked))


def answers(
    event: Event, fired: Sequence[Fired], contact: Contact, record: str, now: datetime
) -> Answers:
    """Do what the rules that fired ask for, in their order; what is in shadow only counts."""
    doing, asked = _Doing(contact), _Asked(event, record, now)
    used, volley = contact.used, contact.volley
    for one in fired:
        for position, action in enumerate(() if one.shadow else one.actions):
            doing.do(one.rule, position, action, asked)
        used = counted(used, one.rule, one.limits, now)
    if not all(send.repeatable for send in doing.sends):
        volley = after_reply(volley, event, now)
    after = doing.contact
    if used is not after.used or volley is not after.volley:
        after = replace(after, used=used, volley=volley)
    return Answers(after, tuple(doing.sends), tuple(doing.alerts), tuple(doing.changes))


def asked_for(rule: str, text: str, number: str) -> Alert:
    """Make the alert of a rule: one cause, however many events the rule answers."""
    return Alert(Cause("rule", rule, number), "warning", text, ADVICE)


def _send(rule: str, position: int, action: Action, contact: Contact, asked: _Asked) -> Send:
    closed, instead = _when_closed(action, contact)
    lasts = lifetime(REPLY, repeatable=action.repeatable, waits=closed == "wait")
    return Send(
        id=_id(asked.event, rule, position),
        lane=contact.key,
        rank=REPLY,
        body=addressed(action.body, contact),
        expires_at=asked.now + lasts,
        repeatable=action.repeatable,
        rule=rule,
        record=asked.record,
        marketing=action.marketing,
        closed=closed,
        instead=instead,
    )


def _id(event: Event, rule: str, position: int) -> str:
    """Make the id from its cause alone: of a status the send that it tells of, where it is ours.

    A send that is tried again has a status for each attempt, and is answered once all the same.
    """
    if not isinstance(event, Status):
        return send_id(event.key, rule, position)
    ours, _ = from_callback(event.callback)
    cause = f"{event.status} of {ours}" if ours else event.key
    return answering_id(cause, rule, position)


def _when_closed(action: Action, contact: Contact) -> tuple[Closed, Mapping[str, Any] | None]:
    if isinstance(action.when_closed, Mapping):
        return "template", addressed(action.when_closed, contact)
    return action.when_closed, None
