"""State history: readings of everything since somebody looks, from which rates are taken."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.store.monitoring.snapshot import DeadLetterGroup, Snapshot

MOST_READINGS = 120
FRESH_MS = 900  # readings within this time are one to the rates
LETTERS_EVERY_MS = 15_000  # dead letters are counted this often: a thousand are read for it

Letters = Mapping[DeadLetterGroup, int]


@dataclass(slots=True)
class StateHistory:
    """The newest readings, the oldest first; several threads may ask."""

    take: Callable[[Letters | None], Snapshot]
    _letters: Letters | None = None
    _counted_ms: int = 0
    _readings: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=MOST_READINGS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> Snapshot:
        """Return the state now. Raises StoreUnavailableError or ScriptError."""
        with self._lock:
            last = self._readings[-1] if self._readings else None
            age_ms = last.now_ms - self._counted_ms if last else LETTERS_EVERY_MS
            letters = self._letters if 0 <= age_ms < LETTERS_EVERY_MS else None
        now = self.take(letters)
        with self._lock:
            if letters is None:
                self._letters, self._counted_ms = now.letters, now.now_ms
            if last is None or not 0 <= now.now_ms - last.now_ms < FRESH_MS:
                self._readings.append(now)
        return now

    def rates(self, count: Callable[[Snapshot], int]) -> list[float]:
        """Return how fast a count grew per second between each two readings, the newest last."""
        with self._lock:
            readings = list(self._readings)
        growth = [(after.now_ms - before.now_ms, count(after) - count(before))
                  for before, after in pairwise(readings)]  # fmt: skip
        # No rate where a clock was set back or a store was emptied.
        return [more * 1000 / ms for ms, more in growth if ms > 0 and more >= 0]
