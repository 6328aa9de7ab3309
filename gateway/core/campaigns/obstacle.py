"""Obstacle of a campaign: why it stands still though it runs, and until when."""

from datetime import datetime
from typing import Literal, NamedTuple

ObstacleReason = Literal["template", "reach", "number_paused", "number_held", "number_rests"]


class CampaignObstacle(NamedTuple):
    """Why nobody is written to just now, and until when if that is known."""

    reason: ObstacleReason
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Say whether it is still there."""
        return self.until is None or now < self.until
