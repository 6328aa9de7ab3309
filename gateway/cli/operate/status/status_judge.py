"""Whether all is well, and what is not, in sentences; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.cli.common.output import many
from gateway.core.sending.canary import OVERDUE_S
from gateway.core.sending.send import REPLY
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.planning.rulebooks import sentences

MOST_WAIT_S = 60
TICK_EVERY_S = 10
# From here history gives way to what waits, and soon deliveries are refused.
NEARLY_FULL = 0.60
STOPPED = (
    "Planning has stopped, for too many events raised an error: see gateway dead-letters list."
)
AWAY = "Redis does not answer: nothing is kept, and Meta is told to come again."


Part = Literal[
    "store", "memory", "tick", "rules", "deliveries", "aside", "canary", "reply", "bulk", "paused",
    "held", "letters", "doubled",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong, and of which part."""

    part: Part
    told: str


def judge(reading: Snapshot | None) -> list[str]:
    """Name everything that is wrong; None is a server that does not answer."""
    return [AWAY] if reading is None else [one.told for one in wrong(reading)]


def wrong(reading: Snapshot) -> Iterator[Wrong]:
    """Tell everything that is wrong, part by part."""
    yield from _server(reading)
    yield from (Wrong("rules", told) for told in sentences(reading.rulebooks))
    yield from _partitions(reading)
    yield from _waits(reading)
    yield from _sends(reading)


def _server(reading: Snapshot) -> Iterator[Wrong]:
    for told in reading.health.fatal:
        yield Wrong("store", told)
    used, limit = reading.health.used_bytes, reading.health.limit_bytes
    if limit and used > NEARLY_FULL * limit:
        percent = used * 100 // limit
        yield Wrong("memory", f"Redis is nearly full: {percent} % of its limit are used.")
    tick_s = reading.ago_s.get("tick")
    if tick_s is None:
        yield Wrong("tick", "There was no tick within a day: is beat running?")
    elif tick_s > TICK_EVERY_S:
        yield Wrong("tick", f"The last tick was {tick_s:.0f} s ago: are beat and a worker running?")


def _partitions(reading: Snapshot) -> Iterator[Wrong]:
    for one in reading.partitions:
        if one.damaged:
            told = f"Partition {one.index} of the inbox cannot be read: {one.damaged}."
            yield Wrong("deliveries", told)


def _waits(reading: Snapshot) -> Iterator[Wrong]:
    if reading.stopped:
        yield Wrong("deliveries", STOPPED)
    elif reading.oldest_s > MOST_WAIT_S:
        told = f"A delivery has waited for {reading.oldest_s:.0f} s: is a worker running?"
        yield Wrong("deliveries", told)
    if aside := sum(one.aside for one in reading.partitions):
        late = many(aside, "delivery", "deliveries")
        yield Wrong("aside", f"{late} set aside: see gateway dead-letters list --cause aside.")
    if reading.canary.missing_s > OVERDUE_S:
        ago = f"{reading.canary.missing_s:.0f} s"
        yield Wrong("canary", f"No canary has arrived for {ago}: what does the log say?")
    for number in reading.numbers:
        for rank, lanes in number.lanes.items():
            if lanes.overdue_s > MOST_WAIT_S:
                of = f"A {rank} of number {number.number}"
                part: Part = "reply" if rank == REPLY else "bulk"
                yield Wrong(part, f"{of} has waited for {lanes.overdue_s:.0f} s to be sent.")


def _sends(reading: Snapshot) -> Iterator[Wrong]:
    for number in reading.numbers:
        for told in number.stops.sentences():
            part: Part = "paused" if told.startswith("paused") else "held"
            yield Wrong(part, f"Number {number.number} is {told}.")
    if letters := sum(one.dead for one in reading.numbers):
        yield Wrong("letters", f"{many(letters, 'dead letter')}: see gateway dead-letters list.")
    for one in reading.numbers:
        if one.damaged:
            yield Wrong("store", f"Number {one.number} cannot be read: {one.damaged}.")
    if unread := sum(one.unreadable for one in reading.numbers):
        told = f"{many(unread, 'event')} could not be read"
        yield Wrong("letters", f"{told}: see gateway dead-letters list --cause unreadable.")
    if doubled := reading.total("sends.doubled"):
        yield Wrong("doubled", f"{many(doubled, 'send')} reached Meta twice.")
