"""Line of a story: what happened, when, and what belongs below it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

Tone = Literal["", "good", "odd", "bad"]


@dataclass(frozen=True, slots=True)
class StoryLine:
    """Line of a story: what happened, details, and when; `at` is None if the time is unknown."""

    what: str
    details: str = ""
    at: datetime | None = None
    tone: Tone = ""
    below: tuple["StoryLine", ...] = ()

    def with_below(self, *below: "StoryLine") -> "StoryLine":
        """Return the line with more lines below it."""
        return replace(self, below=(*self.below, *below))

    def to_dict(self) -> dict[str, Any]:
        """Return the line and all lines below it in JSON form."""
        at = self.at.isoformat(timespec="milliseconds") if self.at else None
        below = [line.to_dict() for line in self.below]
        return {
            "at": at,
            "what": self.what,
            "details": self.details,
            "tone": self.tone,
            "below": below,
        }
