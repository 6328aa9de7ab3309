"""Values of placeholders between {{ and }}, by name."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.core.messages.filters import Value
from gateway.core.messages.placeholders import Lookup
from gateway.core.paths.table import find_path
from gateway.core.paths.values import as_text, read_values
from gateway.rules.opening_hours import Hours
from gateway.rules.text import truncate

HOURS_FIELDS = ("opens", "closes", "now")


class Known(NamedTuple):
    """Facts that are known when a rule fires."""

    event: Event
    contact: Contact  # as it was before the event
    now: datetime
    hours: Mapping[str, Hours]
    groups: Mapping[str, str]  # of the rule's patterns


class Placeholder(NamedTuple):
    """Description of a placeholder, and the function that finds its value."""

    description: str
    find: Callable[[Known], str]


def lookup(known: Known) -> Lookup:
    """Return the function that gives the value of a name, "" if there is none."""

    def find(name: str) -> Value:
        if name in known.groups:
            return truncate(known.groups[name])
        if name in NAMES:
            return truncate(NAMES[name].find(known))
        if name == "now":
            return known.now
        family, _, rest = name.partition(".")
        if family == "hours":
            return _hours_value(known, rest)
        return _var_value(known, rest) if family == "vars" else _path_value(known.event, name)

    return find


def _path_value(event: Event, name: str) -> Value:
    """Return what Meta tells under a path: a moment, or all values with commas."""
    path = find_path(name)
    values = read_values(event, path) if path else ()
    if path and path.kind == "moment":
        first = next(iter(values), None)
        return first if isinstance(first, datetime) else None
    return truncate(", ".join(map(as_text, values)))


def _var_value(known: Known, name: str) -> str:
    return truncate(known.contact.vars.get(name, ""))


def _hours_value(known: Known, path: str) -> datetime | None:
    name, _, what = path.partition(".")
    if not (hours := known.hours.get(name)):
        return None
    match what:
        case "opens":
            return hours.next_opening(known.now)
        case "closes":
            return hours.next_closing(known.now)
        case _:
            return hours.local_time(known.now)


def _event_value(known: Known, name: str) -> str:
    """Return an event's value of a name, "" if its kind has no such value."""
    value = getattr(known.event, name, None)
    return "" if value is None else str(value)


def _sender(known: Known) -> str:
    event, contact = known.event, known.contact
    return event.wa_id or contact.wa_id or event.user_id or contact.user_id


def _event_getter(name: str) -> Callable[[Known], str]:
    return lambda known: _event_value(known, name)


NAMES: Mapping[str, Placeholder] = {
    "name": Placeholder(
        "the customer's profile name",
        lambda known: _event_value(known, "name") or known.contact.name,
    ),
    "from": Placeholder(
        "the customer's phone number, or Meta's user id where there is none", _sender
    ),
    "text": Placeholder(
        "what was written, the caption, or the title that was tapped", _event_getter("text")
    ),
    "tapped": Placeholder("the id that was tapped", _event_getter("tapped")),
    "type": Placeholder("the kind of message", _event_getter("type")),
    "number": Placeholder("our phone number id", _event_getter("number")),
    "id": Placeholder("the message's own id, for replies and reactions", _event_getter("id")),
    "language": Placeholder(
        "the customer's language, as a rule noted it", lambda known: _var_value(known, "language")
    ),
    "tags": Placeholder(
        "the customer's tags, with commas",
        lambda known: ", ".join(known.contact.tags),
    ),
    "campaign": Placeholder(
        "the name of the campaign that the message answers",
        lambda known: known.event.answers.name if known.event.answers else "",
    ),
    "status": Placeholder("of a status, what Meta tells", _event_getter("status")),
    "code": Placeholder("of a status, Meta's error code", _event_getter("code")),
    "call": Placeholder("of a call, what became of it, such as missed", _event_getter("outcome")),
    "field": Placeholder("of a notice, its webhook field", _event_getter("field")),
}

# Placeholders of more than one name, or of a moment.
NAME_PATTERNS: Mapping[str, str] = {
    "a group": "what the group of that name in one of the rule's `matches` or `matches_raw` found",
    "vars.size": "what a rule noted with `set: {size: …}`",
    "order.items": "what Meta tells under [that path](#paths)",
    "now": "the moment at which the rule fires, in UTC",
    "hours.shop.opens": "the next moment at which the hours named `shop` open",
    "hours.shop.closes": "the next moment at which they close",
    "hours.shop.now": "the moment at which the rule fires, by the clock of their zone",
}
