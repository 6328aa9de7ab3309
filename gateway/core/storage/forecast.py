"""When the store will be full, from how much it held some hours ago; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
# Less than that tells more of the hour than of the rate.
LEAST_MS = HOUR_MS
MOST_MS = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Forecast:
    """In how many days deliveries are refused at the present rate, None for never."""

    days: float | None
    hours: int  # over which the rate was taken

    def __str__(self) -> str:
        """Say it."""
        rate = f"at the rate of the last {self.hours} h"
        if self.days is None:
            return f"never full {rate}"
        if self.days < 2:
            return f"full in {self.days * 24:,.0f} hours {rate}"
        return f"full in {self.days:,.0f} days {rate}"


def forecast(
    now_ms: int, used_bytes: int, full_bytes: float, samples: Mapping[int, int]
) -> Forecast | None:
    """Compare what is used now with the oldest sample of the last day; None where there is none.

    `samples` holds how many bytes were used, by the moment in milliseconds.
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
