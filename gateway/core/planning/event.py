"""What follows from one event for its contact, and the record that says why; pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.core.alerts import Alert, Cause
from gateway.core.contacts import consent, loop_guard
from gateway.core.contacts.contact import Contact
from gateway.core.event_keys import digest
from gateway.core.events import Event, Message
from gateway.core.planning.answers import Answers, answers
from gateway.core.planning.contact_changes import muted
from gateway.core.planning.decision import Fired, Rulebook
from gateway.core.sending.send import Send

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
class Following:
    """The contact after one event, and what there is to do; no record where nothing was planned."""

    contact: Contact
    sends: tuple[Send, ...] = ()
    alerts: tuple[Alert, ...] = ()
    record: Record | None = None


def record_id(event: Event) -> str:
    """Return the id under which an event's record is found."""
    return digest(event.key).hex()


def follows(event: Event, before: Contact, rulebook: Rulebook, now: datetime) -> Following:
    """Fold an event into its contact, and ask the rules with the contact as it was before.

    What is no message leaves the contact alone unless something is noted of it.
    """
    message = event if isinstance(event, Message) else None
    if message and not before.key:
        return Following(before)
    own = _heard(event, before if message else before.filled(event), now)
    own, fired = _asked(event, own, rulebook, now)
    contact = own.contact.after(message) if message else own.contact
    if not fired and not own.changes:
        return Following(contact if message else before)
    made = answers(event, fired, contact, record_id(event), now)
    ids, changes = tuple(send.id for send in made.sends), (*own.changes, *made.changes)
    version, is_new = rulebook.version, before.is_new
    record = Record(record_id(event), event, version, is_new, fired, ids, now, changes)
    return Following(made.contact, made.sends, (*own.alerts, *made.alerts), record)


def _asked(
    event: Event, own: Answers, rulebook: Rulebook, now: datetime
) -> tuple[Answers, tuple[Fired, ...]]:
    """Ask the rules, and silence them where a program or a person answers."""
    decision = rulebook.decide(event, own.contact, now)
    if decision.speaks and loop_guard.is_loop(own.contact.volley, event):
        own = _looped(own, event.number, now)
        decision = rulebook.decide(event, own.contact, now)
    if decision.mutes and own.contact.key:
        own = _muted(own, decision.mutes, HUMAN, min(event.at, now))
    return own, decision.fired


def _heard(event: Event, contact: Contact, now: datetime) -> Answers:
    """Note what an event that is no message says of marketing."""
    word = consent.word(event) if contact.key else None
    if not word:
        return Answers(contact)
    contact, change = consent.heard(contact, word, min(event.at, now))
    return Answers(contact, changes=(change,))


def _looped(made: Answers, number: str, now: datetime) -> Answers:
    alert = replace(LOOPED, cause=replace(LOOPED.cause, number=number))
    made = _muted(made, loop_guard.SILENCE, LOOP, now)
    return replace(made, contact=replace(made.contact, volley=None), alerts=(alert,))


def _muted(made: Answers, lasts: timedelta, why: str, since: datetime) -> Answers:
    contact, change = muted(made.contact, lasts, since)
    return replace(made, contact=contact, changes=(*made.changes, f"{change}: {why}"))
