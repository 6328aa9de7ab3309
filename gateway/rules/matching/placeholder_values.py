"""What may stand between {{ and }}: the names, and what each stands for; pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.rendering.filters import Value
from gateway.core.rendering.placeholders import Lookup
from gateway.rules.opening_hours import Hours
from gateway.rules.text import scanned

OF_HOURS = ("opens", "closes", "now")


class Known(NamedTuple):
    """What is known when a rule fires."""

    event: Event
    contact: Contact  # as it was before the event
    now: datetime
    hours: Mapping[str, Hours]
    groups: Mapping[str, str]  # of the rule's patterns


class Name(NamedTuple):
    """What a name stands for, in words, and how it is found."""

    says: str
    find: Callable[[Known], str]


def lookup(known: Known) -> Lookup:
    """Return the function that gives the value of a name, "" where there is none."""

    def find(name: str) -> Value:
        if name in known.groups:
            return scanned(known.groups[name])
        if name in NAMES:
            return scanned(NAMES[name].find(known))
        if name == "now":
            return known.now
        family, _, rest = name.partition(".")
        return _of_hours(known, rest) if family == "hours" else _of_vars(known, rest)

    return find


def _of_vars(known: Known, name: str) -> str:
    return scanned(known.contact.vars.get(name, ""))


def _of_hours(known: Known, asked: str) -> datetime | None:
    name, _, what = asked.partition(".")
    if not (hours := known.hours.get(name)):
        return None
    match what:
        case "opens":
            return hours.opens(known.now)
        case "closes":
            return hours.closes(known.now)
        case _:
            return hours.here(known.now)


def _said(known: Known, name: str) -> str:
    """Give what an event says under a name, "" where its kind says no such thing."""
    said = getattr(known.event, name, None)
    return "" if said is None else str(said)


def _sender(known: Known) -> str:
    event, contact = known.event, known.contact
    return event.wa_id or contact.wa_id or event.user_id or contact.user_id


def _event_says(name: str) -> Callable[[Known], str]:
    return lambda known: _said(known, name)


NAMES: Mapping[str, Name] = {
    "name": Name(
        "the customer's profile name", lambda known: _said(known, "name") or known.contact.name
    ),
    "from": Name("the customer's phone number, or Meta's user id where there is none", _sender),
    "text": Name(
        "what was written, the caption, or the title that was tapped", _event_says("text")
    ),
    "tapped": Name("the id that was tapped", _event_says("tapped")),
    "type": Name("the kind of message", _event_says("type")),
    "number": Name("our phone number id", _event_says("number")),
    "id": Name("the message's own id, for replies and reactions", _event_says("id")),
    "language": Name(
        "the customer's language, as a rule noted it", lambda known: _of_vars(known, "language")
    ),
    "tags": Name(
        "the customer's tags, with commas",
        lambda known: ", ".join(known.contact.tags),
    ),
    "status": Name("of a status, what Meta tells", _event_says("status")),
    "code": Name("of a status, Meta's error code", _event_says("code")),
    "field": Name("of a notice, its webhook field", _event_says("field")),
}

# What stands for more than one name, or for a moment.
PATTERNED: Mapping[str, str] = {
    "a group": "what the group of that name in one of the rule's `matches` found",
    "vars.size": "what a rule noted with `set: {size: …}`",
    "now": "the moment at which the rule fires, in UTC",
    "hours.shop.opens": "the next moment at which the hours named `shop` open",
    "hours.shop.closes": "the next moment at which they close",
    "hours.shop.now": "the moment at which the rule fires, by the clock of their zone",
}
