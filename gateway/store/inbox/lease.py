"""Leased partitions of one worker: read in order, passed, and released after a time slice."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from types import MappingProxyType
from typing import Any

from gateway.core.events import Delivery, Event
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.leased_partition import (
    MANY_DELIVERIES,
    NONE_DEFERRED,
    UNCHANGED,
    Deferred,
    HeldDelivery,
    HeldPartition,
    fill_batch,
)
from gateway.store.inbox.partitions import holds_messages
from gateway.store.inbox.status_room import MOST_EVENTS, StatusRoom
from gateway.store.redis.client import Call, ScriptError, Store, StoreUnavailableError

LEASE_MS = 5_000
MOST_DELIVERIES = MANY_DELIVERIES
MOST_BYTES = 512 * 1024
# This many workers die over a delivery, or one event of it, after it is taken with care.
MOST_DEATHS = 2
# Positions, in the arguments of `take`, of how much to read and whether to release the lease.
READ, RELEASE = 2, 4
NONE_BEGUN: Mapping[str, HeldDelivery] = MappingProxyType({})
NOT_PASSED = ("", 0, *UNCHANGED, 0, 0)


@dataclass(slots=True)
class Batch:
    """The events in hand of all leased partitions, and the deliveries that could not be opened."""

    events: list[Event] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)  # the deliveries of these events
    open_errors: dict[str, str] = field(default_factory=dict)  # delivery id -> why
    is_shared: bool = False  # half was released, since much waits: call another worker
    # A worker died over one of the events, which are all of one delivery, or over that delivery.
    is_careful: bool = False
    deadly_delivery: str = ""  # id of a delivery that kills the worker that opens it

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to do."""
        return not self.events and not self.open_errors and not self.deadly_delivery


