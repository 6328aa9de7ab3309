"""Course of a campaign: its phases, and what to do next, decided from its funnel and the time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from gateway.core.campaigns.definition import START_GRACE, Definition
from gateway.core.campaigns.reach import Reach
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.campaigns.stop_rules import QualityFall, Window, find_stop_reason
from gateway.core.campaigns.zone_groups import ZoneGroup, find_opening

Phase = Literal["draft", "scheduled", "running", "paused", "completed", "cancelled", "expired"]
PHASES: tuple[Phase, ...] = get_args(Phase)
ACTIVE: frozenset[Phase] = frozenset({"scheduled", "running", "paused"})  # something may follow
ENDED: frozenset[Phase] = frozenset({"completed", "cancelled", "expired"})

ObstacleReason = Literal["template", "reach", "number_paused", "number_held", "number_rests"]

LEAD_S = 2  # so many seconds' worth of messages is queued at most
LEAST_LEAD = 10
MOST_RETRYING = 10  # times as many that wait for another try do not count

ALL_WRITTEN = "every recipient was written to, or cannot be"

# However long nothing is due for a campaign.
LOOKED_AT_EVERY = timedelta(seconds=60)
# A running campaign to which no worker came for longer goes on only if an operator says so.
OUTAGE_GRACE = timedelta(minutes=15)
# So long a pause may last though the end passes that was computed, not given.
PAUSE_GRACE = timedelta(days=7)


class CampaignObstacle(NamedTuple):
    """Why nobody is written to just now, and until when if that is known."""

    reason: ObstacleReason
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Say whether it is still there."""
        return self.until is None or now < self.until


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next: a phase to go to and why, or that more recipients are queued."""

    phase: Phase | Literal[""] = ""
    by: str = ""
    reason: str = ""
    queues: bool = False  # more recipients may be queued
    most: int = 0  # at most so many, 0 for no bound
    until: datetime | None = None  # it waits until then
    is_quiet: bool = False  # it waits for the end of quiet hours
    is_reach_used_up: bool = False  # it waits until Meta lets it reach more customers


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a campaign at a moment."""

    phase: Phase
    definition: Definition
    funnel: Funnel
    recipients: int
    before: Window = field(default_factory=Window)  # at the mark
    opted_out: int = 0  # recipients who opted out after its message
    falls: Sequence[QualityFall] = ()  # of quality, since it started or was resumed
    codes: Mapping[int, datetime] = field(default_factory=dict)  # stop codes since then, with when
    first_done_at: datetime | None = None
    is_first_over: bool = False
    groups: Sequence[ZoneGroup] = ()  # of a campaign with quiet hours
    obstacle: CampaignObstacle | None = None  # beside its own course
    reach: Reach | None = None  # None where it is not known, or the message uses up none
    is_end_given: bool = True  # or else finish_by was computed at its start
    changed_at: datetime | None = None
    led_at: datetime | None = None  # when a worker last came to it, None where that is not known


def decide_step(standing: Standing, now: datetime) -> Step:
    """Return what a campaign does now; nothing is decided for one that is not active."""
    if standing.phase == "scheduled":
        return _decide_start(standing, now)
    end = _find_end(standing, now)
    if standing.phase in ("running", "paused") and end is not None and now >= end:
        return Step("expired", "finish_by", "the time until which it was to go on is over")
    return _decide_running(standing, now) if standing.phase == "running" else Step()


def next_look(standing: Standing, step: Step, now: datetime) -> datetime | None:
    """Return until when nothing is due after a step, None where something may be at any moment.

    Whatever changes a campaign lets it be looked at again at once.
    """
    if step.phase or standing.phase in ENDED:
        return None
    if standing.phase == "draft":  # that could not be started, or paused
        return now + LOOKED_AT_EVERY
    is_at_work = step.until is None or standing.funnel.of("queued", "attempting") > 0
    if standing.phase == "running" and is_at_work:
        return None
    moments = (now + LOOKED_AT_EVERY, step.until, _find_end(standing, now))
    return min(one for one in moments if one is not None)


def most_queued(definition: Definition, funnel: Funnel) -> int:
    """Return how many recipients of a campaign may be queued at most.

    Those who wait for another try of their own do not count, or a few of them would hold up all
    others. They are limited too: where Meta refuses most for a while, going on helps nobody.
    """
    lead = max(LEAST_LEAD, math.ceil(definition.pace * LEAD_S))
    return lead + min(funnel.retrying, MOST_RETRYING * lead)


