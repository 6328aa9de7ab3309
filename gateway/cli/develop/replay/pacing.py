"""Pace of a replay: by the recorded times, a multiple of it, or as fast as possible; pure."""

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
LONGEST_S = 1e9  # the system call accepts no longer wait than some hundred years


class ReplayPace:
    """Schedule of a replay: the due time of each delivery, in seconds after the first."""

    def __init__(self, factor: float | None) -> None:
        """Take the speed as a multiple of the recorded one; None is as fast as possible."""
        self._factor = factor
        self._last: datetime | None = None
        self._due = timedelta(0)

    def due_s(self, at: datetime) -> float:
        """Return when a delivery received at `at` is due.

        One recorded before its predecessor, as at the start of another file, is due at once.
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


# The number of refused deliveries that are named.
NAMED = 10


@dataclass(slots=True)
class ReplayTally:
    """Counts answers; in whole milliseconds, so that it stays small however many there are."""

    took_ms: dict[int, Counter[int]] = field(default_factory=dict)  # by status
    refused: list[tuple[str, int]] = field(default_factory=list)  # the first of them: place, status

    def add(self, where: str, status: int, ms: int) -> None:
        """Count one answer."""
        self.took_ms.setdefault(status, Counter())[ms] += 1
        if status != HTTPStatus.OK and len(self.refused) < NAMED:
            self.refused.append((where, status))

    @property
    def answer_count(self) -> int:
        """Return the number of answers."""
        return sum(took.total() for took in self.took_ms.values())

    @property
    def all_kept(self) -> bool:
        """Return whether every answer was 200."""
        return not set(self.took_ms) - {HTTPStatus.OK}

    def to_dict(self) -> Mapping[str, Any]:
        """Return it in JSON form."""
        return {
            str(status): {"count": took.total(), **_percentiles(took)}
            for status, took in sorted(self.took_ms.items())
        }

    def table(self) -> Table:
        """Return it as a table."""
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
    """Return the time within which this share of answers came."""
    left = share * took.total()
    for ms in sorted(took):
        left -= took[ms]
        if left <= 0:
            return ms
    return max(took)
