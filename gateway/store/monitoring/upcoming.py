"""Upcoming work of each number, read and left alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.sending.send import PRIORITIES
from gateway.store import keys
from gateway.store.redis.client import Call, Store

# A pump also takes what becomes ready while it is at work, and works for this long after it took.
AT_WORK_MS = 200
# A pump that left ready sends behind is busy, and calls for help by itself.
HANDS_FULL_MS = 1_500


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Moments at which work of a number is due, by the server's clock; a past moment is due now."""

    number: str
    now_ms: int
    ready_ms: Mapping[str, int]  # by priority; without those for which a wake-up is on its way
    tick_ms: int | None  # when a tick has something to move

    @property
    def moments_ms(self) -> list[int]:
        """Return all of them."""
        return [*self.ready_ms.values(), *([] if self.tick_ms is None else [self.tick_ms])]

    @property
    def is_due(self) -> bool:
        """Return whether a tick has something to move now."""
        return self.tick_ms is not None and self.tick_ms <= self.now_ms


def read_upcoming(
    store: Store, numbers: Sequence[str], pace_of: Callable[[str], int]
) -> tuple[list[Upcoming], Exception | None]:
    """Read numbers in one round trip; return what was found, and an error of one of them.

    `pace_of` returns how many messages a second a number may send. A number whose keys are damaged,
    or whose server is unavailable, hides no other. Raises StoreUnavailableError where there is no
    server at all.
    """
    calls = [
        Call("upcoming", keys.number(name), [pace_of(name), AT_WORK_MS, HANDS_FULL_MS])
        for name in numbers
    ]
    replies = list(zip(numbers, store.call_many(calls), strict=True))
    failed = next((reply for _, reply in replies if isinstance(reply, Exception)), None)
    results = [
        _parse_upcoming(name, reply) for name, reply in replies if not isinstance(reply, Exception)
    ]
    return results, failed


def _parse_upcoming(number: str, reply: Sequence[int]) -> Upcoming:
    now_ms, *ready, tick_ms = reply
    return Upcoming(
        number,
        now_ms,
        {
            priority: moment
            for priority, moment in zip(PRIORITIES, ready, strict=True)
            if moment >= 0
        },
        tick_ms if tick_ms >= 0 else None,
    )
