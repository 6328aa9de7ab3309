"""How fast a replay goes: by the recorded times, faster, or as fast as it can; pure."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from rich.table import Column, Table
from rich.text import Text

MAX = "max"
LONGEST_S = 1e9  # The system waits no longer than some hundred years, and nobody does.


class ReplayPace:
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


def parse_pace(text: str) -> ReplayPace | None:
    """Read "1x", "10x", "0.5x" or "max"; None for anything else."""
    if text == MAX:
        return ReplayPace(None)
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)x", text)
    factor = float(match[1]) if match else 0.0
    return ReplayPace(factor) if factor else None


# Of what was refused so many are named.
NAMED = 10


@dataclass(slots=True)
class ReplayTally:
    """Counts answers; whole milliseconds, so that it stays small however many there are."""

    took_ms: dict[int, Counter[int]] = field(default_factory=dict)  # by status
    refused: list[tuple[str, int]] = field(default_factory=list)  # where and how, the first of them

    def add(self, where: str, status: int, ms: int) -> None:
        """Count one answer."""
        self.took_ms.setdefault(status, Counter())[ms] += 1
        if status != HTTPStatus.OK and len(self.refused) < NAMED:
            self.refused.append((where, status))

    @property
    def answer_count(self) -> int:
        """Return how many were answered."""
        return sum(took.total() for took in self.took_ms.values())

    @property
    def all_kept(self) -> bool:
        """Say whether every answer was 200."""
        return not set(self.took_ms) - {HTTPStatus.OK}

    def to_dict(self) -> Mapping[str, Any]:
        """Return it as JSON has it."""
        return {
            str(status): {"count": took.total(), **_percentiles(took)}
            for status, took in sorted(self.took_ms.items())
        }

    def table(self) -> Table:
        """Return it as a person reads it."""
        right = [Column(name, justify="right") for name in ("count", "p50 ms", "p95 ms", "max ms")]
        table = Table("status", *right)
        for status, took in sorted(self.took_ms.items()):
            style = "green" if status == HTTPStatus.OK else "red"
            cells = [f"{took.total():,}", *(f"{ms:,}" for ms in _percentiles(took).values())]
            table.add_row(Text(str(status), style), *cells)
        return table


def _percentiles(took: Counter[int]) -> dict[str, int]:
    return {
        "p50_ms": _percentile(took, 0.5),
        "p95_ms": _percentile(took, 0.95),
        "max_ms": max(took),
    }


def _percentile(took: Counter[int], share: float) -> int:
    """Return the time within which that share was answered."""
    left = share * took.total()
    for ms in sorted(took):
        left -= took[ms]
        if left <= 0:
            return ms
    return max(took)
