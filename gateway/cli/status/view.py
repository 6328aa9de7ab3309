"""What `gateway status` shows, made from two readings; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.cli.common.holds import plain
from gateway.cli.status.status_judge import judge
from gateway.store.monitoring.snapshot import NumberStanding, Reading
from gateway.store.planning.rulebooks import versions


@dataclass(frozen=True, slots=True)
class View:
    """The latest reading, None where there is none, and the one before it."""

    now: Reading | None
    before: Reading | None = None
    rulebook: str = ""  # its version, "" where the rules cannot be read here

    @property
    def wrong(self) -> list[str]:
        """Return what is wrong, in sentences."""
        return judge(self.now)

    @property
    def kept_per_s(self) -> float | None:
        """Return how many deliveries were kept a second between the readings."""
        return self._rate(lambda reading: reading.kept)

    def passed_per_s(self, index: int) -> float | None:
        """Return how many deliveries of a partition were worked off a second."""
        return self._rate(lambda reading: reading.partitions[index].passed)

    def attempts_per_s(self, number: str) -> float | None:
        """Return how many attempts to send were begun for a number a second."""

        def begun(reading: Reading) -> int:
            stages = (one.stages for one in reading.numbers if one.number == number)
            return sum(one.get("attempting", 0) for one in stages)

        return self._rate(begun)

    def moves(self, index: int) -> bool:
        """Say whether a partition's cursor moved between the readings."""
        if self.now is None or self.before is None:
            return False
        return self.now.partitions[index].cursor != self.before.partitions[index].cursor

    def _rate(self, count: Callable[[Reading], int]) -> float | None:
        """Return by how much a count grew a second between the readings."""
        if self.now is None or self.before is None:
            return None
        seconds = (self.now.now_ms - self.before.now_ms) / 1000
        # A clock that was set back, or a store that was emptied, tells nothing.
        more = count(self.now) - count(self.before)
        return more / seconds if seconds > 0 and more >= 0 else None

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        wrong = self.wrong
        told: dict[str, Any] = {"well": not wrong, "wrong": wrong, "rulebook": self.rulebook}
        return told | (self._plain(self.now) if self.now else {})

    def _plain(self, now: Reading) -> dict[str, Any]:
        return {
            "kept": now.kept,
            "kept_per_s": self.kept_per_s,
            "waiting": now.waiting,
            "oldest_s": now.oldest_s,
            "partitions": [
                {
                    "waiting": one.waiting,
                    "aside": one.aside,
                    "moves": self.moves(one.index),
                    "passed_per_s": self.passed_per_s(one.index),
                }
                for one in now.partitions
            ],
            "numbers": {
                one.number: {"attempts_per_s": self.attempts_per_s(one.number)} | _number(one)
                for one in now.numbers
            },
            "dead_letters": dict(now.causes),
            "given_up": now.given_up,
            "ago_s": dict(now.ago_s),
            "rulebooks": versions(now.rulebooks),
            "canary": {"took_s": now.canary.took_s, "age_s": now.canary.age_s},
            "used_bytes": now.health.used_bytes,
            "limit_bytes": now.health.limit_bytes,
            "full_in_days": forecast.days if (forecast := now.forecast) else None,
            "forecast": str(forecast) if forecast else "",
            "warnings": list(now.health.warnings),
            "restarted": restarted(now),
        }


def restarted(now: Reading) -> dict[str, int]:
    """Return how often workers of each kind died and were started again."""
    found = (one for one in now.counts.items() if one[0].startswith("workers."))
    return {name.removeprefix("workers."): count for name, count in sorted(found)}


def _number(one: NumberStanding) -> dict[str, Any]:
    return {
        "sends": one.stages,
        "odd_statuses": one.statuses,
        "dead": one.dead,
        "unreadable": one.unreadable,
        "unconfirmed": one.unconfirmed,
        "due_later": one.due,
        "parked": one.parked,
        **plain(one.stops),
        "lanes": {
            rank: {"ready": lanes.ready, "overdue_s": lanes.overdue_s}
            for rank, lanes in one.lanes.items()
        },
    }
