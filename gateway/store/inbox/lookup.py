"""The inbox as a trace sees it: deliveries read where they stand, and nothing taken."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson

from gateway.core.event_keys import digest
from gateway.core.events import Delivery, Event
from gateway.core.sending.dead_letter import moment
from gateway.core.storage.event_places import unpack
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_encryption import Bodies, UnknownRecordError
from gateway.store.redis.client import Store

# How much of what waits in one partition is looked through, and in which steps.
MOST_WAITING = 2_000
STEP = 50
State = Literal["waiting", "aside", "given_up"]
GONE = "its delivery is no longer in the inbox"


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """Where an event was kept; `problem` says why its delivery tells no more than that."""

    delivery: str
    item: int
    problem: str = ""
    origin: str = ""
    secret: str = ""  # which of the active app secrets signed it
    event: Event | None = field(default=None, repr=False)

    @property
    def partition(self) -> int:
        """Return the partition of the inbox."""
        return int(self.delivery.partition(":")[0])

    @property
    def at(self) -> datetime:
        """Return when it was kept, by the server's clock."""
        return moment(self.delivery.partition(":")[2].partition("-")[0])


@dataclass(frozen=True, slots=True)
class WaitingDeliveries:
    """Events that were found among what waits, and what could not be looked through."""

    kept: tuple[KeptEvent, ...] = ()
    states: Mapping[str, State] = field(default_factory=dict)  # by delivery
    unopened: int = 0
    cut: bool = False


def known(store: Store, number: str, event_keys: Sequence[str]) -> list[str]:
    """Return where each event stands, "<delivery>/<item>", "" for one that is not known."""
    if not event_keys:
        return []
    digests = [digest(key) for key in event_keys]
    _, _, places = store.call("load", keys.number(number), 0, *digests)
    return [unpack(place) if place else "" for place in places]


@dataclass(frozen=True, slots=True)
class Inside:
    """What a delivery holds, as far as this process can open it."""

    problem: str = ""
    kinds: Mapping[str, int] = field(default_factory=dict)  # how many events of each
    body: Any = field(default=None, repr=False)


class TracedInbox:
    """Reads deliveries of all partitions."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies

    def kept(self, place: str) -> KeptEvent:
        """Return what is left of where an event was known to stand, "<delivery>/<item>"."""
        delivery, _, item = place.rpartition("/")
        index, _, entry = delivery.partition(":")
        found = self._range(int(index), entry, entry, 1)
        if not found:
            return KeptEvent(delivery, int(item), GONE)
        try:
            opened = self._delivery(delivery, found[0][1])
        except UnknownRecordError as error:
            return KeptEvent(delivery, int(item), f"its delivery cannot be opened here: {error}")
        # Another release may have split it otherwise.
        event = next((one for one in split(opened) if one.item == int(item)), None)
        return KeptEvent(opened.id, int(item), "", opened.origin, opened.secret, event)

    def inside(self, delivery: str) -> Inside:
        """Return what a delivery holds."""
        index, _, entry = delivery.partition(":")
        found = self._range(int(index), entry, entry, 1)
        if not found:
            return Inside(GONE)
        try:
            opened = self._delivery(delivery, found[0][1])
        except UnknownRecordError as error:
            return Inside(f"this process cannot open it: {error}")
        kinds = Counter(event.kind for event in split(opened))
        return Inside("", kinds, _parsed(opened.body))

    def body(self, delivery: str) -> bytes:
        """Return the body of a delivery, b"" where it is gone or cannot be opened here."""
        index, _, entry = delivery.partition(":")
        found = self._range(int(index), entry, entry, 1)
        try:
            return self._delivery(delivery, found[0][1]).body if found else b""
        except UnknownRecordError:
            return b""

    def waiting(self, wanted: Callable[[Event], bool]) -> WaitingDeliveries:
        """Look through what is not committed, up to MOST_WAITING deliveries a partition."""
        found: list[KeptEvent] = []
        states: dict[str, State] = {}
        unopened = 0
        cut = False
        for index in range(keys.PARTITIONS):
            for looked, (entry, fields, state) in enumerate(self._entries(index)):
                if cut := cut or looked >= MOST_WAITING:
                    break
                kept = self._opened(f"{index}:{entry}", fields, wanted)
                unopened += kept is None
                states[f"{index}:{entry}"] = state
                found += kept or []
        return WaitingDeliveries(tuple(found), states, unopened, cut)

    def newest(self, index: int) -> str:
        """Return the last entry of a partition, "0-0" where there is none."""
        name = f"{keys.partition(index)}inbox"
        found: Any = self._store.run(lambda client: client.xrevrange(name, count=1))
        return found[0][0].decode() if found else "0-0"

    def after(self, index: int, entry: str) -> list[tuple[str, list[KeptEvent]]]:
        """Return up to STEP deliveries after an entry, each with its events, none if unopened."""
        found = [
            (raw.decode(), fields) for raw, fields in self._range(index, f"({entry}", "+", STEP)
        ]
        return [
            (e, self._opened(f"{index}:{e}", fields, lambda _: True) or []) for e, fields in found
        ]

    def _opened(
        self, delivery: str, fields: dict[bytes, bytes], wanted: Callable[[Event], bool]
    ) -> list[KeptEvent] | None:
        try:
            opened = self._delivery(delivery, fields)
        except UnknownRecordError:
            return None
        return [_kept(opened, event) for event in split(opened) if wanted(event)]

    def _delivery(self, place: str, fields: dict[bytes, bytes]) -> Delivery:
        origin, secret, account = fields[b"h"].decode().split("|", 2)
        at = moment(place.partition(":")[2].partition("-")[0])
        return Delivery(place, at, self._bodies.open(fields[b"b"]), account, secret, origin)

    def _entries(self, index: int) -> Iterator[tuple[str, dict[bytes, bytes], State]]:
        """Give what is set aside, what was given up, then what stands after the cursor."""
        yield from self._listed(index, "aside")
        yield from self._listed(index, "given_up")
        prefix = keys.partition(index)
        cursor: Any = self._store.run(lambda client: client.hget(f"{prefix}cursor", "at"))
        after = cursor.decode() if cursor else "0-0"
        while found := self._range(index, f"({after}", "+", STEP):
            for raw, fields in found:
                after = raw.decode()
                yield after, fields, "waiting"

    def _listed(self, index: int, state: State) -> Iterator[tuple[str, dict[bytes, bytes], State]]:
        key = f"{keys.partition(index)}{state}"
        listed: Any = self._store.run(lambda client: client.zrange(key, 0, MOST_WAITING))
        for raw in listed:
            entry = raw.decode()
            for _, fields in self._range(index, entry, entry, 1):
                yield entry, fields, state

    def _range(self, index: int, first: str, last: str, most: int) -> Any:
        name = f"{keys.partition(index)}inbox"
        return self._store.run(lambda client: client.xrange(name, first, last, count=most))


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode(errors="replace")


def _kept(delivery: Delivery, event: Event) -> KeptEvent:
    return KeptEvent(delivery.id, event.item, "", delivery.origin, delivery.secret, event)
