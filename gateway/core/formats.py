"""Formats of what people read: durations, counts and moments in time."""

from datetime import UTC, datetime, timedelta

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def format_duration(length: timedelta) -> str:
    """Format a duration in its largest fitting unit."""
    seconds = max(0, int(length.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def pluralize(count: int, noun: str, plural: str = "") -> str:
    """Format a count with its noun."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {plural or noun + 's'}"


def format_time(moment: datetime) -> str:
    """Format a moment in UTC; Meta's are whole seconds."""
    milliseconds = moment.microsecond // 1000
    part = f".{milliseconds:03d}" if milliseconds else ""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}{part}Z"
