"""Queues of `gateway status`: those with work in a table, and how many others are idle; pure."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass

from rich.table import Column, Table

from gateway.cli.operate.status.figures import draw_rates, format_rate, format_seconds
from gateway.core.formats import pluralize
from gateway.store.inbox.inbox import PartitionState
from gateway.store.monitoring.number_state import LaneFigures

NO_NUMBER = "no number"
BARS_IN_TABLE = 10  # so that the table fits into 80 columns
HEADS = ("queue", "waiting", "oldest", "worked off", "", "state")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue in words."""

    name: str
    waiting: str
    oldest: str = ""
    rate: str = ""
    graph: str = ""
    state: str = ""


def describe_partition(
    partition: PartitionState, rates: list[float | None], *, is_moving: bool
) -> QueueRow | None:
    """Describe a partition of the inbox; None if it is idle. The last rate is the present one."""
    states = {
        "damaged": bool(partition.damaged),
        "moving": is_moving,
        f"{partition.deferred} aside": partition.deferred > 0,
    }
    state = ", ".join(name for name, holds in states.items() if holds)
    if not (state or partition.waiting or any(rates)):
        return None
    return QueueRow(
        f"inbox {partition.index}",
        f"{partition.waiting:,}",
        format_seconds(partition.oldest_s),
        format_rate(rates[-1]),
        draw_rates(rates, BARS_IN_TABLE),
        state,
    )


def describe_lanes(priority: str, number: str, lanes: LaneFigures) -> QueueRow | None:
    """Describe the lanes of a number and priority; None if they are idle."""
    if not lanes.ready and not lanes.overdue_s:
        return None
    name = f"{priority} {number or NO_NUMBER}"
    return QueueRow(name, pluralize(lanes.ready, "lane"), format_seconds(lanes.overdue_s))


def describe_idle(partitions: int, numbers: int) -> str:
    """Say how many queues have no work; "" if all have."""
    parts = (
        f"{pluralize(partitions, 'partition')} of the inbox" if partitions else "",
        f"the lanes of {pluralize(numbers, 'number')}" if numbers else "",
    )
    return f"{' and '.join(filter(None, parts))} idle" if any(parts) else ""


def draw_queues(rows: list[QueueRow]) -> Table:
    """Draw the queues with work, only with the columns that say something."""
    columns = [one for one in range(len(HEADS)) if any(astuple(row)[one] for row in rows)]
    table = Table(*_columns(columns))
    for row in rows:
        table.add_row(*(astuple(row)[one] for one in columns))
    return table


def _columns(shown: list[int]) -> Iterator[Column]:
    for one in shown:
        is_number = HEADS[one] in ("waiting", "oldest", "worked off")
        yield Column(HEADS[one], justify="right" if is_number else "left")
