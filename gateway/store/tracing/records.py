"""Plan records: why something was planned for an event, and how far it got."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.events import Event
from gateway.core.planning.event import record_id
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.store.sending import send_rows


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A record as it was committed; `fired` holds each rule that fired, and why."""

    key: str
    rulebook: str
    first_contact: bool
    fired: tuple[tuple[str, str], ...]
    sends: tuple[str, ...]
    planned_at: datetime | None = None
    changes: tuple[str, ...] = ()  # changes of what the customer wants, in words
    is_too_old: bool = False  # the event, to get the message that rules had for it
    muted_until: datetime | None = (
        None  # of the customer before the event; older records do not say
    )
    limited: tuple[str, str] | None = None  # the rule whose limit ended the search, and why
    notifications: tuple[str, ...] = ()
    alerts: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # rule, and what it said
    calls: tuple[str, ...] = ()
    forwards: tuple[str, ...] = ()
    kind: str = ""  # of the event
    at: datetime | None = None  # when it happened
    delivery: str = ""  # that holds it, and the item in it
    item: int = 0


def find(store: Store, event: Event) -> PlanRecord | None:
    """Return an event's record, None where nothing was planned for it.

    Raises StoreUnavailableError.
    """
    return load(store, event.number, record_id(event))


def load(store: Store, number: str, record: str) -> PlanRecord | None:
    """Return a record by its id. Raises StoreUnavailableError."""
    name = _key(number, record)
    row: Any = store.run(lambda client: client.get(name))
    return None if row is None else _parse(row)


def find_all(store: Store, number: str, events: Sequence[Event]) -> list[PlanRecord | None]:
    """Return the record of each event of a number in one round trip.

    Raises StoreUnavailableError.
    """
    rows = _read_rows(store, number, [record_id(event) for event in events])
    return [None if row is None else _parse(row) for row in rows]


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A record that cannot be read, and why."""

    reason: str


class DamagedRecordError(Exception):
    """The record of the event that was asked for cannot be read."""


def read_records(
    store: Store, number: str, ids: Sequence[str]
) -> list[PlanRecord | DamagedRecord | None]:
    """Return records by their ids in one round trip, None where one is gone.

    Raises StoreUnavailableError.
    """
    return [None if row is None else _try_parse(row) for row in _read_rows(store, number, ids)]


def _try_parse(row: bytes) -> PlanRecord | DamagedRecord:
    try:
        return _parse(row)
    except Exception as error:  # any error in it must cost this record only
        return DamagedRecord(f"reading it raises {type(error).__name__}")


def _read_rows(store: Store, number: str, ids: Sequence[str]) -> list[bytes | None]:
    names = [_key(number, one) for one in ids]
    rows: Any = store.run(lambda client: client.mget(names)) if names else []
    return list(rows)


def _key(number: str, record: str) -> str:
    return f"{keys.number(number)}record:{record}"


def _parse(row: bytes) -> PlanRecord:
    stored = orjson.loads(row)
    if not isinstance(stored["key"], str):
        raise TypeError
    limited = stored.get("limited")
    return PlanRecord(
        key=stored["key"],
        rulebook=stored["rulebook"],
        first_contact=stored["first_contact"],
        fired=tuple((one["rule"], one["why"]) for one in stored["fired"]),
        sends=tuple(stored["sends"]),
        planned_at=datetime_from_ms(stored["planned"]) if "planned" in stored else None,
        changes=tuple(stored.get("changes", ())),
        is_too_old=stored.get("too_old", False),
        muted_until=datetime_from_ms(muted) if (muted := stored.get("muted_until")) else None,
        limited=(limited["rule"], limited["why"]) if limited else None,
        notifications=tuple(stored.get("notifications", ())),
        alerts=tuple((one["rule"], one["text"]) for one in stored.get("alerts", ())),
        calls=tuple(stored.get("calls", ())),
        forwards=tuple(stored.get("forwards", ())),
        kind=stored.get("kind", ""),
        at=datetime_from_ms(stored["at"]) if "at" in stored else None,
        delivery=stored.get("delivery", ""),
        item=stored.get("item", 0),
    )


def stages(store: Store, number: str, sends: Sequence[str]) -> list[str]:
    """Return the stage of each send, "" where it is forgotten. Raises StoreUnavailableError."""
    rows = send_rows.read_rows(store, Bodies(), number, sends)
    return [one.fields.get("stage", "") for one in rows]
