"""Remains of a customer's finished sends: compact records, and texts of messages to groups.

May raise StoreUnavailableError or ScriptError.
"""

from dataclasses import dataclass
from typing import Any

from gateway.core.contacts.erasure import StagePage
from gateway.core.contacts.person import Person
from gateway.core.sending.compact_record import UnknownFormError, packed_name, read_row
from gateway.core.sending.send import PRIORITIES
from gateway.store import keys
from gateway.store.body_codec import UnknownRecordError
from gateway.store.erasure.search import PersonSearch
from gateway.store.erasure.sends import erase_sends
from gateway.store.erasure.stream_pages import StreamPage, read_page

AT_ONCE = 500
_RECORD, _TEXT = b"r", b"t"
_MEMBERS = b'"members"'
_SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class RemainsPage:
    """Finished sends of one page that are the customer's: ids, entries, and the next place."""

    number: str
    stream: str
    ids: tuple[str, ...]
    entries: tuple[str, ...]
    position: str


def find_remains(search: PersonSearch, position: str) -> RemainsPage:
    """Return the finished sends of one page of records that went to the customer."""
    owners = [f"{number}{_SEPARATOR}{rank}" for number in search.numbers() for rank in PRIORITIES]
    page = read_page(search.store, sorted(owners), _records_of, position, AT_ONCE)
    if page is None:
        return RemainsPage("", "", (), (), "")
    person = search.person
    own = [(entry, name) for entry, name, lane in _read(page, person) if person.is_named(lane)]
    number, _, _ = page.owner.rpartition(_SEPARATOR)
    entries, ids = tuple(entry for entry, _ in own), tuple(name for _, name in own)
    return RemainsPage(number, _records_of(page.owner), ids, entries, page.position)


def erase_remains(search: PersonSearch, position: str, erasure: str) -> StagePage:
    """Erase the customer's finished sends of one page, also those whose row came back."""
    page = find_remains(search, position)
    if not page.ids:
        return StagePage(page.position)
    prefix = keys.number(page.number)
    result = erase_sends(search.store, prefix, page.ids, erasure)
    gone = [
        entry
        for entry, id_ in zip(page.entries, page.ids, strict=True)
        if id_ not in result.under_way
    ]

    def remove(client: Any) -> int:
        pipe = client.pipeline(transaction=True)
        pipe.xdel(f"{prefix}texts", *gone)
        pipe.xdel(page.stream, *gone)
        return int(pipe.execute()[-1])

    # The index may be older than its record, or lead to another record of a send that came back.
    more = search.store.run(remove) if gone else 0
    counts = {"messages": result.erased + more}
    return StagePage(page.position, counts, messages=len(result.under_way))


def erase_group_texts(search: PersonSearch, position: str) -> StagePage:
    """Erase texts of messages to groups that name the customer as one who got them."""
    page = read_page(search.store, search.numbers(), _texts_of, position, AT_ONCE)
    if page is None:
        return StagePage()
    own, unopened = [], 0
    for entry, fields in page.entries:
        try:
            text = search.bodies.open(fields.get(_TEXT, b""))
        except UnknownRecordError:
            unopened += 1
            continue
        if _MEMBERS in text and search.person.is_mentioned(text):
            own.append(entry)
    if own:
        search.store.run(lambda client: client.xdel(_texts_of(page.owner), *own))
    return StagePage(page.position, unopened=unopened)


def _records_of(owner: str) -> str:
    number, _, rank = owner.rpartition(_SEPARATOR)
    return f"{keys.number(number)}done:{rank}"


def _texts_of(number: str) -> str:
    return f"{keys.number(number)}texts"


def _read(page: StreamPage, person: Person) -> list[tuple[str, str, str]]:
    """Return entry, id and lane of each record that may be the customer's, and can be read here."""
    names, found = [packed_name(one) for one in person.names], []
    for entry, fields in page.entries:
        record = fields.get(_RECORD, b"")
        if not any(one in record for one in names):  # to read all costs twenty times as much
            continue
        try:
            name, row = read_row(record)
        except (UnknownFormError, ValueError, LookupError):
            continue
        found.append((entry, name, row["lane"]))
    return found
