"""How many messages a second each number got through, and how often it was refused why."""

from collections import Counter, deque
from collections.abc import Iterable

from gateway.sandbox.wire import Json

_SECONDS_MAX = 3_600


class Pace:
    """Counts of one number; only the newest seconds in which something was accepted are kept."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._seconds: deque[list[int]] = deque(maxlen=_SECONDS_MAX)
        self._refused: Counter[int] = Counter()
        self._accepted = self._inbound = 0

    def hear(self) -> None:
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
        """Give all counts; the seconds are pairs of a second and its accepted messages."""
        refused = {str(code): times for code, times in sorted(self._refused.items())}
        counts: Json = {"accepted": self._accepted, "inbound": self._inbound, "refused": refused}
        return counts | {"seconds": list(self._seconds)}


class Paces:
    """The counts of all numbers."""

    def __init__(self, number_ids: Iterable[str]) -> None:
        """Start with nothing counted."""
        self._of = {number_id: Pace() for number_id in number_ids}

    def of(self, number_id: str) -> Pace:
        """Give the counts of a number; one that was not counted yet begins with nothing."""
        return self._of.setdefault(number_id, Pace())

    def clear(self) -> None:
        """Begin to count anew."""
        self._of = {number_id: Pace() for number_id in self._of}

    def show(self) -> Json:
        """Give the counts of each number."""
        return {number_id: pace.show() for number_id, pace in self._of.items()}
