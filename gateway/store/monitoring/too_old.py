"""Events that were too old to be answered: how many, of when, and the problem that they are.

The commit counts them in an episode, which is over an hour after the last of them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.core.alerts import HealthProblem
from gateway.core.storage.timestamps import datetime_from_ms

# The alert waits for the others that come at once after an outage, so that its count says enough.
SETTLED_MS = 60_000
# A clock this far ahead of ours makes a good part of `max_age`.
MOST_AHEAD_S = 60.0
_COUNT = "events."
_PLURALS = {"status": "statuses"}
_MOMENTS = ("since", "oldest", "newest", "kept_first", "kept_last")


@dataclass(frozen=True, slots=True)
class TooOldEvents:
    """Events of one episode; moments are milliseconds since 1970."""

    counts: Mapping[str, int]  # by kind of event
    since: int  # when the first of them was planned
    oldest: int  # when they happened
    newest: int
    kept_first: int  # when their deliveries were kept
    kept_last: int

    @property
    def span(self) -> str:
        """Say when they happened, to the minute."""
        oldest, newest = datetime_from_ms(self.oldest), datetime_from_ms(self.newest)
        if f"{oldest:%Y-%m-%d %H:%M}" == f"{newest:%Y-%m-%d %H:%M}":
            return f"{oldest:%Y-%m-%d %H:%M} UTC"
        form = "%H:%M" if oldest.date() == newest.date() else "%Y-%m-%d %H:%M"
        return f"{oldest:%Y-%m-%d %H:%M} to {newest.strftime(form)} UTC"


def parse_too_old(raw: Mapping[bytes, bytes]) -> TooOldEvents | None:
    """Parse the episode of a number; None if there is none, or it lacks a moment."""
    fields = {name.decode(): int(value) for name, value in raw.items()}
    if not fields.keys() >= set(_MOMENTS):
        return None
    counts = {
        name.removeprefix(_COUNT): count
        for name, count in fields.items()
        if name.startswith(_COUNT)
    }
    return TooOldEvents(counts, **{name: fields[name] for name in _MOMENTS})


def join_episodes(episodes: Iterable[TooOldEvents | None]) -> TooOldEvents | None:
    """Join the episodes of all numbers to one; None if there is none."""
    found = [one for one in episodes if one]
    if not found:
        return None
    counts: Counter[str] = Counter()
    for one in found:
        counts.update(one.counts)
    return TooOldEvents(
        counts=counts,
        since=min(one.since for one in found),
        oldest=min(one.oldest for one in found),
        newest=max(one.newest for one in found),
        kept_first=min(one.kept_first for one in found),
        kept_last=max(one.kept_last for one in found),
    )


def find_too_old(
    episodes: Iterable[TooOldEvents | None], now_ms: int, ahead_s: float
) -> Iterator[HealthProblem]:
    """Find that customers got no answer because their messages came too late, one for all."""
    if events := join_episodes(episodes):
        yield too_old_problem(events, now_ms, ahead_s)


def too_old_problem(events: TooOldEvents, now_ms: int, ahead_s: float) -> HealthProblem:
    """Return the problem; it is alerted once its first minute is over."""
    is_settled = now_ms - events.since >= SETTLED_MS
    verb = "was" if sum(events.counts.values()) == 1 else "were"
    return HealthProblem(
        "too_old" if is_settled else "too_old_growing",
        f"{describe_counts(events.counts)} of {events.span} {verb} too old to be answered.",
        f"{_describe_clock(ahead_s)}{_advice(events)}",
        severity="warning",
    )


def describe_counts(counts: Mapping[str, int]) -> str:
    """Describe how many events there are of each kind."""
    return " and ".join(
        f"{count:,} {kind if count == 1 else _PLURALS.get(kind, f'{kind}s')}"
        for kind, count in sorted(counts.items())
    )


def _describe_clock(ahead_s: float) -> str:
    if ahead_s <= MOST_AHEAD_S:
        return ""
    minutes = round(ahead_s / 60)
    return (
        f"The clock of Redis is {minutes} min ahead of the gateway's, which makes events look old: "
        "set the clocks right first. "
    )


def _advice(events: TooOldEvents) -> str:
    """Advise a dry run over just their deliveries, whose answers nobody has got."""
    since, until = (
        datetime_from_ms(at).replace(tzinfo=None).isoformat(timespec="milliseconds")
        for at in (events.kept_first, events.kept_last)
    )
    return (
        f"gateway replay dry-run --inbox --fresh --since {since} --until {until} shows what rules "
        "would answer now, and docs/operations.md what else there is to do."
    )
