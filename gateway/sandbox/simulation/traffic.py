"""The judge's log: what was accepted, what was refused, and how webhooks fared."""

from collections import deque
from dataclasses import asdict, dataclass, field

import orjson

from gateway.sandbox.errors import Refusal
from gateway.sandbox.wire import Json


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that Meta would have sent on; `body` is the request as it came."""

    wamid: str
    number: str
    to: str = field(repr=False)
    callback: str | None
    body: orjson.Fragment = field(repr=False)
    at: float


@dataclass(slots=True)
class Tally:
    """POSTs made, those answered with 200, those not, and the updates that are still owed.

    Updates that nobody is subscribed to are posted nowhere.
    """

    posted: int = 0
    ok: int = 0
    failed: int = 0
    pending: int = 0
    nowhere: int = 0


class Log:
    """The newest entries of each kind, oldest first."""

    def __init__(self, most: int) -> None:
        """Start empty; keep at most so many entries of each kind."""
        self._messages: deque[Accepted] = deque(maxlen=most)
        self._refused: deque[Json] = deque(maxlen=most)
        self.tally = Tally()

    def accept(self, message: Accepted) -> None:
        """Note an accepted message."""
        self._messages.append(message)

    def refuse(self, refusal: Refusal, at: float) -> None:
        """Note a refused request."""
        self._refused.append({"code": refusal.code, "at": at, "details": refusal.details})

    def clear(self) -> None:
        """Forget everything but the updates that are still owed."""
        self._messages.clear()
        self._refused.clear()
        self.tally.posted = self.tally.ok = self.tally.failed = self.tally.nowhere = 0

    def show(self) -> Json:
        """Give the whole log, ready to be written as JSON by orjson."""
        return {
            "messages": list(self._messages),
            "refused": list(self._refused),
            "webhooks": asdict(self.tally),
        }
