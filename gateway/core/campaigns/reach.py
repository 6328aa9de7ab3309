"""Reach: with how many customers Meta lets a business begin conversations, and what is left of it.

The limit is of the whole business portfolio, counts each customer once in 24 hours, and leaves out
those whose window is open:
https://developers.facebook.com/documentation/business-messaging/whatsapp/messaging-limits
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)
UNLIMITED = 10**12  # more customers than there are
# Meta writes TIER_2K, and 2000 in some of its webhooks.
_LIMIT = re.compile(r"(?:TIER_)?(\d{1,9})(K|M)?")
_UNITS = {None: 1, "K": 1_000, "M": 1_000_000}


@dataclass(frozen=True, slots=True)
class Reach:
    """How many customers may be reached in 24 hours, and how many were."""

    limit: int
    used: int = 0  # by the numbers that share it, as this gateway counted them
    frees_at: datetime | None = None  # when the first of these do not count any more
    promised: int = 0  # to other campaigns, whose messages are queued or in hand

    @property
    def is_limited(self) -> bool:
        """Say whether there is a limit at all."""
        return self.limit < UNLIMITED

    @property
    def left(self) -> int:
        """Return how many more may be reached now."""
        return max(0, self.limit - self.used)

    def days_for(self, customers: int) -> int:
        """Return after how many days the last of so many customers can be reached, 0 for today."""
        beyond = customers - self.left
        return math.ceil(beyond / self.limit) if self.is_limited and beyond > 0 else 0

    def time_for(self, customers: int) -> timedelta:
        """Return how long it takes at least to reach so many customers."""
        return self.days_for(customers) * DAY


def parse_limit(word: str) -> int | None:
    """Return the limit that Meta names, such as TIER_2K; None for a word that names none."""
    if word == "TIER_UNLIMITED":
        return UNLIMITED
    match = _LIMIT.fullmatch(word)
    return int(match[1]) * _UNITS[match[2]] or None if match else None
