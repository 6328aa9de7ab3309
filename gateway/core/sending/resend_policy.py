"""Whether an unconfirmed send may be posted once more; pure.

Meta may have had it, and its status webhook may be on its way. What made us miss the answer often
made us miss the status too: a restart, a deploy, a cut line. So silence proves nothing by itself;
it counts only when the stream of statuses was whole for long enough, when later sends of the same
number had theirs, and when all that was kept before has been worked off. Even then it is strong
evidence and not proof, so a send is repeated once at most.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gateway.core.sending.send import StatusUpdate

CONFIRM_WAIT = timedelta(seconds=120)
# Meta repeats a refused webhook with decreasing frequency. While each pause is at most three times
# what went before, a status that met a gap has arrived when three more of its length have passed.
GAP_FACTOR = 3
# A status that comes later than this after what it tells of was held up somewhere.
LATE = timedelta(seconds=10)
# Meta gives up after seven days, so what is older was posted by somebody who replays.
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
    """How whole the stream of statuses is, as far as one number is concerned."""

    whole_from: datetime  # the end of the last gap, and what has to pass after it
    proved_to: datetime | None  # the latest attempt of the number that had its status
    worked_off_to: datetime  # everything kept before this moment is committed, or given up
    lost_to: datetime | None = None  # a person gave up deliveries that may have held statuses


def decide_resend(
    doubt: DoubtEvidence, stream: StatusStream, policy: Policy, now: datetime
) -> Choice:
    """Say what to do about a doubt now; to wait is always safe."""
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
    # What was kept until the wait was over may hold the status that confirms it.
    worked_off = stream.worked_off_to >= max(wait_over, stream.whole_from)
    return "again" if whole and proved and worked_off else "wait"


def revealed_gap(status_update: StatusUpdate) -> timedelta:
    """Return the gap that a status reveals, nothing for one in time, or put back by a person."""
    reveals = not status_update.replayed and LATE < status_update.delay < NOT_LATE_BUT_OLD
    return status_update.delay if reveals else timedelta(0)


def whole_again_at(gap_end: datetime, length: timedelta) -> datetime:
    """Return the moment from which the stream counts as whole again after a gap."""
    return gap_end + max(CONFIRM_WAIT, GAP_FACTOR * length)
