"""Export of a customer as one JSON object, written while it is read."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from gateway.core.contacts.person import Person
from gateway.core.messages.price_list import PriceList
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.erasure import export
from gateway.store.erasure.contacts import find_names
from gateway.store.erasure.search import PersonSearch
from gateway.store.planning.changed_contact import find_known
from gateway.store.redis.client import Store
from gateway.web.api.contacts.view import view_contact
from gateway.web.api.messages.view import view_message

_NO_PRICES = PriceList()  # an export says what is stored


def write_export(
    store: Store, bodies: Bodies, name: str, numbers: Sequence[str], now: datetime
) -> Iterator[bytes]:
    """Yield the parts of the object; its last field says that it is whole.

    Raises StoreUnavailableError or ScriptError, the first time before anything is yielded.
    """
    contacts = find_known(store, numbers, name)
    person = Person(find_names(store, numbers, name))
    search = PersonSearch(store, bodies, person, tuple(numbers))
    sections: Iterable[tuple[str, Iterable[Any]]] = (
        ("contacts", (view_contact(number, one, now) for number, one in contacts.items())),
        ("deliveries", export.iter_deliveries(search)),
        ("records", export.iter_records(search)),
        ("messages", (_view_send(*one, now) for one in export.iter_messages(search))),
        ("others", ({"kind": kind, **item} for kind, item in export.iter_rows(search))),
    )
    yield b"{"
    for section, items in sections:
        yield from (orjson.dumps(section), b":[")
        for i, item in enumerate(items):
            yield from (b"," * bool(i), orjson.dumps(item, default=str, option=orjson.OPT_UTC_Z))
        yield b"],"
    yield b'"complete":true}'


def _view_send(number: str, send: Any, now: datetime) -> dict[str, Any]:
    """Return a message as the API shows it, with its text as far as that is still stored."""
    shown = view_message(SentMessage(number, send), now, _NO_PRICES)
    return {**shown, "body": send.body or None}
