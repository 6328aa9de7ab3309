"""Events planned one after the other, as the store would hold what becomes of contacts; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.core.allowed import window_open
from gateway.core.contacts import Contact
from gateway.core.decisions import Rulebook
from gateway.core.events import Event
from gateway.core.people import names
from gateway.core.plan import Plan, View, plan
from gateway.core.sends import Send

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Folded:
    """What followed from one event; no plan where it was known, and an error where one raised."""

    event: Event
    now: datetime
    before: Contact = field(repr=False)
    plan: Plan | None = field(default=None, repr=False)
    error: str = ""

    @property
    def fired(self) -> tuple[str, ...]:
        """Name the rules that fired."""
        records = self.plan.records if self.plan else ()
        return tuple(one.rule for record in records for one in record.fired)

    @property
    def sends(self) -> tuple[Send, ...]:
        """Return what was planned to be sent."""
        return self.plan.sends if self.plan else ()

    @property
    def after(self) -> Contact:
        """Return the contact as it is now."""
        return self.plan.contact if self.plan else self.before

    @property
    def changes(self) -> tuple[str, ...]:
        """Tell what was noted of the contact."""
        records = self.plan.records if self.plan else ()
        return tuple(change for record in records for change in record.changes)

    @property
    def posted(self) -> tuple[tuple[Send, Body], ...]:
        """Return the sends that go to Meta, were it done at once, each with what is posted."""
        found = ((send, posted(send, self.after, self.now)) for send in self.sends)
        return tuple((send, body) for send, body in found if body is not None)


class Folding:
    """Plans as workers do, and remembers of each number what a store would."""

    def __init__(self, rulebook: Rulebook) -> None:
        """Take what answers."""
        self.rulebook = rulebook
        self._contacts: dict[str, dict[str, Contact]] = {}
        self._known: dict[str, set[str]] = {}

    def remember(self, number: str, contact: Contact) -> None:
        """Take a contact as known, with a version as one has that was written."""
        written = replace(contact, version=contact.version or "written")
        for key in (contact.key, *contact.aliases):
            self._contacts.setdefault(number, {})[key] = written

    def fold(self, event: Event, now: datetime) -> Folded:
        """Plan one event, and remember what follows from it."""
        contacts = self._contacts.setdefault(event.number, {})
        known = self._known.setdefault(event.number, set())
        view = View(event.number, now, contacts, frozenset(known & {event.key}))
        before = _contact(contacts, names(event))
        planned = plan(view, [event], self.rulebook)
        known.add(event.key)
        if planned.failures:
            return Folded(event, now, before, error=planned.failures[0].error)
        made = next(iter(planned.plans), None)
        if made and made.contact.key:
            self._write(event.number, made)
        return Folded(event, now, before, made)

    def _write(self, number: str, made: Plan) -> None:
        gone = (one.key for one in made.joins)
        aliases = tuple(dict.fromkeys((*made.contact.aliases, *gone)))
        self.remember(number, replace(made.contact, aliases=aliases))


def posted(send: Send, contact: Contact, now: datetime) -> Body | None:
    """Return what goes to Meta of a send that goes now, None where nothing does."""
    if send.repeatable:
        return send.body
    if send.marketing and contact.opted_out_at:
        return None
    if send.body.get("type") == "template" or window_open(contact, now):
        return send.body
    return send.instead if send.closed == "template" else None


def _contact(contacts: Mapping[str, Contact], called: Iterable[str]) -> Contact:
    called = list(called)
    found = (contacts[name] for name in called if name in contacts)
    return next(found, Contact(called[0] if called else ""))
