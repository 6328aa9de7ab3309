"""Limits of rules: how often a rule may fire for one contact, and when it did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.storage.timestamps import ms_from_datetime

MOST_TIMES = 100  # that a limit may allow, since each firing is stored
MOST_MOMENTS = 200  # of all rules that are stored for one contact
MILLISECOND = timedelta(milliseconds=1)

# Of each rule the moment when its entry expires, then the moments when it fired; milliseconds.
Used = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Limit:
    """The most times that a rule may fire within a span; a cooldown is once.

    A firing is remembered for the span, or for as long as `lasts` says: of a cooldown until hours
    open, the span reaches back to the last opening, and what it forbids lasts until the next.
    """

    times: int
    within: timedelta
    lasts: timedelta | None = None


def reached_limit(used: Used, rule: str, limits: Sequence[Limit], now: datetime) -> Limit | None:
    """Return the limit that keeps a rule from firing now, None if it may fire.

    A firing that lies in the future, because a clock stepped back, counts as well.
    """
    moments = used.get(rule, ())[1:]
    for limit in limits:
        # In milliseconds, because a limit may reach back beyond the first year of datetime.
        since = ms_from_datetime(now) - limit.within // MILLISECOND
        if sum(moment > since for moment in moments) >= limit.times:
            return limit
    return None


def record_firing(used: Used, rule: str, limits: Sequence[Limit], now: datetime) -> Used:
    """Return the firings with this one added; unchanged if the rule has no limit."""
    if not limits:
        return used
    most = min(MOST_TIMES, max(limit.times for limit in limits))
    moments = sorted((*used.get(rule, ())[1:], ms_from_datetime(now)))[-most:]
    lasts = max(limit.within if limit.lasts is None else limit.lasts for limit in limits)
    until = ms_from_datetime(now) + lasts // MILLISECOND
    return _trim({**used, rule: (until, *moments)}, ms_from_datetime(now))


def note_answer(
    unanswered: tuple[str, ...], rule: str, *, is_answered: bool, used: Used
) -> tuple[str, ...]:
    """Return the rules within a limit whose last firing sent nothing, after one more firing."""
    if is_answered == (rule not in unanswered):
        return unanswered
    others = (other for other in unanswered if other != rule and other in used)
    return (*others,) if is_answered else (*others, rule)


def merge_used(one: Used, other: Used) -> Used:
    """Merge the firings of two contacts that are one customer; merging again adds nothing."""
    both = {
        rule: _merge_moments(one.get(rule, (0,)), other.get(rule, (0,)))
        for rule in {**one, **other}
    }
    return _trim(both, 0)


def _merge_moments(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    # Several moments of one batch are equal, so the larger number of each counts.
    moments = sorted((Counter(one[1:]) | Counter(other[1:])).elements())
    return (max(one[0], other[0]), *moments[-MOST_TIMES:])


def _trim(used: dict[str, tuple[int, ...]], now_ms: int) -> Used:
    """Drop entries that have expired, and beyond the bound those that expire first."""
    room = MOST_MOMENTS
    kept = {}
    for rule, moments in sorted(used.items(), key=lambda one: (-one[1][0], one[0])):
        room -= len(moments) - 1
        if moments[0] > now_ms and room >= 0:
            kept[rule] = moments
    return dict(sorted(kept.items()))
