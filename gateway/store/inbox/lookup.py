"""Inbox lookup for traces: reads deliveries where they stand, and takes none."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from gateway.core.events import Delivery, Event
from gateway.core.storage.event_places import unpack
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.webhook.event_keys import digest
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.inbox.record import BODY, HEADER, read_delivery, redacted_key
from gateway.store.redis.client import Store

# How many waiting deliveries of a partition are searched, and in which steps.
MOST_WAITING = 2_000
STEP = 50
WaitingState = Literal["waiting", "aside", "given_up"]
GONE = "its delivery is no longer in the inbox"


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """Place where an event was stored; `problem` says why no more of its delivery can be read."""

    delivery: str
    item: int
    problem: str = ""
    origin: str = ""
    secret: str = ""  # which of the active app secrets verified the signature
    event: Event | None = field(default=None, repr=False)
    account: str = ""  # name of the account to whose address the delivery was posted

    @property
    def partition(self) -> int:
        """Return the partition of the inbox."""
        return int(self.delivery.partition(":")[0])

    @property
    def at(self) -> datetime:
        """Return when it was stored, by the server's clock."""
        return datetime_from_ms(self.delivery.partition(":")[2].partition("-")[0])


@dataclass(frozen=True, slots=True)
class WaitingDeliveries:
    """Events found among waiting deliveries, and how many deliveries could not be opened."""

    events: tuple[KeptEvent, ...] = ()
    states: Mapping[str, WaitingState] = field(default_factory=dict)  # by delivery
    unopened: int = 0
    is_truncated: bool = False


def find_event_refs(store: Store, number: str, event_keys: Sequence[str]) -> list[str]:
    """Return where each event stands, "<delivery>/<item>", "" for one that is not known."""
    if not event_keys:
        return []
    digests = [digest(key) for key in event_keys]
    _, _, event_refs = store.call("load", keys.number(number), 0, *digests)
    return [unpack(place) if place else "" for place in event_refs]


@dataclass(frozen=True, slots=True)
class DeliveryContent:
    """Content of a delivery, as far as this process can open it."""

    problem: str = ""
    kinds: Mapping[str, int] = field(default_factory=dict)  # how many events of each kind
    body: Any = field(default=None, repr=False)


