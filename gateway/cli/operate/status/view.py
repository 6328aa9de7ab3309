"""View of `gateway status`, rendered from two snapshots; pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.operate.hold import pauses_to_dict
from gateway.cli.operate.status.figures import (
    describe_sends,
    draw_rates,
    format_calls,
    format_canary,
    format_counts,
    format_memory,
    format_notifications,
    format_rate,
    iter_receivers,
)
from gateway.cli.operate.status.queue_table import (
    NO_NUMBER,
    QueueRow,
    describe_idle,
    describe_lanes,
    describe_partition,
    draw_queues,
)
from gateway.core.alerts import Alert
from gateway.core.formats import pluralize
from gateway.store.monitoring.number_state import NumberState
from gateway.store.monitoring.problems import find_problems
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.monitoring.too_old import describe_counts
from gateway.store.outgoing.receiver_states import state_to_dict
from gateway.store.planning.rulebooks import count_versions
from tasks.monitoring.worker_ping import find_unserved_queues

UNAVAILABLE = "Redis does not answer: nothing is kept, and Meta is told to come again."
# Left out because other problems report them better: silent workers by the tick, full memory by
# memory_short, dead letters by their counts per group; the server's warnings are shown below.
HIDDEN = frozenset(
    {
        "workers_silent", "memory_full", "dead_letters", "write_refused",
        "no_append_only_file", "disk_not_written", "may_evict",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StatusView:
    """The latest snapshot, None if the store is unavailable, and the one before it."""

    now: Snapshot | None
    before: Snapshot | None = None
    rulebook: str = ""  # its version, "" if the rules cannot be read here
    listeners: Mapping[str, int] | None = None  # workers by queue; None if they were not asked
    earlier: tuple[Snapshot, ...] = ()  # those before `before`, for graphs

    @property
    def problems(self) -> list[str]:
        """Return the problems as sentences."""
        if self.now is None:
            return [UNAVAILABLE]
        found = list(find_problems(self.now))
        kinds = {one.kind for one in found}
        shown = [one for one in found if one.kind not in HIDDEN]
        unserved = () if self.listeners is None else find_unserved_queues(self.listeners)
        wrong = (one for one in self.now.alerts if not one.is_news)
        alerts = (one for one in wrong if one.cause.kind not in kinds)
        return [*map(str, (*shown, *unserved)), *map(_describe_alert, alerts)]

    @property
    def news(self) -> list[str]:
        """Return what is reported and is nothing wrong, as sentences."""
        return [_describe_alert(one) for one in self.now.alerts if one.is_news] if self.now else []

    @property
    def kept_per_s(self) -> float | None:
        """Return how many deliveries were stored per second between the last two snapshots."""
        return self.kept_rates()[-1]

    def kept_rates(self) -> list[float | None]:
        """Return how many deliveries were stored per second, between each two snapshots."""
        return self._rates(lambda reading: reading.kept)

    def passed_rates(self, index: int) -> list[float | None]:
        """Return how many deliveries of a partition were processed per second."""
        return self._rates(lambda reading: reading.partitions[index].passed)

    def attempt_rates(self, number: str) -> list[float | None]:
        """Return how many attempts to send began per second for a number."""

        def count_attempts(reading: Snapshot) -> int:
            stages = (one.stages for one in reading.numbers if one.number == number)
            return sum(one.get("attempting", 0) for one in stages)

        return self._rates(count_attempts)

    def is_moving(self, index: int) -> bool:
        """Return whether a partition's cursor moved between the snapshots."""
        if self.now is None or self.before is None:
            return False
        return self.now.partitions[index].cursor != self.before.partitions[index].cursor

    def _rates(self, count: Callable[[Snapshot], int]) -> list[float | None]:
        """Return the growth of a count per second between each two snapshots, the newest last."""
        readings = [one for one in (*self.earlier, self.before, self.now) if one]
        rates = [_growth(count, *two) for two in pairwise(readings)]
        return rates or [None]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON form."""
        problems = self.problems
        fields: dict[str, Any] = {
            "well": not problems,
            "wrong": problems,
            "news": self.news,
            "rulebook": self.rulebook,
        }
        return fields | (self._snapshot_to_dict(self.now) if self.now else {})

    def _snapshot_to_dict(self, now: Snapshot) -> dict[str, Any]:
        return {
            "kept": now.kept,
            "kept_per_s": self.kept_per_s,
            "waiting": now.waiting,
            "oldest_s": now.oldest_s,
            "partitions": [
                {
                    "waiting": one.waiting,
                    "aside": one.deferred,
                    "moves": self.is_moving(one.index),
                    "passed_per_s": self.passed_rates(one.index)[-1],
                }
                for one in now.partitions
            ],
            "numbers": {
                one.number: {"attempts_per_s": self.attempt_rates(one.number)[-1]}
                | _number_to_dict(one)
                for one in now.numbers
            },
            "forwards": list(map(state_to_dict, now.receivers)),
            "dead_letters": dict(now.causes),
            "given_up": now.given_up,
            "ago_s": dict(now.ago_s),
            "rulebooks": count_versions(now.rulebooks),
            "canary": {"took_s": now.canary.took_s, "age_s": now.canary.age_s},
            "used_bytes": now.health.used_bytes,
            "limit_bytes": now.health.limit_bytes,
            "full_in_days": forecast.days if (forecast := now.forecast) else None,
            "forecast": str(forecast) if forecast else "",
            "warnings": list(now.health.warnings),
            "restarted": restart_counts(now),
        }


def _growth(count: Callable[[Snapshot], int], before: Snapshot, after: Snapshot) -> float | None:
    seconds = (after.now_ms - before.now_ms) / 1000
    # No rate if a clock was set back or a store was emptied.
    more = count(after) - count(before)
    return more / seconds if seconds > 0 and more >= 0 else None


def restart_counts(now: Snapshot) -> dict[str, int]:
    """Return how often workers of each kind died and were restarted."""
    counts = (one for one in now.counts.items() if one[0].startswith("workers."))
    return {name.removeprefix("workers."): count for name, count in sorted(counts)}


def _number_to_dict(number: NumberState) -> dict[str, Any]:
    return {
        "sends": number.stages,
        "odd_statuses": number.statuses,
        "too_old": number.too_old_counts,
        "dead": number.dead,
        "unreadable": number.unreadable,
        "unconfirmed": number.unconfirmed,
        "due_later": number.due,
        "parked": number.parked,
        "notifications": {
            "waiting": number.notifications,
            "oldest_s": number.oldest_notification_s,
            **number.notification_counts,
        },
        "calls": {"waiting": number.calls, "oldest_s": number.oldest_call_s} | number.call_counts,
        **pauses_to_dict(number.pauses),
        "lanes": {
            priority: {"ready": lanes.ready, "overdue_s": lanes.overdue_s}
            for priority, lanes in number.lanes.items()
        },
    }


def screen(view: StatusView) -> RenderableType:
    """Render everything."""
    parts: list[RenderableType] = [_verdict(view)]
    if view.now:
        rows, idle = list(_queue_rows(view, view.now)), _idle_queues(view, view.now)
        parts.append(_facts(view, view.now, "" if rows else idle))
        parts += [draw_queues(rows), Text(idle, "dim")] if rows else []
    return Group(*parts)


def _verdict(view: StatusView) -> Text:
    problems = view.problems
    text = Text("● all is well", "bold green")
    if problems:
        text = Text("\n".join(f"✗ {sentence}" for sentence in problems), "bold red")
    for warning in view.now.health.warnings if view.now else ():
        text.append(f"\n! {warning}", "yellow")
    for sentence in view.news:
        text.append(f"\n· {sentence}", "cyan")
    return text


def _describe_alert(alert: Alert) -> str:
    about = f"Number {alert.cause.number}: " if alert.cause.number else ""
    return f"{about}{alert.title} {alert.advice}".strip()


def _facts(view: StatusView, now: Snapshot, idle: str) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in _rows(view, now):
        table.add_row(Text(name, "dim"), Text(value))
    if idle:
        table.add_row(Text("queues", "dim"), Text(idle))
    return table


def _rows(view: StatusView, now: Snapshot) -> Iterator[tuple[str, str]]:
    yield "kept", f"{_rate(view.kept_rates())}, {now.kept:,} in all"
    yield "waiting", f"{now.waiting:,}, the oldest for {now.oldest_s:,.1f} s"
    for number in now.numbers:
        attempts = f"{_rate(view.attempt_rates(number.number))} tried, "
        yield f"sends of {number.number or NO_NUMBER}", attempts + describe_sends(number)
        if number.too_old_counts:
            yield "too old", f"{describe_counts(number.too_old_counts)} got no answer"
        if number.statuses:
            yield "odd statuses", format_counts(number.statuses)
        yield from iter_receivers(now.receivers, number.number)
        if number.notification_counts:
            yield "notifications", format_notifications(number)
        if number.call_counts:
            yield "service calls", format_calls(number)
    yield "dead letters", format_counts(now.causes) or "none"
    if now.given_up:
        yield "given up", pluralize(now.given_up, "delivery", "deliveries")
    for what in ("tick", "sweep"):
        ago = now.ago_s.get(what)
        yield f"last {what}", "not within a day" if ago is None else f"{ago:,.1f} s ago"
    yield "canary", format_canary(now.canary)
    yield "memory", format_memory(now)
    yield "rulebook", _rulebook(view, now)
    yield "restarted", format_counts(restart_counts(now)) or "no worker"


def _rate(rates: list[float | None]) -> str:
    """Format the present rate, with its course before."""
    return f"{format_rate(rates[-1])} {draw_rates(rates)}".rstrip()


def _rulebook(view: StatusView, now: Snapshot) -> str:
    """Describe the rulebook in force, and the one in the files here if that differs."""
    counts = count_versions(now.rulebooks)
    parts = [
        f"{one} in {pluralize(count, 'process', 'processes')}" for one, count in counts.items()
    ]
    if view.rulebook not in counts:
        parts.append(f"{view.rulebook or 'none that can be used'} in the files here")
    return ", ".join(parts)


def _queue_rows(view: StatusView, now: Snapshot) -> Iterator[QueueRow]:
    """Yield the queues that have work, or had some while they were watched."""
    for one in now.partitions:
        rates, is_moving = view.passed_rates(one.index), view.is_moving(one.index)
        if row := describe_partition(one, rates, is_moving=is_moving):
            yield row
    for number in now.numbers:
        for priority, lanes in number.lanes.items():
            if row := describe_lanes(priority, number.number, lanes):
                yield row


def _idle_queues(view: StatusView, now: Snapshot) -> str:
    shown = {row.name for row in _queue_rows(view, now)}
    partitions = sum(f"inbox {one.index}" not in shown for one in now.partitions)
    numbers = sum(
        not any(describe_lanes(name, one.number, lanes) for name, lanes in one.lanes.items())
        for one in now.numbers
    )
    return describe_idle(partitions, numbers)
