"""Comparison of the rules that fired when events were planned with those that fire today."""

from collections.abc import Iterable, Iterator

from gateway.core.events import Event
from gateway.rules.testing.compare import Answer, Change, ComparisonTotals

Fired = tuple[str, ...]


class RecordedComparison:
    """A comparison of names of rules; what a rule sends may have changed beside it."""

    def __init__(self) -> None:
        """Start without events."""
        self.totals = ComparisonTotals()

    def compare(self, events: Iterable[tuple[Event, Fired, Fired]]) -> Iterator[Change]:
        """Yield each event whose rules differ; of each come the recorded ones and today's."""
        for event, recorded, today in events:
            self.totals.count(event, recorded, today, is_changed=recorded != today)
            if recorded != today:
                yield Change(event, Answer(recorded), Answer(today))
