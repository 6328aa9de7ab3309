"""Inbox of the workers: its partitions, the state of each, and what is put back into them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.core.text import sanitize
from gateway.store import keys
from gateway.store.body_codec import CHECKED, NEWER, Bodies
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.inbox.lease import LEASE_MS, LeasedPartitions
from gateway.store.inbox.lease_renewal import LeaseRenewal
from gateway.store.inbox.leased_partition import HeldDelivery
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.status_room import StatusRoom
from gateway.store.redis.client import Call, ScriptError, Store, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class PartitionState:
    """State of one partition."""

    index: int
    now_ms: int
    cursor: str
    is_leased: bool
    oldest_ms: int  # 0 where nothing waits after the cursor
    waiting: int
    deferred: int
    is_deferred_due: bool
    kept: int
    given_up: int  # deliveries that an operator let go without their effect
    damaged: str = ""  # why the partition cannot be read

    @property
    def passed(self) -> int:
        """Return how many deliveries the cursor has passed in all."""
        return self.kept - (self.waiting - self.deferred)

    @property
    def oldest_s(self) -> float:
        """Return the age of the oldest waiting delivery, 0 where none waits after the cursor."""
        return (self.now_ms - self.oldest_ms) / 1000 if self.oldest_ms else 0.0

    @property
    def has_work(self) -> bool:
        """Return whether a worker would find work."""
        return bool(self.oldest_ms) or self.is_deferred_due


class Inbox:
    """The partitions of one store."""

    def __init__(
        self, store: Store, bodies: Bodies, process: str = "", *, lease_ms: int = LEASE_MS
    ) -> None:
        """Take the store, how bodies are opened, and the process name that the parent knows."""
        self._store = store
        self._bodies = bodies
        self._process = process
        self._lease_ms = lease_ms
        self._renewal = LeaseRenewal(lease_ms / 3000)
        self._was_careful = False
        self._status_room = StatusRoom()
        self._begun: dict[str, HeldDelivery] = {}

    @contextmanager
    def lease(self) -> Iterator[LeasedPartitions]:
        """Lease partitions for a time slice, and release them at the end, even after an error.

        A thread renews the leases meanwhile. A process that is killed, as by the hard time limit,
        which asks before it kills, releases none: its parent reports its death over what it had in
        hand. Partitions that need care take turns with all others.
        """
        leases = LeasedPartitions(
            self._store,
            self._bodies,
            self._process,
            lease_ms=self._lease_ms,
            avoids_care=self._was_careful,
            begun=self._begun,
            status_room=self._status_room,
        )
        self._renewal.follow(leases)
        try:
            yield leases
        except Exception:
            _release_leases(leases)
            raise
        finally:
            self._renewal.follow(None)
            self._was_careful = leases.took_care
        _release_leases(leases)
        self._begun = leases.unfinished

    def partition_states(self) -> list[PartitionState]:
        """Read the state of each partition, in one round trip; a damaged one hides no other.

        Raises StoreUnavailableError, or ScriptError where all of them are damaged.
        """
        calls = [Call("inspect", keys.partition(i), ()) for i in range(keys.PARTITIONS)]
        replies = self._store.call_many(calls)
        whole = [one for one in replies if not isinstance(one, ScriptError)] or replies
        now_ms = _unwrap_reply(whole[0])[0]
        return [parse_partition_state(i, reply, now_ms) for i, reply in enumerate(replies)]

    def report_death(self, process: str) -> bool:
        """Report that a process has ended; what it held is free at once, and taken with care.

        Harmless for a process that had released everything. Returns whether it had not. Raises
        StoreUnavailableError.
        """
        calls = [
            Call("report_death", keys.partition(i), (process,)) for i in range(keys.PARTITIONS)
        ]
        return any(_unwrap_reply(reply) for reply in self._store.call_many(calls))

    def append_internal(self, body: bytes) -> None:
        """Append an internal delivery, which comes back as an event."""
        self._append("internal||", [body])

    def append_answer(self, body: bytes) -> None:
        """Append the answer of a service; a release that knows no answers leaves it to a newer one.

        There it cannot be opened, so it is deferred, and tried again until a worker can.
        """
        self.append_answers([body])

    def append_answers(self, bodies: Sequence[bytes]) -> None:
        """Append answers of services or receivers; any part of them where it raises."""
        self._append("internal||", bodies, NEWER)

    def replay(self, bodies: Sequence[bytes]) -> None:
        """Append deliveries that an operator replays, in order; known events have no effect again.

        Their origin marks them as a replay; no request can set it. Raises StoreUnavailableError;
        then any part of them may have been appended.
        """
        self._append("replay||", bodies)

    def _append(self, header: str, bodies: Sequence[bytes], kind: bytes = CHECKED) -> None:
        args: dict[int, list[Any]] = {}
        for body in bodies:
            args.setdefault(partition_of(body), []).extend((header, self._bodies.pack(body, kind)))
        calls = [Call("keep", keys.partition(index), given) for index, given in args.items()]
        for reply in self._store.call_many(calls):
            _unwrap_reply(reply)

    def clear_bell(self) -> None:
        """Let the next delivery ring; called before looking for work, so that none is missed."""
        clear_wakeup(self._store, keys.INBOX_BELL)

    def set_bell(self) -> bool:
        """Mark a wake-up as on its way; false where one is already."""
        return self._store.mark(keys.INBOX_BELL, keys.BELL_MS)

    def shorten_bell(self, lives_ms: int) -> None:
        """Shorten the mark of a wake-up that no worker received."""
        self._store.run(lambda client: client.pexpire(keys.INBOX_BELL, lives_ms))


def parse_partition_state(index: int, reply: object, now_ms: int) -> PartitionState:
    """Return the state that `inspect` replied for a partition, or its error."""
    if isinstance(reply, ScriptError):
        nothing = PartitionState(index, now_ms, "", False, 0, 0, 0, False, 0, 0)
        return replace(nothing, damaged=sanitize(str(reply)))
    now, cursor, leased, oldest, kept, passed, deferred, deferred_due, given_up = _unwrap_reply(
        reply
    )
    return PartitionState(
        index=index,
        now_ms=now,
        cursor=cursor.decode(),
        is_leased=leased == b"1",
        oldest_ms=int(oldest),
        waiting=int(kept) - int(passed) + deferred,
        deferred=deferred,
        is_deferred_due=deferred_due == b"1",
        kept=int(kept),
        given_up=int(given_up),
    )


def _unwrap_reply(reply: Any) -> Any:
    if isinstance(reply, Exception):
        raise reply
    return reply


def _release_leases(leases: LeasedPartitions) -> None:
    with suppress(StoreUnavailableError):  # the leases run out by themselves
        leases.abandon()
