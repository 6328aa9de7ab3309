"""Schedule of the safety net's looks: all numbers within a second, and those that are due."""

import math
from collections.abc import Iterable, Sequence

# With up to so many numbers, each look covers all of them.
AT_ONCE = 64
# With more numbers, all are covered within so many looks.
LOOKS_A_ROUND = 10
# The wait before a second wake-up for a number if the last one changed nothing.
AGAIN_MS = 1_000


class LookSchedule:
    """Rotation over the numbers of a store; times are milliseconds of the server's clock."""

    def __init__(self) -> None:
        """Start without numbers."""
        self._names: Sequence[str] = ()
        self._at = 0
        self._moments: dict[str, int] = {}  # when the next work of a number is due
        self._last_wakeups: dict[tuple[str, str], tuple[int, int]] = {}

    def set_numbers(self, names: Sequence[str]) -> None:
        """Take the names of all numbers."""
        if set(names) != set(self._names):
            self._moments = {k: v for k, v in self._moments.items() if k in set(names)}
            self._last_wakeups = {k: v for k, v in self._last_wakeups.items() if k[0] in set(names)}
        self._names = names

    def next_numbers(self, now_ms: int) -> list[str]:
        """Return the numbers to look at now, at most twice a tenth of all, or twice 64."""
        most = max(AT_ONCE, math.ceil(len(self._names) / LOOKS_A_ROUND))
        if most >= len(self._names):
            return list(self._names)
        begin = self._at % len(self._names)
        turn = [*self._names, *self._names][begin : begin + most]
        self._at = begin + most
        return list(dict.fromkeys([*turn, *self._due(now_ms, most)]))

    def note(self, number: str, moments_ms: Iterable[int]) -> None:
        """Note when the next work of a number is due."""
        first = min(moments_ms, default=None)
        if first is None:
            self._moments.pop(number, None)
        else:
            self._moments[number] = first

    def may_ring(self, number: str, priority: str, moment_ms: int, now_ms: int) -> bool:
        """Say whether to ring for sends ready since `moment_ms`, and note the wake-up.

        If the last wake-up changed nothing, as with keys that no pump can read, one a second is
        enough.
        """
        before = self._last_wakeups.get((number, priority))
        if before and before[0] == moment_ms and 0 <= now_ms - before[1] < AGAIN_MS:
            return False
        self._last_wakeups[number, priority] = moment_ms, now_ms
        return True

    def _due(self, now_ms: int, most: int) -> list[str]:
        due = [(moment, name) for name, moment in self._moments.items() if moment <= now_ms]
        return [name for _, name in sorted(due)[:most]]
