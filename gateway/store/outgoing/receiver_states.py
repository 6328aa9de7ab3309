"""States of receivers: what waits for each of them, and how it is.

May raise StoreUnavailableError.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.accounts.receivers import is_unnamed
from gateway.accounts.rulebooks import RulesInForce
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.outgoing.forwards import FAILURES_IN_A_ROW
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import read_each


@dataclass(frozen=True, slots=True)
class ReceiverState:
    """What one number has for one receiver."""

    number: str
    receiver: str
    waiting: int = 0
    oldest_at: datetime | None = None  # since when the first of them waits
    size: int = 0  # what they take in the store, in bytes
    dead: int = 0  # dead letters
    delivered: int = 0  # since the beginning
    failures: int = 0  # in a row
    down_since: datetime | None = None
    rests_until: datetime | None = None
    paused_at: datetime | None = None
    is_unnamed: bool = False  # the rules do not name it; false where nobody has looked

    @property
    def condition(self) -> str:
        """Say in a word how it is."""
        if self.is_unnamed:
            return "unnamed"
        if self.paused_at:
            return "paused"
        if self.is_down:
            return "down"
        return "failing" if self.failures else "well"

    @property
    def is_down(self) -> bool:
        """Say whether it took nothing of late, and nobody has paused it."""
        return not self.paused_at and self.failures >= FAILURES_IN_A_ROW


def read_receiver_states(store: Store, numbers: Iterable[str]) -> list[ReceiverState]:
    """Return the state of each receiver that these numbers have or had something for.

    One whose keys are damaged is left out, and hides no other.
    """
    names = list(numbers)
    listed = read_each(store, [("ZRANGE", f"{keys.number(name)}forwards", 0, -1) for name in names])
    pairs = [
        (name, receiver.decode())
        for name, receivers in zip(names, listed, strict=True)
        for receiver in receivers or ()
    ]
    replies = read_each(store, [one for pair in pairs for one in _commands(*pair)])
    groups = [replies[4 * i : 4 * i + 4] for i in range(len(pairs))]
    return [
        _parse(*pair, group) for pair, group in zip(pairs, groups, strict=True) if None not in group
    ]


def mark_unnamed(states: Iterable[ReceiverState], rules: RulesInForce) -> list[ReceiverState]:
    """Return states that say whether the rules name the receiver."""
    return [replace(one, is_unnamed=is_unnamed(rules, one.number, one.receiver)) for one in states]


def with_waiting(store: Store, number: str, receivers: Sequence[str]) -> list[str]:
    """Return those of some receivers for which something of a number waits."""
    queues = (f"{keys.number(number)}forwards:{one}:waiting" for one in receivers)
    counts = read_each(store, [("ZCARD", queue) for queue in queues])
    return [one for one, count in zip(receivers, counts, strict=True) if count]


def read_sizes(store: Store, numbers: Iterable[str], receiver: str) -> list[int]:
    """Return what waits of each number for a receiver, in bytes."""
    queues = (f"{keys.number(one)}forwards:{receiver}" for one in numbers)
    sizes = read_each(store, [("HGET", queue, "size") for queue in queues])
    return [int(size or 0) for size in sizes]


def _commands(number: str, receiver: str) -> Sequence[Sequence[Any]]:
    queue = f"{keys.number(number)}forwards:{receiver}"
    return (
        ("HGETALL", queue),
        ("ZCARD", f"{queue}:waiting"),
        ("ZRANGE", f"{queue}:waiting", 0, 0, "WITHSCORES"),
        ("ZCARD", f"{queue}:dead"),
    )


def _parse(number: str, receiver: str, replies: Sequence[Any]) -> ReceiverState:
    row, waiting, oldest, dead = replies
    return ReceiverState(
        number=number,
        receiver=receiver,
        waiting=waiting,
        oldest_at=_moment(oldest[0][1]) if oldest else None,
        size=int(row.get(b"size", 0)),
        dead=dead,
        delivered=int(row.get(b"delivered", 0)),
        failures=int(row.get(b"failures", 0)),
        down_since=_moment(row.get(b"down_since")),
        rests_until=_moment(row.get(b"open_until")),
        paused_at=_moment(row.get(b"paused")),
    )


def _moment(at_ms: Any) -> datetime | None:
    return datetime_from_ms(int(float(at_ms))) if at_ms else None


def describe_condition(state: ReceiverState) -> str:
    """Return in words how a receiver is."""
    return "not in the rules" if state.is_unnamed else state.condition


def state_to_dict(state: ReceiverState) -> Mapping[str, Any]:
    """Return a state in JSON form."""
    return {
        "receiver": state.receiver,
        "number": state.number,
        "condition": state.condition,
        "waiting": state.waiting,
        "oldest_at": state.oldest_at,
        "bytes": state.size,
        "dead_letters": state.dead,
        "delivered": state.delivered,
        "failures": state.failures,
        "down_since": state.down_since,
        "rests_until": state.rests_until,
        "paused_at": state.paused_at,
    }
