"""The inbox as workers see it: its partitions, how each stands, and what goes into them again."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from gateway.store import keys
from gateway.store.body import Bodies
from gateway.store.client import Call, Store, StoreUnavailableError
from gateway.store.partitions import partition_of, partition_of_place
from gateway.store.slice import Slice
from gateway.store.upkeep import heard


@dataclass(frozen=True, slots=True)
class Standing:
    """How one partition stands."""

    index: int
    now_ms: int
    cursor: str
    leased: bool
    oldest_ms: int  # 0 where nothing waits after the cursor
    waiting: int
    aside: int
    aside_due: bool
    kept: int
    given_up: int  # deliveries that a person let go without their effect

    @property
    def passed(self) -> int:
        """Return how many deliveries the cursor ever passed."""
        return self.kept - (self.waiting - self.aside)

    @property
    def has_work(self) -> bool:
        """Say whether a worker would find something."""
        return bool(self.oldest_ms) or self.aside_due


class Inbox:
    """The partitions of one store."""

    def __init__(self, store: Store, bodies: Bodies) -> None:
        """Take the store and how bodies are opened."""
        self._store = store
        self._bodies = bodies

    @contextmanager
    def slice(self) -> Iterator[Slice]:
        """Hold partitions for a while, and give every lease back, also where something raised.

        A process that is ended, as by the hard time limit, which asks before it kills, gives none
        back: it dies over what it has in hand, and only a lease that runs out tells that.
        """
        held = Slice(self._store, self._bodies)
        try:
            yield held
        except Exception:
            _give_back(held)
            raise
        _give_back(held)

    def look(self) -> list[Standing]:
        """Tell how each partition stands, in one round trip."""
        calls = [Call("look", keys.partition(i), ()) for i in range(keys.PARTITIONS)]
        return [_standing(i, reply) for i, reply in enumerate(self._store.call_many(calls))]

    def suspect(self, place: str, harmless: str = "") -> int:
        """Write down what is in hand before it is touched; return how often it was.

        `place` is a delivery's id, with an item's number behind it or without; `harmless` is what
        was in hand before and is done with.
        """
        prefix = keys.partition(partition_of_place(place))
        return int(self._store.call("suspect", prefix, place, harmless))

    def put_back(self, body: bytes) -> None:
        """Append something of our own, which comes back as an event."""
        self._keep("internal||", [body])

    def replay(self, bodies: Sequence[bytes]) -> None:
        """Append what a person replays, in its order; what is known of it stays without effect.

        That it is a replay is said by its origin here, which no request can name. Raises
        StoreUnavailableError, and then any part of it may have been appended.
        """
        self._keep("replay||", bodies)

    def _keep(self, header: str, bodies: Sequence[bytes]) -> None:
        args: dict[int, list[Any]] = {}
        for body in bodies:
            args.setdefault(partition_of(body), []).extend((header, self._bodies.pack(body)))
        calls = [Call("keep", keys.partition(index), given) for index, given in args.items()]
        for reply in self._store.call_many(calls):
            if isinstance(reply, Exception):
                raise reply

    def clear_bell(self) -> None:
        """Let the next delivery ring again; done before looking, so that none goes unheard."""
        heard(self._store, keys.INBOX_BELL)

    def set_bell(self) -> bool:
        """Mark a bell as on its way; false where one is already."""
        return self._store.mark(keys.INBOX_BELL, keys.BELL_MS)


def _standing(index: int, reply: object) -> Standing:
    if isinstance(reply, Exception):
        raise reply
    assert isinstance(reply, list)  # noqa: S101
    now, cursor, leased, oldest, kept, passed, aside, due, given_up = reply
    return Standing(
        index=index,
        now_ms=now,
        cursor=cursor.decode(),
        leased=leased == b"1",
        oldest_ms=int(oldest),
        waiting=int(kept) - int(passed) + aside,
        aside=aside,
        aside_due=due == b"1",
        kept=int(kept),
        given_up=int(given_up),
    )


def _give_back(held: Slice) -> None:
    with suppress(StoreUnavailableError):  # the leases run out by themselves
        held.abandon()
