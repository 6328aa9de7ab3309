"""Whether all is well, and what is not, in sentences; pure."""

from collections.abc import Iterator

from gateway.cli.trace_line import many
from gateway.core.canary import OVERDUE_S
from gateway.store.rulebooks import sentences
from gateway.store.standing import Reading

MOST_WAIT_S = 60
TICK_EVERY_S = 10
# From here history gives way to what waits, and soon deliveries are refused.
NEARLY_FULL = 0.60
STOPPED = (
    "Planning has stopped, for too many events raised an error: see gateway dead-letters list."
)
AWAY = "Redis does not answer: nothing is kept, and Meta is told to come again."


def judge(reading: Reading | None) -> list[str]:
    """Name everything that is wrong; None is a server that does not answer."""
    if reading is None:
        return [AWAY]
    return [
        *_server(reading),
        *sentences(reading.rulebooks),
        *_waits(reading),
        *_sends(reading),
    ]


def _server(reading: Reading) -> Iterator[str]:
    yield from reading.health.fatal
    used, limit = reading.health.used_bytes, reading.health.limit_bytes
    if limit and used > NEARLY_FULL * limit:
        yield f"Redis is nearly full: {used * 100 // limit} % of its limit are used."
    tick_s = reading.ago_s.get("tick")
    if tick_s is None:
        yield "There was no tick within a day: is beat running?"
    elif tick_s > TICK_EVERY_S:
        yield f"The last tick was {tick_s:.0f} s ago: are beat and a worker running?"


def _waits(reading: Reading) -> Iterator[str]:
    if reading.stopped:
        yield STOPPED
    elif reading.oldest_s > MOST_WAIT_S:
        yield f"A delivery has waited for {reading.oldest_s:.0f} s: is a worker running?"
    if aside := sum(one.aside for one in reading.partitions):
        late = many(aside, "delivery", "deliveries")
        yield f"{late} set aside: see gateway dead-letters list --cause aside."
    if reading.canary.missing_s > OVERDUE_S:
        yield f"No canary has arrived for {reading.canary.missing_s:.0f} s: what does the log say?"
    for number in reading.numbers:
        for rank, lanes in number.lanes.items():
            if lanes.overdue_s > MOST_WAIT_S:
                waited = f"{lanes.overdue_s:.0f} s"
                yield f"A {rank} of number {number.number} has waited for {waited} to be sent."


def _sends(reading: Reading) -> Iterator[str]:
    for number in reading.numbers:
        for told in number.stops.sentences():
            yield f"Number {number.number} is {told}."
    if letters := sum(one.dead for one in reading.numbers):
        yield f"{many(letters, 'dead letter')}: see gateway dead-letters list."
    if doubled := reading.total("sends.doubled"):
        yield f"{many(doubled, 'send')} reached Meta twice."
