"""Filter of what the operator has to look at."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.dead_letters.dead_letter import DeadEvent, DeadForward, DeadSend
from gateway.core.dead_letters.deferred_delivery import DeferredDelivery

Letter = DeadSend | DeadEvent | DeadForward | DeferredDelivery


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Conditions on dead letters; an empty one matches all."""

    number: str | None = None
    numbers: frozenset[str] | None = None  # those of one account; None: of any
    causes: frozenset[str] = frozenset()
    codes: frozenset[int] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def has_number(self, number: str) -> bool:
        """Say whether dead letters of a number are wanted."""
        if self.number is not None and number != self.number:
            return False
        return self.numbers is None or number in self.numbers

    def matches(self, dead_letter: Letter) -> bool:
        """Say whether a dead letter of the right number and time has the causes and codes."""
        if self.causes and dead_letter.cause not in self.causes:
            return False
        return not self.codes or dead_letter.code in self.codes
