"""What is to be done next of each number, read and left alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.sending.send import BULK, REPLY
from gateway.store import keys
from gateway.store.redis.client import Call, Store

# A pump takes what becomes ready while it is at work, and is at work for so long after it took.
AT_WORK_MS = 200
# One that left behind what was ready has its hands full, and calls for help by itself.
HANDS_FULL_MS = 1_500


@dataclass(frozen=True, slots=True)
class Upcoming:
    """When something of one number is to be done, by the server's clock; what is past is due."""

    number: str
    now_ms: int
    ready_ms: Mapping[str, int]  # by rank; without those for which a bell waits
    tick_ms: int | None  # when a tick has something to move

    @property
    def moments_ms(self) -> list[int]:
        """Return all of them."""
        return [*self.ready_ms.values(), *([] if self.tick_ms is None else [self.tick_ms])]

    @property
    def is_due(self) -> bool:
        """Say whether a tick has something to move now."""
        return self.tick_ms is not None and self.tick_ms <= self.now_ms


def read_upcoming(
    store: Store, numbers: Sequence[str], per_second: int
) -> tuple[list[Upcoming], Exception | None]:
    """Look at numbers in one round trip; return what was found, and an error that one of them gave.

    A number whose keys are damaged, or whose server is away, hides no other. Raises
    StoreUnavailableError where there is no server at all.
    """
    calls = [
        Call("upcoming", keys.number(name), [per_second, AT_WORK_MS, HANDS_FULL_MS])
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
            for priority, moment in zip((REPLY, BULK), ready, strict=True)
            if moment >= 0
        },
        tick_ms if tick_ms >= 0 else None,
    )
