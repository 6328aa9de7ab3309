"""Events of forwards, read from the deliveries to which they refer.

May raise StoreUnavailableError.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from gateway.core.events import Delivery, Event
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.inbox.record import BODY, HEADER, read_delivery, redacted_key
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows
from gateway.store.sending.lookup import read_each


@dataclass(frozen=True, slots=True)
class ReferredDelivery:
    """A delivery and its events; without one, `problem` says why.

    `is_unopened` says that another process may open it, `is_redacted` that it is what an erasure
    left.
    """

    delivery: Delivery | None = None
    events: Sequence[Event] = field(default=(), repr=False)
    problem: str = ""
    is_unopened: bool = False
    is_redacted: bool = False


def read_referred(
    store: Store, bodies: Bodies, ids: Iterable[str]
) -> Mapping[str, ReferredDelivery]:
    """Return deliveries by their ids."""
    names = list(dict.fromkeys(ids))
    places = [(int(index), entry) for index, _, entry in (one.partition(":") for one in names)]
    inboxes = [(f"{keys.partition(index)}inbox", entry) for index, entry in places]
    found = read_each(store, [("XRANGE", name, entry, entry) for name, entry in inboxes])
    rows = [dict(entries[0][1]) if entries else {} for entries in found]
    missing = [place for place, row in zip(places, rows, strict=True) if not row]
    copies = iter(read_each(store, [("HGETALL", redacted_key(*place)) for place in missing]))
    return {
        name: _open(name, row, bodies) if row else _open(name, next(copies), bodies, redacted=True)
        for name, row in zip(names, rows, strict=True)
    }


def _open(
    name: str, row: Mapping[bytes, bytes] | None, bodies: Bodies, *, redacted: bool = False
) -> ReferredDelivery:
    if not row:
        return ReferredDelivery(problem="its delivery is no longer in the inbox")
    try:
        delivery = read_delivery(name, row[HEADER], row[BODY], bodies)
    except UnknownRecordError as error:
        return ReferredDelivery(problem=f"its delivery cannot be opened: {error}", is_unopened=True)
    return ReferredDelivery(delivery, split(delivery), is_redacted=redacted)


def read_references(
    store: Store, bodies: Bodies, number: str, sends: Iterable[str]
) -> Mapping[str, str]:
    """Return the callers' own names of sends that have one, by the sends' ids."""
    ids = sorted({*sends} - {""})
    rows = send_rows.read_rows(store, bodies, number, ids)
    return {row.id: reference for row in rows if (reference := _reference(row.fields.get("row")))}


def _reference(row: str | None) -> str:
    try:
        planned = orjson.loads(row) if row else {}
    except orjson.JSONDecodeError:
        return ""
    return str(planned.get("reference", "")) if isinstance(planned, dict) else ""