def waits_for_retries(standing: Standing, step: Step) -> bool:
    """Say whether all that holds a running campaign up is that messages are to be tried again."""
    funnel, queued = standing.funnel, standing.funnel.of("queued")
    if standing.phase != "running" or not queued or funnel.of("attempting"):
        return False
    has_room = step.queues and queued < most_queued(standing.definition, funnel)
    return funnel.retrying >= queued and not (has_room and funnel.of("waiting"))


def _find_end(standing: Standing, now: datetime) -> datetime | None:
    """Return when a campaign expires.

    One that was computed leaves an operator time to resume, which computes it anew.
    """
    end = standing.definition.finish_by
    if end is None or standing.is_end_given:
        return end
    if standing.phase == "paused":
        return max(end, (standing.changed_at or end) + PAUSE_GRACE)
    return None if _was_left(standing, now) else end


def _was_left(standing: Standing, now: datetime) -> bool:
    """Say whether no worker came to a campaign for so long that an operator is to look first."""
    return standing.led_at is not None and now - standing.led_at > OUTAGE_GRACE


def _decide_running(standing: Standing, now: datetime) -> Step:
    rules, funnel = standing.definition.stop, standing.funnel
    reason = find_stop_reason(
        rules, funnel, standing.before, standing.opted_out, standing.falls, standing.codes
    )
    if funnel.pending == 0:
        too_late = f"; too late for a stop rule: {reason}" if reason else ""
        return Step("completed", "campaign", ALL_WRITTEN + too_late)
    if reason:
        return Step("paused", "stop_rule", reason)
    if standing.led_at and _was_left(standing, now):
        gap = f"no worker came to it from {standing.led_at:%Y-%m-%d %H:%M} to {now:%H:%M} UTC"
        return Step("paused", "outage", f"{gap}; resume it if it may still go")
    return _heed_reach(standing, _heed_quiet_hours(standing, _decide_queue(standing, now), now))


def _heed_reach(standing: Standing, step: Step) -> Step:
    """Return a step that queues no more customers than Meta lets it reach now.

    What is queued or in hand is about to use up its part.
    """
    reach = standing.reach
    if not step.queues or reach is None or not reach.is_limited:
        return step
    room = reach.left - reach.promised - standing.funnel.of("queued", "attempting")
    if room > 0:
        return replace(step, most=min(step.most or room, room))
    is_used_up = reach.left == 0
    until = reach.frees_at if is_used_up else None
    return replace(step, queues=False, until=until, is_reach_used_up=is_used_up)


def _heed_quiet_hours(standing: Standing, step: Step, now: datetime) -> Step:
    """Return a step that queues nobody while it is quiet for all who are left."""
    quiet = standing.definition.quiet
    if not step.queues or quiet is None or not standing.groups:
        return step
    opening = find_opening(standing.groups, quiet, now)
    if opening is None or opening <= now:
        return step
    return replace(step, queues=False, until=opening, is_quiet=True)


def _decide_start(standing: Standing, now: datetime) -> Step:
    start, end = standing.definition.start_at or now, standing.definition.finish_by
    if now < start:
        return Step(until=start)
    if standing.is_end_given and end is not None and now >= end:
        late = "the gateway was away when it was to start, and finish_by is over"
        return Step("expired", "finish_by", f"{late}; retry with the scope expired makes a draft")
    if now - start > START_GRACE:
        late = "the gateway was away when it was to start; resume it if it may still go"
        return Step("paused", "missed_start", late)
    return Step("running", "schedule", "its time has come")


def _decide_queue(standing: Standing, now: datetime) -> Step:
    """Return how many recipients may be queued: at first only the first batch.

    Who is passed, since nothing is to be posted to them, is not of it.
    """
    size = standing.definition.first_batch(standing.recipients)
    if not size or standing.is_first_over:
        return Step(queues=True)
    funnel, done_at = standing.funnel, standing.first_done_at
    taken = funnel.written_count + funnel.of("queued")
    if done_at is None and taken < size and funnel.of("waiting"):
        return Step(queues=True, most=size - taken)
    if done_at is None:
        is_posted = funnel.retrying == funnel.of("queued", "attempting") <= size // 2
        return Step(reason="first_batch_posted" if is_posted else "")
    if now - done_at < standing.definition.first_wait:
        return Step(until=done_at + standing.definition.first_wait)
    return Step(reason="first_batch_over", queues=True)