class LeasedPartitions:
    """Partitions that a worker holds for a time slice; one thread uses it, except for `renew`."""

    def __init__(
        self,
        store: Store,
        bodies: Bodies,
        process: str = "",
        *,
        lease_ms: int = LEASE_MS,
        avoids_care: bool = False,
        begun: Mapping[str, HeldDelivery] = NONE_BEGUN,
        status_room: StatusRoom | None = None,
    ) -> None:
        """Start without partitions.

        `avoids_care` leaves deliveries that may kill for later, if others wait; `begun` holds those
        that the slice before read and did not finish, which need not be read again; `status_room`
        remembers the batches of this process before.
        """
        self._store = store
        self._bodies = bodies
        self._holder = f"{process}/{secrets.token_hex(8)}"
        self._lease_ms = lease_ms
        self._avoids_care = avoids_care
        self._first_status_partition = secrets.randbelow(keys.STATUS_PARTITIONS)
        self._held: dict[int, HeldPartition] = {}
        self._begun = begun
        self._status_room = status_room or StatusRoom()
        self.unfinished: dict[str, HeldDelivery] = {}
        self.damaged: dict[int, str] = {}  # partitions that are left out, and why
        self._shared: set[int] = set()  # partitions that were given back for another worker
        self.took_care = False

    @property
    def is_shared(self) -> bool:
        """Return whether partitions were given back for another worker."""
        return bool(self._shared)

    @property
    def is_careful(self) -> bool:
        """Return whether the one partition held is one in which a worker died."""
        return any(held.is_careful for held in self._held.values())

    def next_batch(self, deferred: Deferred = NONE_DEFERRED) -> Batch:
        """Pass the batch in hand, and return the next one of every partition that has work.

        Deliveries in `deferred` cannot be committed now, and are set aside. A partition whose lease
        was lost is not passed: its new holder finds that the committed events are known. Nor is one
        whose keys are damaged, which does not delay others. Of partitions in which much waits every
        second one is released, once, so that another worker finds work.
        """
        self._exchange({i: self._pass_args(held, deferred) for i, held in self._held.items()})
        if self._avoids_care and not self._held:
            self._avoids_care = False
            self._exchange({})
        shares = self._share()
        batch = self._build_batch()
        batch.is_shared = shares
        return batch

    def hold_in_hand(self, event: Event) -> int | None:
        """Record which event of a careful batch is touched next.

        Returns how many workers died over it, None where another worker holds the partition now.
        """
        index, _, entry = event.delivery.partition(":")
        held = self._held[int(index)]
        args = (self._holder, held.fence, self._lease_ms, f"{entry}/{event.item}")
        deaths = self._store.call("hold_in_hand", keys.partition(held.index), *args)
        return None if deaths is None else int(deaths)

    def keep_first(self, count: int) -> None:
        """Count only the first events of a careful batch as done; the others are not touched."""
        for held in self._held.values():
            for one in held.deliveries:
                one.batch_end = min(one.batch_end, one.done + count)

    def renew(self) -> None:
        """Extend the leases; called from another thread while the holder works."""
        held = list(self._held.values())
        self._store.call_many(
            [
                Call("renew", keys.partition(one.index), (self._holder, one.fence, self._lease_ms))
                for one in held
            ]
        )

    def close(self, deferred: Deferred = NONE_DEFERRED) -> None:
        """Pass the batch in hand, and release everything."""
        self._release({i: self._pass_args(held, deferred) for i, held in self._held.items()})

    def abandon(self) -> None:
        """Release everything unpassed; the next holder reads it again."""
        self._release({i: self._release_args(held) for i, held in self._held.items()})

    def _take_args(self, fence: int, most: int, *, release: bool = False) -> list[object]:
        takes = int(not self._avoids_care)
        return [self._holder, self._lease_ms, most, MOST_BYTES, int(release), fence, takes]

    def _release_args(self, held: HeldPartition) -> list[object]:
        return [*self._take_args(held.fence, 0, release=True), *NOT_PASSED]

    def _pass_args(self, held: HeldPartition, deferred: Deferred) -> list[object]:
        passed = held.pass_batch(deferred)
        most = 0 if held.deliveries else MOST_DELIVERIES
        return [*self._take_args(held.fence, most), *passed]

    def _exchange(self, args_by_partition: dict[int, list[object]]) -> None:
        """Pass what is done, and read where nothing is left or nothing was held."""
        take_args = [*self._take_args(0, MOST_DELIVERIES), *NOT_PASSED]
        free = self._find_takeable() - args_by_partition.keys() - self.damaged.keys()
        args_by_partition |= dict.fromkeys(sorted(free), take_args)
        away: StoreUnavailableError | None = None
        for i, reply in self._call_take(args_by_partition):
            if isinstance(reply, StoreUnavailableError):
                away = reply
            elif reply is None:
                self._held.pop(i, None)
            elif i not in self.damaged:
                self._hold(i, reply)
        if away:  # only now, so that every lease that was granted is known and released
            raise away
        damaged = sorted(self.damaged.keys() & self._held.keys())
        self._release({i: self._release_args(self._held[i]) for i in damaged})
        self._hold_careful_alone()

    def _find_takeable(self) -> set[int]:
        """Return the partitions that may be taken in this slice.

        Once much waits another worker is called for what was given back and for statuses; but a
        message waits for nobody.
        """
        if self.is_careful:
            return set()
        every = range(keys.PARTITIONS)
        if not self.is_shared:
            return set(every)
        return {i for i in every if holds_messages(i)} - self._shared

    def _hold(self, index: int, reply: Sequence[object]) -> None:
        fence, entries, is_careful, item, seal = reply
        assert isinstance(fence, int) and isinstance(entries, list)  # noqa: S101, PT018
        assert isinstance(item, int) and isinstance(seal, bytes)  # noqa: S101, PT018
        held = self._held.get(index)
        if held is None:
            held = self._held[index] = HeldPartition(index, fence)
        held.fence = fence
        if not entries:  # what was read before is not done yet
            from_aside = held.deliveries[0].tries > 0
            held.is_careful = held.is_careful and (bool(is_careful) or from_aside)
            return
        held.is_careful = bool(is_careful)
        for raw_id, header, record, tries, deaths in entries:
            delivery_id = f"{index}:{raw_id.decode()}"
            held.deliveries.append(HeldDelivery(delivery_id, header, record, tries, deaths))
        first = next((one for one in held.deliveries if one.tries == 0), None)
        if first:
            first.resume = (item, seal.decode())
        for one in held.deliveries:
            if one.id in self._begun and not held.is_careful:
                one.reuse_reading(self._begun[one.id])

    def _share(self) -> bool:
        full = [i for i, held in self._held.items() if held.is_full]
        if self.is_shared or self.is_careful or len(full) < 2:
            return False
        # No worker may come, and then the next slice must not keep the same ones again.
        self._shared = set(full[secrets.randbelow(2) :: 2])
        self._release({i: self._release_args(self._held[i]) for i in self._shared})
        return True

    def _hold_careful_alone(self) -> None:
        """Release all other partitions where a worker died in one."""
        careful = next((i for i, held in self._held.items() if held.is_careful), None)
        if careful is not None:
            self.took_care = True
            others = {i: self._release_args(held) for i, held in self._held.items() if i != careful}
            self._release(others)

    def _build_batch(self) -> Batch:
        batch = Batch(is_careful=self.is_careful)
        for held in self._held.values():
            if held.is_careful and held.deliveries[0].deaths >= MOST_DEATHS:
                batch.deadly_delivery = held.deliveries[0].id
                held.deliveries[0].give_up()
                return batch
        for one in self._mark_batch():
            if one.open_error:
                batch.open_errors[one.id] = one.open_error
            elif one.delivery:
                batch.deliveries.append(one.delivery)
                batch.events += (one.events or ())[one.done : one.batch_end]
        return batch

    def _mark_batch(self) -> list[HeldDelivery]:
        """Mark what the batch in hand holds: messages of all partitions, or statuses.

        A message never waits for another partition's, nor for many statuses. These are taken from
        one partition after another, so that few large deliveries are split for a batch; which is
        first is random.
        """
        messages = [held for i, held in self._held.items() if holds_messages(i)]
        statuses = [held for i, held in self._held.items() if not holds_messages(i)]
        statuses.sort(
            key=lambda held: (held.index + self._first_status_partition) % keys.STATUS_PARTITIONS
        )
        most = MOST_EVENTS - (self._status_room.promised if statuses else 0)
        marked = fill_batch(messages, most, ceil(most / max(1, len(messages))), self._bodies)
        in_hand = sum(held.in_hand for held in messages)
        room = min(MOST_EVENTS - in_hand, self._status_room.take(in_hand, time.monotonic()))
        marked |= fill_batch(statuses, room, room, self._bodies)
        return [one for i in self._held for one in marked[i]]

    def _release(self, args_by_partition: dict[int, list[object]]) -> None:
        for i, args in args_by_partition.items():
            args[READ], args[RELEASE] = 0, 1
            self.unfinished |= self._held.pop(i).unfinished
        self._call_take(args_by_partition)

    def _call_take(self, args_by_partition: dict[int, list[object]]) -> list[tuple[int, Any]]:
        calls = [Call("take", keys.partition(i), args) for i, args in args_by_partition.items()]
        replies = list(zip(args_by_partition, self._store.call_many(calls), strict=True))
        self.damaged |= {i: str(told) for i, told in replies if isinstance(told, ScriptError)}
        return replies
