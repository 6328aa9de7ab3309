"""The stream of statuses: whether anything could have kept one from reaching us, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.core.sending.resend_policy import CONFIRM_WAIT, GAP_FACTOR
from gateway.store import keys
from gateway.store.redis.client import Call, Store

# A web process says once a second that it is alive.
SILENT_MS = 3_000


def note(gap: timedelta = timedelta(0), *, alive: bool = False) -> Call:
    """Return the call that notes a gap which ends now, or that a web process is alive."""
    wait_ms = int(CONFIRM_WAIT.total_seconds() * 1000)
    gap_ms = max(0, int(gap.total_seconds() * 1000))
    return Call("stream", keys.STREAM, [gap_ms, int(alive), SILENT_MS, wait_ms, GAP_FACTOR])


def whole_from(store: Store) -> datetime:
    """Return the moment from which the stream counts as whole; in the future after a gap."""
    moment: Any = store.call("stream", keys.STREAM, *note().args)
    return datetime.fromtimestamp(moment / 1000, UTC)


def note_lost(store: Store) -> None:
    """Note that statuses of what was tried until a little after now may be lost for good."""
    seconds, _ = store.run(lambda client: client.time())
    until_ms = (seconds + int(CONFIRM_WAIT.total_seconds())) * 1000
    store.run(lambda client: client.hset(keys.STREAM, "lost", str(until_ms)))


def lost_to(store: Store) -> datetime | None:
    """Return the moment until which statuses may be lost for good, None where none are."""
    until_ms: Any = store.run(lambda client: client.hget(keys.STREAM, "lost"))
    return datetime.fromtimestamp(int(until_ms) / 1000, UTC) if until_ms else None


def note_gap(store: Store, length: timedelta) -> None:
    """Note that something was late or missing for so long until now."""
    store.call("stream", keys.STREAM, *note(length).args)
