"""A message as the store has it, with what is known of its customer, for rules to be asked anew."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from gateway.cli.common import errors
from gateway.config.settings import Settings
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.store.inbox.record import Bodies
from gateway.store.planning import contacts
from gateway.store.planning.records import Found
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.traces import Trace, Traces

NO_RECORD = "no rule fired when it was planned"


@dataclass(frozen=True, slots=True)
class Stored:
    """An event, its customer as they were as far as that is known, and what was planned."""

    event: Event
    contact: Contact = field(repr=False)
    now: datetime
    record: Found | None
    version: str  # of the rules that are asked now

    def changed(self, fired: tuple[str, ...]) -> tuple[str, ...]:
        """Say what fired when it was planned, where that was something else or by other rules."""
        before = tuple(rule for rule, _ in self.record.fired) if self.record else ()
        if before == fired:
            return ()
        told = f"when it was planned, {', '.join(before)} fired" if before else NO_RECORD
        by_others = self.record and self.record.rulebook != self.version
        since = "the rules have changed since" if by_others else "something has changed since"
        return (f"{told}; {since}",)


def stored(given: Settings, wamid: str, version: str) -> Stored | None:
    """Find a message, or the one that a message of ours answered; None where it is not kept."""
    store = Store(given.redis_url)
    try:
        found = Traces(store, Bodies(given.encryption_keys)).of_wamid(wamid)
        trace = next((one for one in found.traces if one.kept and one.kept.event), None)
        return _stored(store, trace, version) if trace else None
    except StoreUnavailableError:
        raise errors.fail("Redis does not answer, so nothing can be told.") from None
    finally:
        store.close()


def _stored(store: Store, trace: Trace, version: str) -> Stored | None:
    event = trace.kept.event if trace.kept else None
    if event is None:
        return None
    (view,) = contacts.load(store, {event.number: [event]})
    now = (trace.record and trace.record.planned_at) or event.at
    contact = as_it_was(view.contacts.get(event.contact, Contact(event.contact)), trace.record, now)
    return Stored(event, contact, now, trace.record, version)


def as_it_was(contact: Contact, record: Found | None, now: datetime) -> Contact:
    """Take back what came later, as far as it is known when it did.

    A record knows whether its event came first. What tags and variables were is not known.
    """
    is_new = record.first_contact if record else contact.is_new
    last = None if is_new else min(contact.last_inbound_at or now, now)
    before_ms = int(now.timestamp() * 1000)
    used = {
        rule: (until, *(moment for moment in moments if moment < before_ms))
        for rule, (until, *moments) in contact.used.items()
    }
    return replace(contact, last_inbound_at=last, used=used, volley=None)
