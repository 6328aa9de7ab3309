"""Meta's policies on messages: to whom a business may write what, and when."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass

from gateway.sandbox.config import Config
from gateway.sandbox.errors import (
    NO_USER_ID,
    NUMBER_RATE,
    OPTED_OUT,
    PAIR_RATE,
    WINDOW_CLOSED,
    Refusal,
)
from gateway.sandbox.simulation.customers import SimulatedPerson
from gateway.sandbox.templates import Templates, category_of, find_refusal
from gateway.sandbox.wire import Json

# https://developers.facebook.com/documentation/business-messaging/whatsapp/about-the-platform
PAIR_EVERY_S = 6.0
PAIR_BURST = 45
_KEYS_MAX = 100_000
# Times are floats: without this, rounding would refuse the last message of a full burst.
_ROUNDING = 0.01
_TOO_FAST = Refusal(NUMBER_RATE, "Cloud API message throughput has been reached.")
_TOO_OFTEN = Refusal(
    PAIR_RATE, "Too many messages sent from this phone number to the same phone number."
)


class Allowance:
    """Rate limit for each key: one message every so many seconds, and a burst at once."""

    def __init__(self, every_s: float, burst: int) -> None:
        """Start with a full allowance for every key."""
        self._every_s = every_s
        self._burst = burst
        self._paid_at: dict[Hashable, float] = {}  # When all that was spent is earned again.

    def has_room(self, key: Hashable, now: float) -> bool:
        """Return whether one more message fits now."""
        owed = max(0.0, self._paid_at.get(key, now) - now) / self._every_s
        return owed <= self._burst - 1 + _ROUNDING

    def spend(self, key: Hashable, now: float) -> None:
        """Count one message; the debt is never more than a burst."""
        if len(self._paid_at) >= _KEYS_MAX:
            self._paid_at = {key: at for key, at in self._paid_at.items() if at > now}
        paid_at = max(self._paid_at.get(key, now), now) + self._every_s
        self._paid_at[key] = min(paid_at, now + self._burst * self._every_s)


class ThroughputLimits:
    """Limits of a business number and of a pair of number and customer."""

    def __init__(self, messages_per_second: int) -> None:
        """Start with nothing sent."""
        self._granted: defaultdict[str, int] = defaultdict(lambda: messages_per_second)
        self._numbers: dict[str, Allowance] = {}
        self._pairs = Allowance(PAIR_EVERY_S, PAIR_BURST)

    def grant(self, number_id: str, messages_per_second: int) -> None:
        """Set how many messages a second a number may send; it begins with a full allowance."""
        self._granted[number_id] = messages_per_second
        self._numbers.pop(number_id, None)

    def take(self, number_id: str, customer: str, now: float) -> Refusal | None:
        """Count a message of the business, or refuse it and count nothing."""
        number = self._number(number_id)
        if not number.has_room(number_id, now):
            return _TOO_FAST
        if not self._pairs.has_room((number_id, customer), now):
            return _TOO_OFTEN
        number.spend(number_id, now)
        self._pairs.spend((number_id, customer), now)
        return None

    def count_inbound(self, number_id: str, now: float) -> None:
        """Count a message of a customer: it uses the number's throughput and is never refused."""
        self._number(number_id).spend(number_id, now)

    def _number(self, number_id: str) -> Allowance:
        allowance = self._numbers.get(number_id)
        if allowance is None:
            rate = self._granted[number_id]
            allowance = self._numbers[number_id] = Allowance(1 / rate, rate)
        return allowance


# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
WINDOW_S = 24 * 60 * 60
SERVICE = "service"
_CLOSED = Refusal(
    WINDOW_CLOSED, "More than 24 hours have passed since the recipient last replied to this number."
)
_STOPPED = Refusal(OPTED_OUT, "The recipient has stopped marketing messages from this business.")
_ONLY_PHONE = Refusal(NO_USER_ID, "Authentication templates need the recipient's phone number.")


@dataclass(frozen=True, slots=True)
class Breach:
    """Policy that a message breaks; `at_once` if the answer reports it, not a failed status."""

    refusal: Refusal
    at_once: bool


class Policy:
    """Judges messages by who wrote when, who stopped marketing, and the template's category."""

    def __init__(self, config: Config) -> None:
        """Start with the templates of the configuration."""
        self._window, self._opt_out = config.enforce_window, config.enforce_opt_out
        self.templates: Templates = dict(config.templates)

    def category(self, body: Json) -> str:
        """Return the category that decides price and consent."""
        if body.get("type") != "template":
            return SERVICE
        return category_of(self.templates, body["template"]["name"])

    def breach(
        self, number_id: str, person: SimulatedPerson, body: Json, now: float
    ) -> Breach | None:
        """Return the policy that a checked message breaks, if any."""
        if body.get("type") == "template":
            template = body["template"]
            if refusal := find_refusal(self.templates, template["name"], _language(template)):
                return Breach(refusal, at_once=True)
        category = self.category(body)
        if category == "authentication" and not body.get("to"):
            return Breach(_ONLY_PHONE, at_once=True)
        if category == "marketing" and number_id in person.stopped:
            return _breach(_STOPPED, self._opt_out)
        # Of a group no window is known.
        if category == SERVICE and not person.is_group and not is_open(person, number_id, now):
            return _breach(_CLOSED, self._window_enforcement(number_id, person))
        return None

    def _window_enforcement(self, number_id: str, person: SimulatedPerson) -> str:
        is_set = self._window == "off" and number_id in person.set_windows
        return "status" if is_set else self._window


def window_left_s(person: SimulatedPerson, number_id: str, now: float) -> float:
    """Return for how many seconds the window is still open, 0 if it is closed."""
    wrote_at = person.wrote_at.get(number_id)
    return 0.0 if wrote_at is None else max(0.0, wrote_at + WINDOW_S - now)


def is_open(person: SimulatedPerson, number_id: str, now: float) -> bool:
    """Return whether a customer wrote to a number within the last 24 hours."""
    return window_left_s(person, number_id, now) > 0


def _language(template: Json) -> str:
    return str(template["language"]["code"])


def _breach(refusal: Refusal, enforcement: str) -> Breach | None:
    return None if enforcement == "off" else Breach(refusal, at_once=enforcement == "answer")
