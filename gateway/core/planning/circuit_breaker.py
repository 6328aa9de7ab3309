"""Circuit breaker of planning: a bad release must not turn every message into a dead letter."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

MOST_FAILURES, MOST_CONTACTS = 20, 3
SHARE = 0.01
WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """The number of events of a batch that were planned, and the contacts whose events raised."""

    at_s: float
    planned: int
    failed: int
    contacts: frozenset[str]


@dataclass(slots=True)
class Breaker:
    """Counter of contacts whose events raised in planning, within a minute, under one release."""

    release: str = ""
    _batches: deque[PlannedBatch] = field(default_factory=deque)

    def note(self, release: str, planned: int, failed: Collection[str], now_s: float) -> bool:
        """Count a batch that was planned under a release, and say whether planning has to stop.

        `failed` names the contact of each event that raised, or the event if it has none. Planning
        has to stop once 20 events raised and nothing else was planned meanwhile, or once the events
        of 20 contacts raised and are more than one in a hundred. The odd messages of one customer
        or two, however many, stop nothing. Failures under another release do not count.
        """
        if release != self.release:
            self.reset()
            self.release = release
        self._batches.append(PlannedBatch(now_s, planned, len(failed), frozenset(failed)))
        while self._batches[0].at_s < now_s - WINDOW_S:
            self._batches.popleft()
        return bool(failed) and (self._fails_often() or self._fails_in_a_row())

    def reset(self) -> None:
        """Reset the count, after a stop."""
        self._batches.clear()

    def _fails_often(self) -> bool:
        failures = sum(batch.failed for batch in self._batches)
        events = failures + sum(batch.planned for batch in self._batches)
        return failures > SHARE * events and _contacts(list(self._batches)) >= MOST_FAILURES

    def _fails_in_a_row(self) -> bool:
        """Check the latest batches, back to the last in which an event was planned."""
        batches = list(self._batches)
        begins = max((i for i, batch in enumerate(batches) if batch.planned), default=0)
        streak = batches[begins:]
        failures = sum(batch.failed for batch in streak)
        return failures >= MOST_FAILURES and _contacts(streak) >= MOST_CONTACTS


def _contacts(batches: list[PlannedBatch]) -> int:
    return len(frozenset().union(*(batch.contacts for batch in batches)))
