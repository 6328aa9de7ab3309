"""Changed contacts: a change that no event made, committed unless another commit was faster.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gateway.core.contacts.contact import Contact
from gateway.core.planning.batch import Plan
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, ScriptError, Store

MOST_TRIES = 5
# No record is written, so the lifetime of records has no meaning here.
_NO_RECORDS = timedelta(seconds=1)

# A pure function of the contact as it is stored and the server's time.
Change = Callable[[Contact, datetime], Contact]


def change_contact(store: Store, number: str, name: str, change: Change) -> Contact | None:
    """Change a contact; return it, or None if the number knows no contact of this name.

    Where an event changed the contact meanwhile, it is read and changed once more, so neither is
    lost. What `change` raises passes through, and then nothing is written.
    """
    for _ in range(MOST_TRIES):
        now, contacts, unreadable = load_contacts(store, number, [name])
        if unreadable:
            raise ScriptError("the contact cannot be read")
        before = contacts[0]
        if not before.version:
            return None
        after = change(before, now)
        if after == before or _is_committed(store, number, before, after):
            return after
    raise ScriptError("the contact changes all the time")


def load_contacts(
    store: Store, number: str, names: Sequence[str]
) -> tuple[datetime, list[Contact], int]:
    """Load contacts by name; return the server's time, them, and how many cannot be read."""
    now, rows, _ = store.call("load", keys.number(number), len(names), *names)
    parsed, unreadable = parse_contacts(list(names), rows)
    return datetime_from_ms(now), list(parsed.values()), len(unreadable)


def _is_committed(store: Store, number: str, before: Contact, after: Contact) -> bool:
    was_handed_over = before.hand_over is not None
    plan = Plan(number, after, changed=True, events=(), was_handed_over=was_handed_over)
    (done,) = commit(store, [plan], _NO_RECORDS)
    if isinstance(done, Exception):
        raise done
    return done


def find_known(store: Store, numbers: Sequence[str], name: str) -> dict[str, Contact]:
    """Return the contact of each number that knows a customer of this name."""
    calls = [Call("load", keys.number(number), [1, name]) for number in numbers]
    known: dict[str, Contact] = {}
    for number, reply in zip(numbers, store.call_many(calls), strict=True):
        if isinstance(reply, Exception):
            raise reply
        contacts, unreadable = parse_contacts([name], reply[1])
        if unreadable:
            raise ScriptError("the contact cannot be read")
        if contacts[name].version:
            known[number] = contacts[name]
    return known
