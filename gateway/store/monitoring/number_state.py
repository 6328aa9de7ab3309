"""State of one of our numbers: the commands that read it, and the parsing of their replies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from redis.exceptions import RedisError

from gateway.core.sending.pauses import NumberPauses, parse_pauses
from gateway.core.sending.send import PRIORITIES
from gateway.core.text import sanitize
from gateway.store import keys
from gateway.store.monitoring.too_old import TooOldEvents, parse_too_old
from gateway.store.redis.client import ScriptError, translate_error

_COUNTED_SETS = ("dead", "unconfirmed", "due", "parked", "unreadable", "notifications", "calls")


@dataclass(frozen=True, slots=True)
class LaneFigures:
    """Lanes of one number and priority that hold sends."""

    ready: int = 0
    overdue_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NumberState:
    """One of our numbers."""

    number: str
    counts: Mapping[str, int]
    dead: int
    unconfirmed: int
    due: int
    parked: int  # until their customers write again, or Meta sends their template again
    pauses: NumberPauses
    lanes: Mapping[str, LaneFigures]  # by priority
    unreadable: int = 0  # how many of the dead letters
    damaged: str = ""  # why the number cannot be read
    too_old: TooOldEvents | None = None  # the present episode
    notifications: int = 0  # that wait to be received
    oldest_notification_s: float = 0.0  # since when the first of them was planned
    calls: int = 0  # of services, that wait for their answer
    oldest_call_s: float = 0.0

    @property
    def stages(self) -> dict[str, int]:
        """Return how many sends ever reached each stage."""
        return self._counts_with_prefix("sends.")

    @property
    def too_old_counts(self) -> dict[str, int]:
        """Return how many events were ever too old to be answered, by kind."""
        return self._counts_with_prefix("too_old.")

    @property
    def statuses(self) -> dict[str, int]:
        """Return how many statuses were odd, by kind of oddity."""
        return self._counts_with_prefix("statuses.")

    @property
    def notification_counts(self) -> dict[str, int]:
        """Return how many notifications were planned, and how many ended in each way."""
        return self._counts_with_prefix("notifications.")

    @property
    def call_counts(self) -> dict[str, int]:
        """Return how many calls of services were planned, and how many ended in each way."""
        return self._counts_with_prefix("calls.")

    def _counts_with_prefix(self, group: str) -> dict[str, int]:
        matching = sorted(one for one in self.counts.items() if one[0].startswith(group))
        return {name.removeprefix(group): count for name, count in matching}


def _number_commands(name: str) -> list[tuple[Any, ...]]:
    """Return the commands that read the state of a number, always the same count."""
    prefix = keys.number(name)
    commands: list[tuple[Any, ...]] = [
        ("TIME",),
        ("HGETALL", f"{prefix}count"),
        ("HGETALL", f"{prefix}stops"),
        ("HGETALL", f"{prefix}too_old"),
        *(("ZCARD", f"{prefix}{what}") for what in _COUNTED_SETS),
        ("ZRANGE", f"{prefix}notifications", 0, 0, "WITHSCORES"),
        ("ZRANGE", f"{prefix}calls", 0, 0, "WITHSCORES"),
    ]
    for priority in PRIORITIES:
        ready = f"{prefix}ready:{priority}"
        commands += [("ZCARD", ready), ("ZRANGE", ready, 0, 0, "WITHSCORES")]
    return commands


def queue_number_commands(pipe: Any, names: Iterable[str]) -> None:
    """Queue the commands of each number in a pipeline, of a thread or of an event loop."""
    for command in chain.from_iterable(map(_number_commands, names)):
        pipe.execute_command(*command)


def parse_numbers(names: Sequence[str], replies: Sequence[Any]) -> tuple[NumberState, ...]:
    """Return the states from the replies to each number's commands; a damaged one hides no other.

    An error takes the place of its command's reply. Raises StoreUnavailableError for some of them.
    """
    size = len(_number_commands(""))
    return tuple(
        _parse_number(name, replies[i * size : (i + 1) * size]) for i, name in enumerate(names)
    )


def parse_counts(raw: Mapping[bytes, bytes]) -> dict[str, int]:
    """Return counters as they are stored."""
    return {name.decode(): int(value) for name, value in raw.items()}


def _parse_number(name: str, replies: Sequence[Any]) -> NumberState:
    for command, one in zip(_number_commands(name), replies, strict=True):
        if isinstance(one, RedisError):
            return _damaged_number(name, command, translate_error(one))
    (seconds, _), counts, stops, too_old, *sizes = replies[: 4 + len(_COUNTED_SETS)]
    dead, unconfirmed, due, parked, unreadable, notifications, calls = sizes
    oldest, oldest_call, *lanes = replies[4 + len(_COUNTED_SETS) :]
    return NumberState(
        number=name,
        counts=parse_counts(counts),
        dead=dead,
        unconfirmed=unconfirmed,
        due=due,
        parked=parked,
        pauses=parse_pauses(stops),
        lanes={
            priority: _parse_lanes(seconds, *lanes[2 * i : 2 * i + 2])
            for i, priority in enumerate(PRIORITIES)
        },
        unreadable=unreadable,
        too_old=parse_too_old(too_old),
        notifications=notifications,
        oldest_notification_s=_seconds_since_first(seconds, oldest),
        calls=calls,
        oldest_call_s=_seconds_since_first(seconds, oldest_call),
    )


def _damaged_number(name: str, command: Sequence[Any], error: Exception) -> NumberState:
    if not isinstance(error, ScriptError):
        raise error
    idle = {priority: LaneFigures() for priority in PRIORITIES}
    why = sanitize(f"{' '.join(map(str, command))}: {error}")
    return NumberState(name, {}, 0, 0, 0, 0, parse_pauses({}), idle, damaged=why)


def _parse_lanes(seconds: int, ready: int, head: Any) -> LaneFigures:
    return LaneFigures(ready, _seconds_since_first(seconds, head))


def _seconds_since_first(seconds: int, head: Any) -> float:
    return max(0.0, seconds - float(head[0][1]) / 1000) if head else 0.0
