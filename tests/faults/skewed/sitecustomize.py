"""Shifts the clock of a process by SKEW_S seconds; Python imports this before all else.

Only what is asked of Python is shifted: `time.time`, and `datetime` where it asks for now. What
runs by the monotonic clock is right on a host whose clock is wrong, and so it is here.
"""

import datetime
import os
import time
from typing import Any

SKEW_S = int(os.environ.get("SKEW_S", "0"))
_time, _time_ns = time.time, time.time_ns


class _Kind(type):
    def __instancecheck__(cls, made: object) -> bool:
        return isinstance(made, _Real)


_Real = datetime.datetime


class Skewed(_Real, metaclass=_Kind):
    """The time of a host whose clock is wrong."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _Real.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _Real.fromtimestamp(time.time(), datetime.UTC).replace(tzinfo=None)


if SKEW_S:
    time.time = lambda: _time() + SKEW_S
    time.time_ns = lambda: _time_ns() + SKEW_S * 1_000_000_000
    datetime.datetime = Skewed  # type: ignore[misc]
