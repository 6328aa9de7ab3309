"""Quiet hours of a campaign: the part of a day in which nobody is written to, by their own clock.

The zones of a phone number are those of https://github.com/google/libphonenumber.
"""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import timezone

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.schedules.cron import list_zones
from gateway.core.sending.send import QuietSpan
from gateway.core.webhook.phone_numbers import normalize_phone

Zones = tuple[str, ...]
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_UNKNOWN = "Etc/Unknown"
_DAY = timedelta(days=1)
# Each zone ends its quiet hours at most once a day, so a look at the zones in turn ends.
_MOST_TURNS = 100


class QuietHours(NamedTuple):
    """From when to when nobody is written to, by the clock on the wall; it may go over midnight."""

    start: time
    end: time

    def is_quiet(self, zone: str, now: datetime) -> bool:
        """Say whether it is quiet in a zone at a moment."""
        at = now.astimezone(ZoneInfo(zone)).time()
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def opening(self, zones: Iterable[str], now: datetime) -> datetime | None:
        """Return the next moment at which it is quiet in none of some zones.

        That is now where it is so already, and None where the zones have no common moment.
        """
        names, at = list(zones), now
        for _ in range(_MOST_TURNS):
            quiet = next((zone for zone in names if self.is_quiet(zone, at)), None)
            if quiet is None:
                return at
            at = self._end(quiet, at)
            if at - now > 3 * _DAY:
                break
        return None

    def closing(self, zones: Iterable[str], now: datetime) -> datetime:
        """Return the moment at which it is quiet next in one of some zones."""
        return min(_next(self.start, zone, now) for zone in zones)

    def _end(self, zone: str, now: datetime) -> datetime:
        return _next(self.end, zone, now)


def find_span(quiet: QuietHours | None, zones: Zones, now: datetime) -> QuietSpan | None:
    """Return the quiet hours of a customer in some zones that last now, or else the next ones.

    None where there are none, or the zones have no common moment any more.
    """
    if quiet is None or not zones:
        return None
    # They may begin while recipients are being queued who were chosen just before.
    is_quiet = any(quiet.is_quiet(zone, now) for zone in zones)
    begins = now if is_quiet else quiet.closing(zones, now)
    ends = quiet.opening(zones, begins)
    return QuietSpan(begins, ends) if ends else None


def _next(of_day: time, zone: str, now: datetime) -> datetime:
    """Return the next moment after now at which the clocks of a zone show a time.

    They show one twice when they are put back; one that they leave out counts as later.
    """
    local = now.astimezone(ZoneInfo(zone))
    for days in range(3):
        first = datetime.combine((local + days * _DAY).date(), of_day, local.tzinfo)
        once, again = (one.astimezone(now.tzinfo) for one in (first, first.replace(fold=1)))
        if (at := once if once > now else max(once, again)) > now:
            return at
    return now + _DAY


def read_quiet_hours(reader: FieldReader, name: str) -> QuietHours | None:
    """Return the quiet hours in a field, such as {"from": "21:00", "to": "08:00"}."""
    match reader.fields.get(name):
        case None:
            return None
        case {"from": str(start), "to": str(end), **rest} if not rest:
            first, last = _TIME.fullmatch(start), _TIME.fullmatch(end)
            if first and last and start != end:
                return QuietHours(time.fromisoformat(start), time.fromisoformat(end))
    reader.add(name, 'must be two different times such as {"from": "21:00", "to": "08:00"}')
    return None


def write_quiet_hours(quiet: QuietHours | None) -> dict[str, str] | None:
    """Return quiet hours as a client writes them."""
    return {"from": f"{quiet.start:%H:%M}", "to": f"{quiet.end:%H:%M}"} if quiet else None


def zones_of_phone(phone: str) -> Zones:
    """Return the time zones in which a phone number may be, () where nothing is known of it."""
    try:
        number = phonenumbers.parse(f"+{phone}")
    except phonenumbers.NumberParseException:
        return ()
    found = timezone.time_zones_for_number(number)
    if _UNKNOWN in found:  # of no known range, such as a new one: its digits still name a country
        number = phonenumbers.parse(f"+{normalize_phone(phone)}")
        found = timezone.time_zones_for_geographical_number(number)
    return tuple(sorted(zone for zone in found if zone != _UNKNOWN))


class ZoneChoice:
    """Chooses the zones of recipients: as named, as stored, as their number says, or the account's.

    The first that is known counts; the account's also where zones have no common moment.
    """

    def __init__(self, quiet: QuietHours, home: str, now: datetime) -> None:
        """Take the account's zone, "" for UTC."""
        self._quiet, self._home, self._now = quiet, (home or "UTC",), now
        self._usable: dict[Zones, Zones] = {}

    def choose(self, named: str, stored: str, phone: str) -> Zones:
        """Return in which zones a recipient may be.

        `named` is a zone or "", and `stored` any text of their contact, which counts if it is one.
        """
        zone = named or (stored if stored in list_zones() else "")
        zones = (zone,) if zone else zones_of_phone(phone)
        if zones not in self._usable:
            has_moment = bool(zones) and self._quiet.opening(zones, self._now) is not None
            self._usable[zones] = zones if has_moment else self._home
        return self._usable[zones]
