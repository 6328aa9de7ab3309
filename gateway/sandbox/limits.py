"""Meta's throughput limits, as allowances that fill up again with time."""

from collections.abc import Hashable

from gateway.sandbox.errors import NUMBER_RATE, PAIR_RATE, Refusal

# https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform
PAIR_EVERY_S = 6.0
PAIR_BURST = 45
_KEYS_MAX = 100_000
# Moments are floats: without this, rounding would refuse the last message of a full burst.
_ROUNDING = 0.01


class Allowance:
    """One message every so many seconds, and a burst of so many at once, for each key."""

    def __init__(self, every_s: float, burst: int) -> None:
        """Start with a full allowance for every key."""
        self._every_s = every_s
        self._burst = burst
        self._paid_at: dict[Hashable, float] = {}  # When all that was spent is earned again.

    def has_room(self, key: Hashable, now: float) -> bool:
        """Tell whether one more message fits now."""
        owed = max(0.0, self._paid_at.get(key, now) - now) / self._every_s
        return owed <= self._burst - 1 + _ROUNDING

    def spend(self, key: Hashable, now: float) -> None:
        """Count one message; nobody ever owes more than a burst."""
        if len(self._paid_at) >= _KEYS_MAX:
            self._paid_at = {key: at for key, at in self._paid_at.items() if at > now}
        paid_at = max(self._paid_at.get(key, now), now) + self._every_s
        self._paid_at[key] = min(paid_at, now + self._burst * self._every_s)


class Limits:
    """The limit of a business number and that of a pair of number and customer."""

    def __init__(self, messages_per_second: int) -> None:
        """Start with nothing sent."""
        self._numbers = Allowance(1 / messages_per_second, messages_per_second)
        self._pairs = Allowance(PAIR_EVERY_S, PAIR_BURST)

    def take(self, number_id: str, customer: str, now: float) -> Refusal | None:
        """Count a message of the business, or refuse it and count nothing."""
        if not self._numbers.has_room(number_id, now):
            return Refusal(NUMBER_RATE, "Cloud API message throughput has been reached.")
        if not self._pairs.has_room((number_id, customer), now):
            return Refusal(
                PAIR_RATE, "Too many messages sent from this phone number to the same phone number."
            )
        self._numbers.spend(number_id, now)
        self._pairs.spend((number_id, customer), now)
        return None

    def count_inbound(self, number_id: str, now: float) -> None:
        """Count a message of a customer: it uses the number's throughput and is never refused."""
        self._numbers.spend(number_id, now)
