"""When planning has to stop: a bad release must not turn every message into a dead letter; pure."""

from collections import deque
from dataclasses import dataclass, field

IN_A_ROW = 20
SHARE = 0.01
WINDOW_S = 60.0


@dataclass(slots=True)
class Breaker:
    """Counts events whose planning raised, in a row and within a minute, under one release."""

    release: str = ""
    streak: int = 0
    _noted: deque[tuple[float, int, int]] = field(default_factory=deque)

    def note(self, release: str, planned: int, failed: int, now_s: float) -> bool:
        """Count a batch that was planned under a release, and say whether planning has to stop.

        It has to after 20 failures in a row, and after 20 within a minute where they are more than
        one in a hundred: a single customer's odd message must not stop the house. What failed
        under another release tells nothing of this one.
        """
        if release != self.release:
            self.reset()
            self.release = release
        self.streak = self.streak + failed if not planned else failed
        self._noted.append((now_s, planned, failed))
        while self._noted[0][0] < now_s - WINDOW_S:
            self._noted.popleft()
        failures = sum(one[2] for one in self._noted)
        events = failures + sum(one[1] for one in self._noted)
        often = failures >= IN_A_ROW and failures > SHARE * events
        return failed > 0 and (self.streak >= IN_A_ROW or often)

    def reset(self) -> None:
        """Begin to count afresh, after a stop."""
        self.streak = 0
        self._noted.clear()
