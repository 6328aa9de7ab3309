"""Log of the judge: accepted and refused messages, and the fate of webhooks."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import orjson

from gateway.sandbox.errors import Refusal
from gateway.sandbox.wire import Json


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """One message that Meta would have sent on; `body` is the request as received."""

    wamid: str
    number: str
    to: str = field(repr=False)
    callback: str | None
    body: orjson.Fragment = field(repr=False)
    at: float


@dataclass(slots=True)
class WebhookTally:
    """Counts of POSTs made, answered with 200, and not, and of the updates that are still owed.

    Updates without a subscribed app are posted nowhere.
    """

    posted: int = 0
    ok: int = 0
    failed: int = 0
    pending: int = 0
    nowhere: int = 0


class Log:
    """Newest entries of each kind, oldest first."""

    def __init__(self, most: int) -> None:
        """Start empty; keep at most so many entries of each kind."""
        self._messages: deque[AcceptedMessage] = deque(maxlen=most)
        self._refused: deque[Json] = deque(maxlen=most)
        self.tally = WebhookTally()

    def accept(self, message: AcceptedMessage) -> None:
        """Note an accepted message."""
        self._messages.append(message)

    def refuse(self, refusal: Refusal, at: float) -> None:
        """Note a refused request."""
        self._refused.append({"code": refusal.code, "at": at, "details": refusal.details})

    def clear(self) -> None:
        """Clear everything but the updates that are still owed."""
        self._messages.clear()
        self._refused.clear()
        self.tally.posted = self.tally.ok = self.tally.failed = self.tally.nowhere = 0

    def show(self) -> Json:
        """Return the whole log, ready to be written as JSON by orjson."""
        return {
            "messages": list(self._messages),
            "refused": list(self._refused),
            "webhooks": asdict(self.tally),
        }


_SECONDS_MAX = 3_600


class MessagePace:
    """Counts of one number; of the seconds with accepted messages, only the newest are kept."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._seconds: deque[list[int]] = deque(maxlen=_SECONDS_MAX)
        self._refused: Counter[int] = Counter()
        self._accepted = self._inbound = 0

    def count_inbound(self) -> None:
        """Count a message of a customer."""
        self._inbound += 1

    def accept(self, now: float) -> None:
        """Count an accepted message."""
        self._accepted += 1
        second = int(now)
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append([second, 0])
        self._seconds[-1][1] += 1

    def refuse(self, code: int) -> None:
        """Count a refused message."""
        self._refused[code] += 1

    def show(self) -> Json:
        """Return all counts; the seconds are pairs of a second and its accepted messages."""
        refused = {str(code): times for code, times in sorted(self._refused.items())}
        counts: Json = {"accepted": self._accepted, "inbound": self._inbound, "refused": refused}
        return counts | {"seconds": list(self._seconds)}


class Paces:
    """Counts of all numbers."""

    def __init__(self, number_ids: Iterable[str]) -> None:
        """Start with nothing counted."""
        self._by_number = {number_id: MessagePace() for number_id in number_ids}

    def of(self, number_id: str) -> MessagePace:
        """Return the counts of a number; one without counts begins at zero."""
        return self._by_number.setdefault(number_id, MessagePace())

    def clear(self) -> None:
        """Start counting again."""
        self._by_number = {number_id: MessagePace() for number_id in self._by_number}

    def show(self) -> Json:
        """Return the counts of each number."""
        return {number_id: pace.show() for number_id, pace in self._by_number.items()}
