"""Result of a send, as a request that waits for it sees it; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ACCEPTED = frozenset({"accepted", "sent", "delivered", "read", "played"})
REFUSED = frozenset({"dead", "dropped", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class SendResult:
    """Stage of a send, "" where it is forgotten, and what Meta answered."""

    stage: str
    wamid: str = ""
    address: str = field(default="", repr=False)  # as it was posted to
    message_status: str = ""
    error: Mapping[str, Any] = field(default_factory=dict)  # why it ended
    latest_refusal: Mapping[str, Any] = field(default_factory=dict)  # of an attempt
    is_repeatable: bool = False

    @property
    def is_accepted(self) -> bool:
        """Say whether Meta has it, and by which id."""
        return self.stage in ACCEPTED and (bool(self.wamid) or self.is_repeatable)

    @property
    def is_final(self) -> bool:
        """Say whether it is over, as far as its request is concerned."""
        return self.is_accepted or self.stage in REFUSED or not self.stage

    @property
    def is_settled(self) -> bool:
        """Say whether nobody should wait for more: it is final, or waits for days itself."""
        return self.is_final or self.stage == "parked"
