"""Opening hours: when a shop is open, and when it opens or closes next."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)
# The search for a day that is open goes so far ahead: beyond a shop's longest holiday.
HORIZON = 62
# The days that a look for the last opening goes back; most shops opened within two.
LOOKS_BACK = (3, 9, HORIZON)
_TIME = re.compile(rf"(?:({'|'.join(DAYS)}) )?([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Minutes of a day between which a place is open; beyond 24 hours they are in the next day."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours of a place, by the clock of its zone; the week begins on Monday."""

    zone: str
    week: tuple[tuple[Span, ...], ...]
    closed: frozenset[date] = frozenset()

    def is_open(self, now: datetime) -> bool:
        """Say whether the place is open at a moment."""
        # A span that began yesterday may end after midnight.
        return any(start <= now < end for start, end in self._spans(self._day(now) - DAY, 2))

    def next_opening(self, now: datetime) -> datetime | None:
        """Return the next moment at which it opens, None if none was found."""
        starts = (start for start, _ in self._periods_from(now) if start > now)
        return self._local(next(starts, None))

    def next_closing(self, now: datetime) -> datetime | None:
        """Return the next moment at which it closes, None if none was found."""
        end_of_sight = self._moment(self._day(now) + HORIZON * DAY, 0)
        ends = (end for _, end in self._periods_from(now) if now < end < end_of_sight)
        return self._local(next(ends, None))

    def until_opening(self, now: datetime) -> timedelta | None:
        """Return the time until it opens next, None if no opening was found."""
        opening = Hours.next_opening(self, now)
        return opening - now if opening else None

    def since_opening(self, now: datetime) -> timedelta | None:
        """Return the time since it opened last, 0 at that moment, None if no opening was found."""
        for days in LOOKS_BACK:
            first = self._day(now) - days * DAY
            # What is open when the look begins may have opened before it.
            since = self._moment(first + DAY, 0)
            periods = self._open_periods(first, days + 1)
            if starts := [start for start, _ in periods if since <= start <= now]:
                return now - starts[-1]
        return None

    def local_time(self, now: datetime) -> datetime:
        """Return a moment by the clock of the zone."""
        return self._in_zone(now)

    def _in_zone(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.zone))

    def _periods_from(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        return self._open_periods(self._day(now) - DAY, HORIZON + 1)

    def _open_periods(self, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield the periods of so many days that are open without a gap."""
        current: tuple[datetime, datetime] | None = None
        for start, end in self._spans(first, days):
            if current and start <= current[1]:
                current = current[0], max(current[1], end)
                continue
            if current:
                yield current
            current = start, end
        if current:
            yield current

    def _spans(self, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
        for day in (first + n * DAY for n in range(days)):
            if day not in self.closed:
                for span in self.week[day.weekday()]:
                    yield self._moment(day, span.start), self._moment(day, span.end)

    def _moment(self, day: date, minutes: int) -> datetime:
        later, of_day = divmod(minutes, 24 * 60)
        local = datetime.combine(day + later * DAY, time(*divmod(of_day, 60)), ZoneInfo(self.zone))
        # Two moments of one zone would be compared by local time, which is put back in autumn.
        return local.astimezone(UTC)

    def _day(self, now: datetime) -> date:
        return self._in_zone(now).date()

    def _local(self, moment: datetime | None) -> datetime | None:
        return moment and self._in_zone(moment)


@dataclass(frozen=True, slots=True)
class TrialHours(Hours):
    """Opening hours that take another moment for now, so that their rules can be tried out."""

    now: str = ""  # as `is_trial_now` describes it

    def is_open(self, now: datetime) -> bool:
        """Say whether the place is open at the moment of the trial."""
        return Hours.is_open(self, self._trial_moment(now))

    def next_opening(self, now: datetime) -> datetime | None:
        """Return the next moment at which it opens, seen from that of the trial."""
        return Hours.next_opening(self, self._trial_moment(now))

    def next_closing(self, now: datetime) -> datetime | None:
        """Return the next moment at which it closes, seen from that of the trial."""
        return Hours.next_closing(self, self._trial_moment(now))

    def until_opening(self, now: datetime) -> timedelta | None:
        """Return the time from the moment of the trial until it opens next."""
        return Hours.until_opening(self, self._trial_moment(now))

    def since_opening(self, now: datetime) -> timedelta | None:
        """Return the time from the last opening to the moment of the trial."""
        return Hours.since_opening(self, self._trial_moment(now))

    def local_time(self, now: datetime) -> datetime:
        """Return the moment of the trial by the clock of the zone."""
        return self._in_zone(self._trial_moment(now))

    def _trial_moment(self, now: datetime) -> datetime:
        if written := _TIME.fullmatch(self.now):
            return self._next_time(now, *written.groups())
        # A place that never opens, or never closes, stays as it is.
        is_open = Hours.is_open(self, now)
        if self.now == "open":
            return now if is_open else Hours.next_opening(self, now) or now
        return Hours.next_closing(self, now) or now if is_open else now

    def _next_time(self, now: datetime, day: str | None, hour: str, minute: str) -> datetime:
        today = self._day(now)
        ahead = (DAYS.index(day) - today.weekday()) % 7 if day else 0
        return self._moment(today + ahead * DAY, int(hour) * 60 + int(minute))


def is_trial_now(text: str) -> bool:
    """Say whether a text names a moment for a trial: open, closed, 18:30 or sun 18:30."""
    return text in ("open", "closed") or _TIME.fullmatch(text) is not None


def try_hours(hours: Mapping[str, Hours], now: str) -> dict[str, Hours]:
    """Return hours, by their names, that take the moment named by `now` for the present."""
    return {
        name: TrialHours(one.zone, one.week, one.closed, now) if now else one
        for name, one in hours.items()
    }
