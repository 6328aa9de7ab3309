"""Forecast of when the store will be full, from its size some hours ago."""

from collections.abc import Mapping
from dataclasses import dataclass

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# A shorter span says more about the time of day than about the rate.
LEAST_MS = HOUR_MS
MOST_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Forecast:
    """The days until deliveries are refused at the present rate, None for never."""

    days: float | None
    hours: int  # over which the rate was taken

    def __str__(self) -> str:
        """Return the forecast in words."""
        rate = f"at the rate of the last {self.hours} h"
        if self.days is None:
            return f"never full {rate}"
        if self.days < 2:
            return f"full in {self.days * 24:,.0f} hours {rate}"
        return f"full in {self.days:,.0f} days {rate}"


def forecast(
    now_ms: int, used_bytes: int, full_bytes: float, samples: Mapping[int, int]
) -> Forecast | None:
    """Compare the bytes used now with the oldest sample of the last day; None if there is none.

    `samples` holds the bytes used, by the moment in milliseconds.
    """
    past = [at for at in samples if LEAST_MS <= now_ms - at <= MOST_MS + LEAST_MS]
    if not past or not full_bytes:
        return None
    since = min(past)
    hours = round((now_ms - since) / HOUR_MS)
    grown = used_bytes - samples[since]
    if grown <= 0:
        return Forecast(None, hours)
    left = max(0.0, full_bytes - used_bytes)
    return Forecast(left / grown * (now_ms - since) / DAY_MS, hours)
