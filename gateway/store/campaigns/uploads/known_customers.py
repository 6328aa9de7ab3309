"""Known customers as an audience: those with a tag, or those of a list.

What the message needs of each is taken from the contact: its variables, and its name.
May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.core.api.contact_request import MOST_TAG
from gateway.core.api.field_errors import FieldReader
from gateway.core.api.recipient import is_user_id, read_contact_name
from gateway.core.campaigns.audience import PHONE, AudienceReader
from gateway.core.contacts.contact import Contact
from gateway.store.planning.contact_scan import AT_ONCE, iter_contacts, load_by_name
from gateway.store.redis.client import Store

MOST_LISTED = 10_000
MOST_NAME = 160  # characters of a phone number, or of a user id
NAME = "name"

Row = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class KnownCustomers:
    """Whom an audience is made of: the customers with a tag, or those of a list."""

    tag: str = ""
    phones: Sequence[str] = field(default=(), repr=False)


def read_known_customers(reader: FieldReader) -> KnownCustomers:
    """Return whom a JSON object names, and note what is wrong with it."""
    reader.refuse_unknown(frozenset({"tag", "contacts"}))
    tag, listed = reader.text("tag", MOST_TAG), reader.fields.get("contacts")
    if listed is None:
        if not tag and not reader.errors:
            reader.add("", "must have a tag, or contacts")
        return KnownCustomers(tag)
    if tag:
        reader.add("tag", "must be left out beside contacts")
    is_list = isinstance(listed, list) and 0 < len(listed) <= MOST_LISTED
    if not is_list or not all(isinstance(one, str) and len(one) <= MOST_NAME for one in listed):
        reader.add("contacts", f"must be a list of 1 to {MOST_LISTED:,} phone numbers or user ids")
        return KnownCustomers()
    return KnownCustomers("", listed)


def iter_rows(
    store: Store, number: str, customers: KnownCustomers, reader: AudienceReader
) -> Iterator[Row]:
    """Yield a row for each customer, as if a file had named them, for a reader."""
    if customers.tag:
        yield from _iter_tagged(store, number, customers.tag, reader)
    else:
        yield from _iter_listed(store, number, customers.phones, reader.columns)


def _iter_tagged(store: Store, number: str, tag: str, reader: AudienceReader) -> Iterator[Row]:
    """Yield the customers of a number who have a tag, each once."""
    line = 0
    for contact in iter_contacts(store, number, tag):
        if not reader.has_seen(contact.wa_id or contact.user_id):
            line += 1
            yield line, _cells(contact, _name(contact), reader.columns)


def _iter_listed(
    store: Store, number: str, phones: Sequence[str], columns: frozenset[str]
) -> Iterator[Row]:
    for start in range(0, len(phones), AT_ONCE):
        page = phones[start : start + AT_ONCE]
        named = [read_contact_name(phone) for phone in page]
        known = load_by_name(store, number, [name for name in named if name])
        for line, (phone, name) in enumerate(zip(page, named, strict=True), start + 1):
            contact = known.get(name, Contact(name))
            is_known_by_number = is_user_id(name) and contact.wa_id
            yield line, _cells(contact, _name(contact) if is_known_by_number else phone, columns)


def _name(contact: Contact) -> str:
    return f"+{contact.wa_id}" if contact.wa_id else contact.user_id


def _cells(contact: Contact, phone: str, columns: frozenset[str]) -> dict[str, str]:
    known: dict[str, Any] = {NAME: contact.name, **contact.vars}
    cells = {one: known.get(one, "") for one in columns}
    return {**cells, PHONE: phone}
