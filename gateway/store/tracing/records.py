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
    names = [_key(number, record_id(event)) for event in events]
    rows: Any = store.run(lambda client: client.mget(names)) if names else []
    return [None if row is None else _parse(row) for row in rows]


def _key(number: str, record: str) -> str:
    return f"{keys.number(number)}record:{record}"


def _parse(row: bytes) -> PlanRecord:
    stored = orjson.loads(row)
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
    )


def stages(store: Store, number: str, sends: Sequence[str]) -> list[str]:
    """Return the stage of each send, "" where it is forgotten. Raises StoreUnavailableError."""
    rows = send_rows.read_rows(store, Bodies(), number, sends)
    return [one.fields.get("stage", "") for one in rows]
