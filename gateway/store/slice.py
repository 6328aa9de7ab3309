"""What one worker holds for a while: leased partitions, read in order, passed and given back."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from gateway.core.aside import Obstacle
from gateway.core.events import Delivery
from gateway.store import keys
from gateway.store.body import Bodies, UnknownRecordError
from gateway.store.client import Call, Store
from gateway.store.partitions import partition_of_place

LEASE_MS = 5_000
MOST_DELIVERIES = 64
MOST_BYTES = 512 * 1024
RELEASE = 4  # where among the arguments of the script it is said that the lease is given back
# A delivery that cannot be committed for a reason that is not its own is tried again after these.
PAUSES_MS = (1_000, 5_000, 30_000, 120_000, 300_000)
Late = Mapping[str, Obstacle]  # deliveries that cannot be committed now, and why
NONE_LATE: Late = MappingProxyType({})


@dataclass(slots=True)
class Batch:
    """The deliveries in hand, of all partitions that are held, and what could not be opened."""

    deliveries: list[Delivery]
    unopened: dict[str, str]  # delivery id -> why
    full: bool
    careful: set[str] = field(default_factory=set)  # deliveries that may kill whoever touches them

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to do."""
        return not self.deliveries and not self.unopened


EMPTY = Batch([], {}, full=False)


@dataclass(slots=True)
class _Held:
    """One leased partition, the entries read from it, and those among them set aside before."""

    index: int
    fence: int
    entries: list[str] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=dict)


class Slice:
    """What one worker holds for one slice of time."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Hold nothing yet."""
        self._store = store
        self._bodies = bodies
        self._holder = secrets.token_hex(8)
        self._held: dict[int, _Held] = {}
        self.shared = False

    def next(self, aside: Late = NONE_LATE) -> Batch:
        """Pass the batch in hand, and read the next one from every partition that has something.

        What is set `aside` cannot be committed now. A partition whose lease was lost is not passed:
        its new holder finds what was committed known.
        """
        asked = {i: self._passed(held, aside) for i, held in self._held.items()}
        if not self.shared:
            asked |= {i: self._args(0) for i in range(keys.PARTITIONS) if i not in asked}
        return self._read(asked)

    def share(self, batch: Batch) -> Batch:
        """Give back every second partition, unread, so that a worker that was called finds work."""
        self.shared = True
        given = list(self._held)[1::2]
        self._release({i: self._unread(self._held[i]) for i in given})
        mine = [one for one in batch.deliveries if partition_of_place(one.id) not in given]
        unopened = {k: v for k, v in batch.unopened.items() if partition_of_place(k) not in given}
        return Batch(mine, unopened, full=batch.full, careful=batch.careful)

    def close(self, aside: Late = NONE_LATE) -> None:
        """Pass the batch in hand, and give everything back."""
        self._release({i: self._passed(held, aside) for i, held in self._held.items()})

    def abandon(self) -> None:
        """Give everything back unpassed; it is read again by whoever comes next."""
        self._release({i: self._unread(held) for i, held in self._held.items()})

    def _args(self, fence: int) -> list[object]:
        return [self._holder, LEASE_MS, MOST_DELIVERIES, MOST_BYTES, 0, fence]

    def _unread(self, held: _Held) -> list[object]:
        return [*self._args(held.fence), "", 0, 0]

    def _passed(self, held: _Held, late: Late) -> list[object]:
        """Build the arguments that pass what was read; what is late is set aside."""
        new = [entry for entry in held.entries if entry not in held.tries]
        pauses: list[object] = []
        back = []
        for entry in held.entries:
            if obstacle := late.get(f"{held.index}:{entry}"):
                tries = held.tries.get(entry, 0)
                pause_ms = PAUSES_MS[min(tries, len(PAUSES_MS) - 1)]
                pauses += [entry, pause_ms, obstacle.packed()]
            elif entry in held.tries:
                back.append(entry)
        cursor = new[-1] if new else ""
        return [*self._args(held.fence), cursor, len(new), len(pauses) // 3, *pauses, *back]

    def _read(self, asked: dict[int, list[object]]) -> Batch:
        calls = [Call("next", keys.partition(i), args) for i, args in asked.items()]
        batch = Batch([], {}, full=False)
        failed: Exception | None = None
        for i, reply in zip(asked, self._store.call_many(calls), strict=True):
            if isinstance(reply, Exception):
                failed = reply
                continue
            self._held.pop(i, None)
            if reply is not None:
                self._held[i] = self._hold(i, reply, batch)
        if failed:  # only now, so that every lease that was given is known and given back
            raise failed
        return batch

    def _hold(self, index: int, reply: list[object], batch: Batch) -> _Held:
        fence, entries, careful = reply
        assert isinstance(fence, int) and isinstance(entries, list)  # noqa: S101, PT018
        held = _Held(index, fence)
        for raw_id, header, record, tries in entries:
            entry = raw_id.decode()
            held.entries.append(entry)
            # Nobody's death over what was aside is told by the cursor, so care is taken each time.
            batch.careful |= {f"{index}:{entry}"} if careful or tries else set()
            if tries:
                held.tries[entry] = tries
            try:
                batch.deliveries.append(self._delivery(f"{index}:{entry}", header, record))
            except UnknownRecordError as error:
                batch.unopened[f"{index}:{entry}"] = str(error)
        batch.full = batch.full or len(entries) >= MOST_DELIVERIES
        return held

    def _delivery(self, place: str, header: bytes, record: bytes) -> Delivery:
        origin, secret, account = header.decode().split("|", 2)
        received = int(place.partition(":")[2].partition("-")[0])
        return Delivery(
            id=place,
            received_at=datetime.fromtimestamp(received / 1000, UTC),
            body=self._bodies.open(record),
            account=account,
            secret=secret,
            origin=origin,
        )

    def _release(self, asked: dict[int, list[object]]) -> None:
        for i, args in asked.items():
            args[RELEASE] = 1
            del self._held[i]
        calls = [Call("next", keys.partition(i), args) for i, args in asked.items()]
        self._store.call_many(calls)
