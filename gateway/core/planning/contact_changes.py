"""Changes that a rule makes to a contact without sending anything."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.core.contacts import consent
from gateway.core.contacts.consent import UNCHANGED
from gateway.core.contacts.contact import Contact, fits
from gateway.core.contacts.hand_over import HandOver, extend
from gateway.core.planning.decision import Action

HAND_OVER, UNMUTE = "hand_over", "unmute"
FULL = f"{UNCHANGED} the tags and variables of a contact may take 8 KB together"


class ContactChange(NamedTuple):
    """The contact after an action, and what changed in words, which hold no value."""

    contact: Contact
    change: str


def apply_action(
    contact: Contact, action: Action, why: str, at: datetime, now: datetime
) -> ContactChange | None:
    """Apply an action for an event that happened `at`; None if it does not change contacts.

    Mutes and hand-overs count from then, so those of a late event may be over already.
    """
    since = min(at, now)  # Meta's clock may be ahead of ours
    if action.verb in consent.VERBS:
        change = consent.ConsentChange(consent.VERBS[action.verb], why)
        return ContactChange(*consent.apply_consent(contact, change, since))
    if action.verb == HAND_OVER:
        cause = f"{why}, {reason}" if (reason := action.body.get("why")) else why
        return hand_over_contact(contact, timedelta(seconds=action.body[HAND_OVER]), since, cause)
    if action.verb not in CHANGES_BY_VERB:
        return None
    after = CHANGES_BY_VERB[action.verb](contact, action, now if action.verb == UNMUTE else since)
    return after._replace(change=f"{after.change}: {why}")


def mute_contact(contact: Contact, lasts: timedelta, since: datetime) -> ContactChange:
    """Mute rules for a contact for a while; of two mutes the longer counts."""
    until = since + lasts
    if contact.muted_until and contact.muted_until >= until:
        return ContactChange(
            contact, f"{UNCHANGED} it is muted until {_format_moment(contact.muted_until)}"
        )
    return ContactChange(
        replace(contact, muted_until=until), f"muted until {_format_moment(until)}"
    )


def hand_over_contact(
    contact: Contact, lasts: timedelta, since: datetime, cause: str
) -> ContactChange:
    """Hand a contact over to a person for a while; of two hand-overs the longer counts."""
    hand_over = extend(contact.hand_over, HandOver(since, since + lasts, cause))
    until = _format_moment(hand_over.until)
    if hand_over is contact.hand_over:
        return ContactChange(contact, f"{UNCHANGED} a person answers until {until}: {cause}")
    after = replace(contact, hand_over=hand_over)
    return ContactChange(after, f"a person answers until {until}: {cause}")


def unmute_contact(contact: Contact, now: datetime) -> ContactChange:
    """Let rules answer a contact again, whatever silenced them."""
    if not contact.silent_until or contact.silent_until <= now:
        return ContactChange(contact, f"{UNCHANGED} it was not muted")
    return ContactChange(replace(contact, muted_until=None, hand_over=None), "not muted any more")


def tag_contact(contact: Contact, names: Collection[str]) -> ContactChange:
    """Add tags to a contact, unless there is no room."""
    tags = tuple(sorted({*contact.tags, *names}))
    if not fits(tags, contact.vars):
        return ContactChange(contact, FULL)
    return ContactChange(_with_tags(contact, tags), "tagged")


def untag_contact(contact: Contact, names: Collection[str]) -> ContactChange:
    """Take tags from a contact."""
    tags = tuple(tag for tag in contact.tags if tag not in names)
    return ContactChange(_with_tags(contact, tags), "untagged")


def _with_tags(contact: Contact, tags: tuple[str, ...]) -> Contact:
    """Return a contact with tags; the same where it has them, for a copy takes microseconds."""
    return contact if tags == contact.tags else replace(contact, tags=tags)


def set_variables(contact: Contact, values: Mapping[str, str]) -> ContactChange:
    """Set variables of a contact, unless there is no room."""
    variables = {**contact.vars, **values}
    if not fits(contact.tags, variables):
        return ContactChange(contact, FULL)
    after = contact if variables == contact.vars else replace(contact, vars=variables)
    return ContactChange(after, "set")


def unset_variables(contact: Contact, names: Collection[str]) -> ContactChange:
    """Remove variables of a contact."""
    variables = {name: value for name, value in contact.vars.items() if name not in names}
    return ContactChange(replace(contact, vars=variables), "unset")


def _tag(contact: Contact, action: Action, _: datetime) -> ContactChange:
    return _labelled(tag_contact(contact, _action_tags(action)), action)


def _untag(contact: Contact, action: Action, _: datetime) -> ContactChange:
    return _labelled(untag_contact(contact, _action_tags(action)), action)


def _action_tags(action: Action) -> set[str]:
    """Return the tags of an action, without those that placeholders left empty."""
    return {tag for tag in map(str.strip, action.body[action.verb]) if tag}


def _set(contact: Contact, action: Action, _: datetime) -> ContactChange:
    return _labelled(set_variables(contact, dict(action.body[action.verb])), action)


def _unset(contact: Contact, action: Action, _: datetime) -> ContactChange:
    return _labelled(unset_variables(contact, action.body[action.verb]), action)


def _labelled(after: ContactChange, action: Action) -> ContactChange:
    """Name what the action is about, in a change that was made."""
    if after.change.startswith(UNCHANGED):
        return after
    return after._replace(change=f"{after.change} {action.label}")


def _mute(contact: Contact, action: Action, since: datetime) -> ContactChange:
    return mute_contact(contact, timedelta(seconds=action.body[action.verb]), since)


def _unmute(contact: Contact, _: Action, now: datetime) -> ContactChange:
    return unmute_contact(contact, now)


CHANGES_BY_VERB: Mapping[str, Callable[[Contact, Action, datetime], ContactChange]] = {
    "tag": _tag,
    "untag": _untag,
    "set": _set,
    "unset": _unset,
    "mute": _mute,
    UNMUTE: _unmute,
}
CONTACT_VERBS = frozenset({*consent.VERBS, *CHANGES_BY_VERB, HAND_OVER})


def _format_moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
