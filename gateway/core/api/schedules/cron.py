"""Cron expressions: which there are, and the moments that one names in a time zone.

cronsim reads them as Debian's cron does. Around a change of the clock a time of day that does not
exist moves behind the gap, and one that comes twice counts the first time; an expression whose
minutes or hours begin with a star follows the hours as they pass.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

MOST_CHARACTERS = 128
FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
# Any day is as good to see whether an expression ever names a moment.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def find_cron_problem(expression: str) -> str:
    """Return what is wrong with an expression, "" for one that names moments."""
    parts = expression.split()
    if len(expression) > MOST_CHARACTERS:
        return f"must have at most {MOST_CHARACTERS} characters"
    if len(parts) != len(FIELDS):
        seconds = "; seconds are not supported" if len(parts) == len(FIELDS) + 1 else ""
        return f"must have five fields: {', '.join(FIELDS)}, such as 0 9 * * MON-FRI{seconds}"
    try:
        next(CronSim(expression, _SOME_DAY))
    except CronSimError as error:
        return f"cannot be read: {str(error).lower()}"
    except StopIteration:
        return "names no moment within fifty years"
    return ""


def find_zone_problem(name: str) -> str:
    """Return what is wrong with the name of a time zone, "" for one that is known."""
    if _is_zone(name):
        return ""
    close = get_close_matches(name[:64], list_zones(), n=1)
    hint = f"did you mean {close[0]}?" if close else "it looks like Europe/Lisbon"
    return f"is no time zone; {hint}"


@cache
def list_zones() -> frozenset[str]:
    """Return the names of all time zones; to collect them takes a moment once."""
    return frozenset(available_timezones())


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return False
    return True


def iter_moments(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Yield the moments of an expression after `after`, in UTC, for fifty years at most."""
    last = after
    # In an hour that comes twice, cronsim may begin with moments of its first time.
    for local in CronSim(expression, after.astimezone(ZoneInfo(zone))):
        moment = local.astimezone(UTC)
        if moment > last:
            yield moment
            last = moment


def next_moments(expression: str, zone: str, after: datetime, most: int) -> list[datetime]:
    """Return the first few moments after `after`."""
    return list(islice(iter_moments(expression, zone, after), most))
