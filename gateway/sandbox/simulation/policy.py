"""What Meta's policies say of a message: to whom a business may write what, and when."""

from dataclasses import dataclass

from gateway.sandbox.codes import NO_USER_ID, OPTED_OUT, WINDOW_CLOSED
from gateway.sandbox.config import Config
from gateway.sandbox.errors import Refusal
from gateway.sandbox.simulation.customers import Person
from gateway.sandbox.wire import Json

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
    """A policy that a message breaks; `at_once` where the answer tells, not a failed status."""

    refusal: Refusal
    at_once: bool


class Policy:
    """Judges messages by who wrote when, who stopped marketing, and which template it is."""

    def __init__(self, config: Config) -> None:
        """Start with the templates of the configuration."""
        self._window, self._opt_out = config.enforce_window, config.enforce_opt_out
        self.templates: dict[str, str] = dict(config.templates)

    def category(self, body: Json) -> str:
        """Give the category that decides price and consent."""
        if body.get("type") != "template":
            return SERVICE
        return self.templates.get(body["template"]["name"], "utility")

    def breach(self, number_id: str, person: Person, body: Json, now: float) -> Breach | None:
        """Give the policy that a checked message breaks, if it breaks one."""
        category = self.category(body)
        if category == "authentication" and not body.get("to"):
            return Breach(_ONLY_PHONE, at_once=True)
        if category == "marketing" and number_id in person.stopped:
            return _breach(_STOPPED, self._opt_out)
        if category == SERVICE and self._window != "off" and not is_open(person, number_id, now):
            return _breach(_CLOSED, self._window)
        return None


def is_open(person: Person, number_id: str, now: float) -> bool:
    """Tell whether a customer wrote to a number within the last 24 hours."""
    wrote_at = person.wrote_at.get(number_id)
    return wrote_at is not None and now - wrote_at < WINDOW_S


def _breach(refusal: Refusal, told_by: str) -> Breach | None:
    return None if told_by == "off" else Breach(refusal, at_once=told_by == "answer")
