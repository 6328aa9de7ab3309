"""Resend policy: when an unconfirmed send may be posted once more.

Meta may have accepted it, and its status webhook may be on its way. The cause of a missed response
is often the cause of a missed status too: a restart, a deploy, a broken connection. So silence
proves nothing by itself; it counts only if the stream of statuses was whole for long enough, later
sends of the same number had their statuses, and all deliveries stored before have been worked off.
Even then it is strong evidence and not proof, so a send is repeated once at most.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.core.sending.send import StatusUpdate

CONFIRM_WAIT = timedelta(seconds=120)
# Meta repeats a refused webhook with decreasing frequency. While each pause is at most three times
# the time before it, a status that met a gap has arrived after three more times its length.
GAP_FACTOR = 3
# A status that arrives later than this after the time that it reports was held up somewhere.
LATE = timedelta(seconds=10)
# Meta gives up after seven days, so an older status was replayed.
NOT_LATE_BUT_OLD = timedelta(days=7)

Policy = Literal["evidence", "never", "always"]
Choice = Literal["again", "wait", "leave"]


@dataclass(frozen=True, slots=True)
class DoubtEvidence:
    """An unconfirmed send, and what happened in its lane since."""

    attempted_at: datetime  # when its last attempt ended, or was found to have died
    is_template: bool  # Meta may hold a template for an hour before its first status
    repeated: bool  # it was posted again on evidence before
    overtaken: bool  # a later send of its lane was accepted: it would arrive out of order


@dataclass(frozen=True, slots=True)
class StatusStream:
    """State of the stream of statuses, as far as one number is concerned."""

    whole_from: datetime  # the end of the last gap, plus the time that has to pass after it
    proved_to: datetime | None  # the latest attempt of the number that got its status
    worked_off_to: datetime  # every delivery stored before this moment is committed or given up
    lost_to: datetime | None = None  # the operator gave up deliveries that may have held statuses


def decide_resend(
    doubt: DoubtEvidence, stream: StatusStream, policy: Policy, now: datetime
) -> Choice:
    """Decide what to do about an unconfirmed send now; waiting is always safe."""
    if policy == "never" or doubt.repeated or doubt.overtaken:
        return "leave"
    wait_over = doubt.attempted_at + CONFIRM_WAIT
    if policy == "always":
        return "again" if now >= wait_over else "wait"
    lost = stream.lost_to is not None and doubt.attempted_at <= stream.lost_to
    if doubt.is_template or lost:
        return "leave"
    proved = stream.proved_to is not None and stream.proved_to > doubt.attempted_at
    whole = now >= max(wait_over, stream.whole_from)
    # A delivery stored before the wait was over may hold the status that confirms it.
    worked_off = stream.worked_off_to >= max(wait_over, stream.whole_from)
    return "again" if whole and proved and worked_off else "wait"


def revealed_gap(status_update: StatusUpdate) -> timedelta:
    """Return the gap that a status reveals, zero if it was in time or replayed by the operator."""
    reveals = not status_update.replayed and LATE < status_update.delay < NOT_LATE_BUT_OLD
    return status_update.delay if reveals else timedelta(0)


def whole_again_at(gap_end: datetime, length: timedelta) -> datetime:
    """Return the moment from which the stream counts as whole again after a gap."""
    return gap_end + max(CONFIRM_WAIT, GAP_FACTOR * length)