class TracedInbox:
    """Reads deliveries of all partitions."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies

    def find_event(self, event_ref: str) -> KeptEvent:
        """Return what is left of an event that was committed from "<delivery>/<item>"."""
        delivery, _, item = event_ref.rpartition("/")
        index, _, entry = delivery.partition(":")
        fields = self._read_one(int(index), entry)
        if not fields:
            return KeptEvent(delivery, int(item), GONE)
        try:
            delivery_read = self._open_delivery(delivery, fields)
        except UnknownRecordError as error:
            return KeptEvent(delivery, int(item), f"its delivery cannot be opened here: {error}")
        # Another release may have split it differently.
        event = next((one for one in split(delivery_read) if one.item == int(item)), None)
        return _to_kept_event(delivery_read, int(item), event)

    def read_content(self, delivery: str) -> DeliveryContent:
        """Return the content of a delivery."""
        index, _, entry = delivery.partition(":")
        fields = self._read_one(int(index), entry)
        if not fields:
            return DeliveryContent(GONE)
        try:
            opened = self._open_delivery(delivery, fields)
        except UnknownRecordError as error:
            return DeliveryContent(f"this process cannot open it: {error}")
        kinds = Counter(event.kind for event in split(opened))
        return DeliveryContent("", kinds, _parse_json(opened.body))

    def read_body(self, delivery: str) -> bytes:
        """Return the body of a delivery, b"" where it is gone or cannot be opened here."""
        index, _, entry = delivery.partition(":")
        fields = self._read_one(int(index), entry)
        try:
            return self._open_delivery(delivery, fields).body if fields else b""
        except UnknownRecordError:
            return b""

    def find_waiting(self, wanted: Callable[[Event], bool]) -> WaitingDeliveries:
        """Search deliveries that are not committed, up to MOST_WAITING of each partition."""
        events: list[KeptEvent] = []
        states: dict[str, WaitingState] = {}
        unopened = 0
        is_truncated = False
        for index in range(keys.PARTITIONS):
            for looked, (entry, fields, state) in enumerate(self._iter_uncommitted(index)):
                if is_truncated := is_truncated or looked >= MOST_WAITING:
                    break
                opened = self._open_events(f"{index}:{entry}", fields, wanted)
                unopened += opened is None
                states[f"{index}:{entry}"] = state
                events += opened or []
        return WaitingDeliveries(tuple(events), states, unopened, is_truncated)

    def newest_entry(self, index: int) -> str:
        """Return the last entry of a partition, "0-0" where there is none."""
        name = f"{keys.partition(index)}inbox"
        rows: Any = self._store.run(lambda client: client.xrevrange(name, count=1))
        return rows[0][0].decode() if rows else "0-0"

    def read_after(self, index: int, entry: str) -> list[tuple[str, list[KeptEvent]]]:
        """Return up to STEP deliveries after an entry, each with its events, none if unopened."""
        rows = [
            (raw.decode(), fields)
            for raw, fields in self._read_range(index, f"({entry}", "+", STEP)
        ]
        return [
            (e, self._open_events(f"{index}:{e}", fields, lambda _: True) or [])
            for e, fields in rows
        ]

    def _open_events(
        self, delivery: str, fields: dict[bytes, bytes], wanted: Callable[[Event], bool]
    ) -> list[KeptEvent] | None:
        try:
            opened = self._open_delivery(delivery, fields)
        except UnknownRecordError:
            return None
        events = (event for event in split(opened) if wanted(event))
        return [_to_kept_event(opened, event.item, event) for event in events]

    def _open_delivery(self, delivery_id: str, fields: dict[bytes, bytes]) -> Delivery:
        return read_delivery(delivery_id, fields[HEADER], fields[BODY], self._bodies)

    def _iter_uncommitted(
        self, index: int
    ) -> Iterator[tuple[str, dict[bytes, bytes], WaitingState]]:
        """Yield deferred deliveries, those given up, then those after the cursor."""
        yield from self._iter_listed(index, "aside")
        yield from self._iter_listed(index, "given_up")
        prefix = keys.partition(index)
        cursor: Any = self._store.run(lambda client: client.hget(f"{prefix}cursor", "at"))
        after = cursor.decode() if cursor else "0-0"
        while rows := self._read_range(index, f"({after}", "+", STEP):
            for raw, fields in rows:
                after = raw.decode()
                yield after, fields, "waiting"

    def _iter_listed(
        self, index: int, state: WaitingState
    ) -> Iterator[tuple[str, dict[bytes, bytes], WaitingState]]:
        key = f"{keys.partition(index)}{state}"
        entries: Any = self._store.run(lambda client: client.zrange(key, 0, MOST_WAITING))
        for raw in entries:
            entry = raw.decode()
            for _, fields in self._read_range(index, entry, entry, 1):
                yield entry, fields, state

    def _read_one(self, index: int, entry: str) -> dict[bytes, bytes]:
        """Return a delivery, or what is left of it once a customer was erased; {} for neither."""
        for _, fields in self._read_range(index, entry, entry, 1):
            return dict(fields)
        copy: Any = self._store.run(lambda client: client.hgetall(redacted_key(index, entry)))
        return dict(copy)

    def _read_range(self, index: int, first: str, last: str, most: int) -> Any:
        name = f"{keys.partition(index)}inbox"
        return self._store.run(lambda client: client.xrange(name, first, last, count=most))


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _to_kept_event(delivery: Delivery, item: int, event: Event | None) -> KeptEvent:
    return KeptEvent(
        delivery.id, item, "", delivery.origin, delivery.secret, event, delivery.account
    )
