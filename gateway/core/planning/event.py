"""What follows from one event for its contact, and the record that says why; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gateway.core.alerts import Alert, Cause
from gateway.core.contacts import consent, loop_guard
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.frequency import counted
from gateway.core.contacts.loop_guard import after_reply
from gateway.core.event_keys import digest
from gateway.core.events import Event, Message, Status
from gateway.core.messages import addressed
from gateway.core.planning.contact_changes import done, muted
from gateway.core.planning.decision import Action, Fired, RuleDecider
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
class RuleEffects:
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
) -> RuleEffects:
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
    return RuleEffects(after, tuple(doing.sends), tuple(doing.alerts), tuple(doing.changes))


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


LOOPED = Alert(
    Cause("loop"),
    "warning",
    "A contact answers as fast as a program, and gets no replies for ten minutes.",
    "gateway trace shows who it is; where it was a person, nothing but these minutes is lost.",
)
LOOP = "it answers as fast as a program, and two programs would go on for ever"
HUMAN = "a person answered from the phone"


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
    changes: tuple[str, ...] = ()  # of what is noted of the contact, in words


@dataclass(frozen=True, slots=True)
class EventPlan:
    """The contact after one event, and what there is to do; no record where nothing was planned."""

    contact: Contact
    sends: tuple[Send, ...] = ()
    alerts: tuple[Alert, ...] = ()
    record: Record | None = None


def record_id(event: Event) -> str:
    """Return the id under which an event's record is found."""
    return digest(event.key).hex()


def follows(event: Event, before: Contact, rulebook: RuleDecider, now: datetime) -> EventPlan:
    """Fold an event into its contact, and ask the rules with the contact as it was before.

    What is no message leaves the contact alone unless something is noted of it.
    """
    message = event if isinstance(event, Message) else None
    if message and not before.key:
        return EventPlan(before)
    own = _heard(event, before if message else before.filled(event), now)
    own, fired = _asked(event, own, rulebook, now)
    contact = own.contact.after(message) if message else own.contact
    if not fired and not own.changes:
        return EventPlan(contact if message else before)
    made = answers(event, fired, contact, record_id(event), now)
    ids, changes = tuple(send.id for send in made.sends), (*own.changes, *made.changes)
    version, is_new = rulebook.version, before.is_new
    record = Record(record_id(event), event, version, is_new, fired, ids, now, changes)
    return EventPlan(made.contact, made.sends, (*own.alerts, *made.alerts), record)


def _asked(
    event: Event, own: RuleEffects, rulebook: RuleDecider, now: datetime
) -> tuple[RuleEffects, tuple[Fired, ...]]:
    """Ask the rules, and silence them where a program or a person answers."""
    decision = rulebook.decide(event, own.contact, now)
    if decision.speaks and loop_guard.is_loop(own.contact.volley, event):
        own = _looped(own, event.number, now)
        decision = rulebook.decide(event, own.contact, now)
    if decision.mutes and own.contact.key:
        own = _muted(own, decision.mutes, HUMAN, min(event.at, now))
    return own, decision.fired


def _heard(event: Event, contact: Contact, now: datetime) -> RuleEffects:
    """Note what an event that is no message says of marketing."""
    word = consent.word(event) if contact.key else None
    if not word:
        return RuleEffects(contact)
    contact, change = consent.heard(contact, word, min(event.at, now))
    return RuleEffects(contact, changes=(change,))


def _looped(made: RuleEffects, number: str, now: datetime) -> RuleEffects:
    alert = replace(LOOPED, cause=replace(LOOPED.cause, number=number))
    made = _muted(made, loop_guard.SILENCE, LOOP, now)
    return replace(made, contact=replace(made.contact, volley=None), alerts=(alert,))


def _muted(made: RuleEffects, lasts: timedelta, why: str, since: datetime) -> RuleEffects:
    contact, change = muted(made.contact, lasts, since)
    return replace(made, contact=contact, changes=(*made.changes, f"{change}: {why}"))
