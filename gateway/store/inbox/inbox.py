"""The inbox as workers see it: its partitions, how each stands, and what goes into them again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.core.text import sanitize
from gateway.store import keys
from gateway.store.body_encryption import Bodies
from gateway.store.coordination.wakeups import clear_wakeup
from gateway.store.inbox.lease import LEASE_MS, LeasedPartitions
from gateway.store.inbox.lease_renewal import LeaseRenewal
from gateway.store.inbox.leased_partition import HeldDelivery
from gateway.store.inbox.partitions import partition_of
from gateway.store.redis.client import Call, ScriptError, Store, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class PartitionState:
    """How one partition stands."""

    index: int
    now_ms: int
    cursor: str
    is_leased: bool
    oldest_ms: int  # 0 where nothing waits after the cursor
    waiting: int
    deferred: int
    is_deferred_due: bool
    kept: int
    given_up: int  # deliveries that a person let go without their effect
    damaged: str = ""  # why none of this can be read

    @property
    def passed(self) -> int:
        """Return how many deliveries the cursor ever passed."""
        return self.kept - (self.waiting - self.deferred)

    @property
    def oldest_s(self) -> float:
        """Return for how long the oldest has waited, 0 where nothing waits after the cursor."""
        return (self.now_ms - self.oldest_ms) / 1000 if self.oldest_ms else 0.0

    @property
    def has_work(self) -> bool:
        """Say whether a worker would find something."""
        return bool(self.oldest_ms) or self.is_deferred_due


class Inbox:
    """The partitions of one store."""

    def __init__(
        self, store: Store, bodies: Bodies, process: str = "", *, lease_ms: int = LEASE_MS
    ) -> None:
        """Take the store, how bodies are opened, and the name under which a parent knows us."""
        self._store = store
        self._bodies = bodies
        self._process = process
        self._lease_ms = lease_ms
        self._renewal = LeaseRenewal(lease_ms / 3000)
        self._was_careful = False
        self._begun: dict[str, HeldDelivery] = {}

    @contextmanager
    def lease(self) -> Iterator[LeasedPartitions]:
        """Hold partitions for a while, and give every lease back, also where something raised.

        Leases are renewed from a thread meanwhile. A process that is ended, as by the hard time
        limit, which asks before it kills, gives none back: its parent reports that it died over
        what it had in hand. What needs care takes turns with everything else.
        """
        leases = LeasedPartitions(
            self._store,
            self._bodies,
            self._process,
            lease_ms=self._lease_ms,
            avoids_care=self._was_careful,
            begun=self._begun,
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
        """Tell how each partition stands, in one round trip; a damaged one hides no other.

        Raises StoreUnavailableError, or ScriptError where all of them are damaged.
        """
        calls = [Call("inspect", keys.partition(i), ()) for i in range(keys.PARTITIONS)]
        replies = self._store.call_many(calls)
        whole = [one for one in replies if not isinstance(one, ScriptError)] or replies
        now_ms = _unwrap_reply(whole[0])[0]
        return [parse_partition_state(i, reply, now_ms) for i, reply in enumerate(replies)]

    def report_death(self, process: str) -> bool:
        """Say that a process has ended; what it held is free at once, and taken with care.

        It does no harm of one that had given everything back. Returns whether it had not. Raises
        StoreUnavailableError.
        """
        calls = [
            Call("report_death", keys.partition(i), (process,)) for i in range(keys.PARTITIONS)
        ]
        return any(_unwrap_reply(reply) for reply in self._store.call_many(calls))

    def append_internal(self, body: bytes) -> None:
        """Append something of our own, which comes back as an event."""
        self._append("internal||", [body])

    def replay(self, bodies: Sequence[bytes]) -> None:
        """Append what a person replays, in its order; what is known of it stays without effect.

        That it is a replay is said by its origin here, which no request can name. Raises
        StoreUnavailableError, and then any part of it may have been appended.
        """
        self._append("replay||", bodies)

    def _append(self, header: str, bodies: Sequence[bytes]) -> None:
        args: dict[int, list[Any]] = {}
        for body in bodies:
            args.setdefault(partition_of(body), []).extend((header, self._bodies.pack(body)))
        calls = [Call("keep", keys.partition(index), given) for index, given in args.items()]
        for reply in self._store.call_many(calls):
            _unwrap_reply(reply)

    def clear_bell(self) -> None:
        """Let the next delivery ring again; done before looking, so that none goes unheard."""
        clear_wakeup(self._store, keys.INBOX_BELL)

    def set_bell(self) -> bool:
        """Mark a bell as on its way; false where one is already."""
        return self._store.mark(keys.INBOX_BELL, keys.BELL_MS)

    def shorten_bell(self, lives_ms: int) -> None:
        """Let the mark of a bell that nobody took be over sooner."""
        self._store.run(lambda client: client.pexpire(keys.INBOX_BELL, lives_ms))


def parse_partition_state(index: int, reply: object, now_ms: int) -> PartitionState:
    """Return what `inspect` says of a partition, or its error."""
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
