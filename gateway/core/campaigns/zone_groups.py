"""Zone groups of an audience: the recipients who share time zones, as ranges of their positions.

A campaign with quiet hours goes on in each group by itself, so that those in whose zones it is
quiet cost nothing while they wait.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from gateway.core.campaigns.quiet_hours import QuietHours, Zones

DAY = timedelta(days=1)
MOST_SIGHT = timedelta(days=60)
MOST_LENGTH = 1_000 * 365 * DAY


class RowRange(NamedTuple):
    """Recipients beside each other in an audience."""

    first: int
    size: int


@dataclass(frozen=True, slots=True)
class ZoneGroup:
    """The recipients of some zones, and how many of them were queued or passed."""

    zones: Zones
    ranges: Sequence[RowRange]
    done: int = 0

    @property
    def left(self) -> int:
        """Return how many are neither queued nor passed."""
        return sum(one.size for one in self.ranges) - self.done

    def next_range(self, most: int) -> RowRange:
        """Return the next recipients, at most so many and beside each other; none at the end."""
        before = self.done
        for one in self.ranges:
            if before < one.size:
                return RowRange(one.first + before, min(most, one.size - before))
            before -= one.size
        return RowRange(0, 0)


class ZoneSorter:
    """Puts the rows of an audience in chunks, each of one zone group but for those at the end.

    It holds less than a chunk for each group.
    """

    def __init__(self, chunk: int) -> None:
        """Take how many rows a chunk has."""
        self._chunk, self._next = chunk, 0
        self._ranges: dict[Zones, list[RowRange]] = {}

    def iter_chunks(self, rows: Iterable[tuple[Zones, bytes]]) -> Iterator[list[bytes]]:
        """Yield the rows in chunks, all full but the last."""
        pending: dict[Zones, list[bytes]] = {}
        for zones, row in rows:
            held = pending.setdefault(zones, [])
            held.append(row)
            if len(held) == self._chunk:
                self._note(zones, len(held))
                yield pending.pop(zones)
        rest: list[bytes] = []
        for zones, held in pending.items():
            self._note(zones, len(held))
            rest += held
            while len(rest) >= self._chunk:
                yield rest[: self._chunk]
                del rest[: self._chunk]
        if rest:
            yield rest

    def _note(self, zones: Zones, count: int) -> None:
        """Note that the next rows are of a group."""
        ranges = self._ranges.setdefault(zones, [])
        if ranges and ranges[-1].first + ranges[-1].size == self._next:
            ranges[-1] = RowRange(ranges[-1].first, ranges[-1].size + count)
        else:
            ranges.append(RowRange(self._next, count))
        self._next += count

    def pack(self) -> bytes:
        """Return the groups of all rows that were yielded, as a campaign stores them."""
        return orjson.dumps(
            [[zones, [tuple(one) for one in ranges]] for zones, ranges in self._ranges.items()]
        )


def unpack_groups(packed: str, done: Mapping[int, int]) -> tuple[ZoneGroup, ...]:
    """Return the groups that a campaign has stored, with how many of each are done."""
    return tuple(
        ZoneGroup(tuple(zones), [RowRange(*one) for one in ranges], done.get(i, 0))
        for i, (zones, ranges) in enumerate(orjson.loads(packed))
    )


def order_open(
    groups: Sequence[ZoneGroup], quiet: QuietHours, now: datetime
) -> list[tuple[int, ZoneGroup]]:
    """Return the groups that may be written to now with their index; first whose day ends first."""
    names = {zone for group in groups if group.left for zone in group.zones}
    closing = {one: quiet.closing([one], now) for one in names if not quiet.is_quiet(one, now)}
    found = [
        (i, group)
        for i, group in enumerate(groups)
        if group.left and all(zone in closing for zone in group.zones)
    ]
    return sorted(found, key=lambda one: min(closing[zone] for zone in one[1].zones))


def find_opening(groups: Sequence[ZoneGroup], quiet: QuietHours, now: datetime) -> datetime | None:
    """Return when the first group may be written to: now, later, or None where nobody is left.

    Zones that have no common moment are looked at again a day later, after a change of the clock.
    """
    pending = [group for group in groups if group.left]
    if not pending or order_open(pending, quiet, now):
        return now if pending else None
    found = [at for group in pending if (at := quiet.opening(group.zones, now))]
    return min(found, default=now + DAY)


def estimate_end(
    groups: Sequence[ZoneGroup], quiet: QuietHours, pace: float, now: datetime
) -> datetime:
    """Return when the last recipient would be queued at a pace.

    One group goes after the other, as they are taken; after two months it goes on as until then.
    """
    pending, at = list(groups), now
    while (opening := find_opening(pending, quiet, at)) and at - now < MOST_SIGHT:
        at = max(at, opening)
        open_groups = order_open(pending, quiet, at)
        if not open_groups:
            continue
        i, group = open_groups[0]
        seconds = (quiet.closing(group.zones, at) - at).total_seconds()
        count = min(group.left, math.ceil(seconds * pace))
        pending[i] = replace(group, done=group.done + count)
        at += timedelta(seconds=count / pace)
    total, left = (sum(group.left for group in some) for some in (groups, pending))
    share = left / (total - left) if left < total else 0.0
    return at + min((at - now) * share, MOST_LENGTH)
