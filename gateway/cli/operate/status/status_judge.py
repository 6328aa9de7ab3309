"""Whether all is well, and what is not, in sentences; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gateway.cli.common.output import pluralize
from gateway.core.sending.canary import OVERDUE_S
from gateway.core.sending.send import REPLY
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.planning.rulebooks import problem_sentences

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
class StatusProblem:
    """Something that is wrong, and of which part."""

    part: Part
    message: str


def describe_problems(reading: Snapshot | None) -> list[str]:
    """Name everything that is wrong; None is a server that does not answer."""
    return [AWAY] if reading is None else [one.message for one in find_problems(reading)]


def find_problems(reading: Snapshot) -> Iterator[StatusProblem]:
    """Tell everything that is wrong, part by part."""
    yield from _server_problems(reading)
    yield from (StatusProblem("rules", message) for message in problem_sentences(reading.rulebooks))
    yield from _partitions(reading)
    yield from _waiting_problems(reading)
    yield from _send_problems(reading)


def _server_problems(reading: Snapshot) -> Iterator[StatusProblem]:
    for message in reading.health.fatal:
        yield StatusProblem("store", message)
    used, limit = reading.health.used_bytes, reading.health.limit_bytes
    if limit and used > NEARLY_FULL * limit:
        percent = used * 100 // limit
        yield StatusProblem("memory", f"Redis is nearly full: {percent} % of its limit are used.")
    tick_s = reading.ago_s.get("tick")
    if tick_s is None:
        yield StatusProblem("tick", "There was no tick within a day: is beat running?")
    elif tick_s > TICK_EVERY_S:
        yield StatusProblem(
            "tick", f"The last tick was {tick_s:.0f} s ago: are beat and a worker running?"
        )


def _partitions(reading: Snapshot) -> Iterator[StatusProblem]:
    for one in reading.partitions:
        if one.damaged:
            told = f"Partition {one.index} of the inbox cannot be read: {one.damaged}."
            yield StatusProblem("deliveries", told)


def _waiting_problems(reading: Snapshot) -> Iterator[StatusProblem]:
    if reading.stopped_release:
        yield StatusProblem("deliveries", STOPPED)
    elif reading.oldest_s > MOST_WAIT_S:
        message = f"A delivery has waited for {reading.oldest_s:.0f} s: is a worker running?"
        yield StatusProblem("deliveries", message)
    if deferred_count := sum(one.deferred for one in reading.partitions):
        deferred = pluralize(deferred_count, "delivery", "deliveries")
        yield StatusProblem(
            "aside", f"{deferred} set aside: see gateway dead-letters list --cause aside."
        )
    if reading.canary.missing_s > OVERDUE_S:
        ago = f"{reading.canary.missing_s:.0f} s"
        yield StatusProblem("canary", f"No canary has arrived for {ago}: what does the log say?")
    for number in reading.numbers:
        for priority, lanes in number.lanes.items():
            if lanes.overdue_s > MOST_WAIT_S:
                of = f"A {priority} of number {number.number}"
                part: Part = "reply" if priority == REPLY else "bulk"
                yield StatusProblem(
                    part, f"{of} has waited for {lanes.overdue_s:.0f} s to be sent."
                )


def _send_problems(reading: Snapshot) -> Iterator[StatusProblem]:
    for number in reading.numbers:
        for message in number.pauses.sentences():
            part: Part = "paused" if message.startswith("paused") else "held"
            yield StatusProblem(part, f"Number {number.number} is {message}.")
    if letters := sum(one.dead for one in reading.numbers):
        yield StatusProblem(
            "letters", f"{pluralize(letters, 'dead letter')}: see gateway dead-letters list."
        )
    for one in reading.numbers:
        if one.damaged:
            yield StatusProblem("store", f"Number {one.number} cannot be read: {one.damaged}.")
    if unread := sum(one.unreadable for one in reading.numbers):
        message = f"{pluralize(unread, 'event')} could not be read"
        yield StatusProblem(
            "letters", f"{message}: see gateway dead-letters list --cause unreadable."
        )
    if doubled := reading.total("sends.doubled"):
        yield StatusProblem("doubled", f"{pluralize(doubled, 'send')} reached Meta twice.")
