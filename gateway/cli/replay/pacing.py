"""How fast a replay goes: by the recorded times, faster, or as fast as it can; pure."""

import re
from datetime import datetime, timedelta

MAX = "max"
LONGEST_S = 1e9  # The system waits no longer than some hundred years, and nobody does.


class Pace:
    """Says when each delivery is due, in seconds after the first."""

    def __init__(self, factor: float | None) -> None:
        """Take how many times as fast as recorded; None is as fast as it can."""
        self._factor = factor
        self._last: datetime | None = None
        self._due = timedelta(0)

    def due_s(self, at: datetime) -> float:
        """Return when what was received at `at` is due.

        What is recorded before its predecessor, as where another file begins, is due at once.
        """
        if self._factor is None:
            return 0.0
        if self._last is not None:
            self._due += max(timedelta(0), at - self._last)
        self._last = at
        return min(LONGEST_S, self._due.total_seconds() / self._factor)


def pace(written: str) -> Pace | None:
    """Read "1x", "10x", "0.5x" or "max"; None for anything else."""
    if written == MAX:
        return Pace(None)
    found = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)x", written)
    factor = float(found[1]) if found else 0.0
    return Pace(factor) if factor else None
