"""Moments as a person writes them."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from gateway.cli.common import errors
from gateway.config.types import Duration

_DURATION: TypeAdapter[Duration] = TypeAdapter(Duration)


def moment(written: str, now: datetime) -> datetime | None:
    """Read "2h" as two hours ago, and a moment without a zone as UTC; None where nothing is."""
    if not written:
        return None
    try:
        return now - _DURATION.validate_python(written)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        raise errors.fail(
            f"{written} is no time: write how long ago, as 2h, or when, as 2026-11-22T14:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
