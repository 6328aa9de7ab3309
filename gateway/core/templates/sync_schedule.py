"""When the list of an account's templates is fetched from Meta: at start, nightly, and on demand.

Nothing here depends on having run before: whoever looks later fetches what is due by then.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

# At most once a minute, however many ask, and not again at once after an error.
LEAST_PAUSE = timedelta(minutes=1)
AFTER_ERROR = timedelta(minutes=10)
# Accounts follow each other through an hour of the night.
NIGHT_HOUR = 2
OLD_AFTER = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class RegistryState:
    """What the store knows of an account's list: its size and age, and the latest attempt."""

    version: int = 0
    count: int = 0  # templates of the list as it was fetched
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    error: str = ""  # of the latest attempt, "" if it succeeded
    wanted_at: datetime | None = None  # when somebody asked for another list

    @property
    def is_filled(self) -> bool:
        """Return whether the list is known, so that a template beside it is none of Meta's.

        An empty list says nothing: a token that may see no templates gets one too.
        """
        return self.fetched_at is not None and self.count > 0


def may_fetch(state: RegistryState, now: datetime) -> bool:
    """Say whether Meta may be asked again now, by whoever needs it."""
    return state.tried_at is None or now - state.tried_at >= LEAST_PAUSE


def is_fetch_due(state: RegistryState, waba: str, now: datetime) -> bool:
    """Say whether the list has to be fetched: it is unknown, from before this night, or wanted."""
    pause = AFTER_ERROR if state.error else LEAST_PAUSE
    if state.tried_at is not None and now - state.tried_at < pause:
        return False
    if state.fetched_at is None or state.fetched_at < latest_night(waba, now):
        return True
    return state.wanted_at is not None and state.wanted_at > state.fetched_at


def is_old(state: RegistryState, now: datetime) -> bool:
    """Say whether a list that Meta gave before has not been renewed for days."""
    return state.fetched_at is not None and now - state.fetched_at > OLD_AFTER


def latest_night(waba: str, now: datetime) -> datetime:
    """Return the latest moment at which the nightly fetch of an account was due, in UTC."""
    minute = crc32(waba.encode()) % 60
    due = now.replace(hour=NIGHT_HOUR, minute=minute, second=0, microsecond=0)
    return due if due <= now else due - timedelta(days=1)
