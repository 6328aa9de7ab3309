"""Timestamps: moments as the store counts them, in milliseconds since 1970 (UTC)."""

from datetime import UTC, datetime


def datetime_from_ms(milliseconds: str | bytes | float) -> datetime:
    """Return a timestamp of the store as a datetime in UTC."""
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC)


def ms_from_datetime(moment: datetime) -> int:
    """Return a moment as the store counts it."""
    return int(moment.timestamp() * 1000)
