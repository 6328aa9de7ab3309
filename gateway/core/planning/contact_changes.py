"""What a rule does to a contact without sending anything; pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.core.contacts import consent
from gateway.core.contacts.contact import Contact, fits
from gateway.core.planning.decision import Action

FULL = "nothing, for the tags and variables of a contact may take 8 KB together"


class Done(NamedTuple):
    """The contact after an action, and what changed in words, which hold no value."""

    contact: Contact
    change: str


def done(contact: Contact, action: Action, why: str, at: datetime, now: datetime) -> Done | None:
    """Do an action of an event that happened `at`; None for one that leaves contacts alone."""
    if action.verb in consent.VERBS:
        word = consent.Word(consent.VERBS[action.verb], why)
        return Done(*consent.heard(contact, word, min(at, now)))
    if action.verb not in NOTED:
        return None
    after = NOTED[action.verb](contact, action, now)
    return after._replace(change=f"{after.change}: {why}")


def muted(contact: Contact, lasts: timedelta, since: datetime) -> Done:
    """Silence rules for a contact for a while; of two silences the longer counts."""
    until = since + lasts
    if contact.muted_until and contact.muted_until >= until:
        return Done(contact, f"nothing, for it is muted until {_moment(contact.muted_until)}")
    return Done(replace(contact, muted_until=until), f"muted until {_moment(until)}")


def _tag(contact: Contact, action: Action, _: datetime) -> Done:
    tags = tuple(sorted({*contact.tags, *_names(action)}))
    if not fits(tags, contact.vars):
        return Done(contact, FULL)
    return Done(replace(contact, tags=tags), f"tagged {action.told}")


def _untag(contact: Contact, action: Action, _: datetime) -> Done:
    names = _names(action)
    tags = tuple(tag for tag in contact.tags if tag not in names)
    return Done(replace(contact, tags=tags), f"untagged {action.told}")


def _names(action: Action) -> set[str]:
    """Return the tags of an action; what a placeholder left empty is none."""
    return {tag for tag in map(str.strip, action.body[action.verb]) if tag}


def _set(contact: Contact, action: Action, _: datetime) -> Done:
    kept = {**contact.vars, **dict(action.body[action.verb])}
    if not fits(contact.tags, kept):
        return Done(contact, FULL)
    return Done(replace(contact, vars=kept), f"set {action.told}")


def _unset(contact: Contact, action: Action, _: datetime) -> Done:
    names = action.body[action.verb]
    kept = {name: said for name, said in contact.vars.items() if name not in names}
    return Done(replace(contact, vars=kept), f"unset {action.told}")


def _mute(contact: Contact, action: Action, now: datetime) -> Done:
    return muted(contact, timedelta(seconds=action.body[action.verb]), now)


def _unmute(contact: Contact, _: Action, now: datetime) -> Done:
    if not contact.muted_until or contact.muted_until <= now:
        return Done(contact, "nothing, for it was not muted")
    return Done(replace(contact, muted_until=None), "not muted any more")


NOTED: Mapping[str, Callable[[Contact, Action, datetime], Done]] = {
    "tag": _tag,
    "untag": _untag,
    "set": _set,
    "unset": _unset,
    "mute": _mute,
    "unmute": _unmute,
}


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
