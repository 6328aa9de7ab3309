"""Figures of `gateway status` in words; pure."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gateway.core.sending.send import STATUS_RANK
from gateway.store.monitoring.canary import Canary
from gateway.store.monitoring.number_state import NumberState
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.outgoing.receiver_states import ReceiverState, describe_condition

# What Meta's statuses told, and what became of sends otherwise.
REPORTED = tuple(stage for stage, rank in STATUS_RANK.items() if rank > STATUS_RANK["accepted"])
BARS, LEAST_BARS, MOST_BARS = " ▁▂▃▄▅▆▇█", 3, 30
ENDED = ("dead", "expired", "dropped", "doubled")


def describe_sends(number: NumberState) -> str:
    """Describe how many sends ever reached each stage, and how many wait for something.

    A status may come for a send whose answer was lost, so more may be sent than accepted.
    """
    stages = number.stages
    reported = {stage: stages[stage] for stage in REPORTED if stage in stages}
    ended = {stage: stages[stage] for stage in ENDED if stage in stages}
    now = {
        "later": number.due,
        "parked": number.parked,
        "unconfirmed": number.unconfirmed,
        "dead letters": number.dead,
    }
    parts = (
        f"{stages['accepted']:,} accepted by Meta" if "accepted" in stages else "",
        f"its statuses: {format_counts(reported)}" if reported else "",
        format_counts(ended | {name: count for name, count in now.items() if count}),
    )
    return "; ".join(filter(None, parts)) or "none"


def format_rate(per_s: float | None) -> str:
    """Format a rate, which is unknown after one reading."""
    return "–" if per_s is None else f"{per_s:,.1f}/s"


def draw_rates(rates: Sequence[float | None], most: int = MOST_BARS) -> str:
    """Draw rates as bars, the newest last; "" where too few are known to show a course."""
    known = [one for one in rates if one is not None][-most:]
    highest = max(known, default=0.0)
    if len(known) < LEAST_BARS or not highest:
        return ""
    # Only nothing at all is drawn as nothing.
    heights = (math.ceil(one / highest * (len(BARS) - 1)) for one in known)
    return "".join(BARS[height] for height in heights)


def format_counts(counts: Mapping[str, int]) -> str:
    """Format counts by name."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def format_seconds(waited_s: float) -> str:
    """Format how long something waits, "" where nothing does."""
    return f"{waited_s:,.1f} s" if waited_s else ""


def format_megabytes(size: int) -> str:
    """Format a size in bytes."""
    return f"{size / (1 << 20):,.1f} MB"


def format_memory(now: Snapshot) -> str:
    """Describe how much of the memory is used, and how long it lasts."""
    used, limit = now.health.used_bytes, now.health.limit_bytes
    of_limit = f" of {format_megabytes(limit)}" if limit else ""
    usage = f"{format_megabytes(used)}{of_limit}"
    return f"{usage}, {now.forecast}" if now.forecast else usage


def format_canary(canary: Canary) -> str:
    """Describe when the last canary arrived, and how long it took."""
    if canary.took_s is None or canary.age_s is None:
        return "none has arrived yet"
    return f"{canary.age_s:,.1f} s ago, after {canary.took_s:,.2f} s"


def format_calls(number: NumberState) -> str:
    """Describe how many calls of services wait, and what became of the others."""
    waiting = f"{number.calls:,} wait, the oldest for {number.oldest_call_s:,.1f} s"
    parts = [waiting] if number.calls else ["none waits"]
    return ", ".join([*parts, format_counts(number.call_counts)])


def iter_receivers(receivers: Iterable[ReceiverState], number: str) -> Iterator[tuple[str, str]]:
    """Yield each receiver of a number's forwards, how it is, and what waits for it."""
    for one in receivers:
        if one.number == number:
            dead = f", {one.dead:,} dead" if one.dead else ""
            counts = f"{one.waiting:,} wait, {one.delivered:,} received{dead}"
            yield f"forwards to {one.receiver}", f"{describe_condition(one)}, {counts}"


def format_notifications(number: NumberState) -> str:
    """Describe how many notifications wait, and what became of the others."""
    waiting = f"{number.notifications:,} wait, the oldest for {number.oldest_notification_s:,.1f} s"
    parts = [waiting] if number.notifications else ["none waits"]
    return ", ".join([*parts, format_counts(number.notification_counts)])
