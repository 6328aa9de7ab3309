"""Course of a campaign: its phases, and what to do next, decided from its funnel and the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, get_args

from gateway.core.campaigns.definition import START_GRACE, Definition, StopRules
from gateway.core.campaigns.obstacle import CampaignObstacle
from gateway.core.campaigns.reach import Reach
from gateway.core.campaigns.zone_groups import ZoneGroup, find_opening

Phase = Literal["draft", "scheduled", "running", "paused", "completed", "cancelled", "expired"]
PHASES: tuple[Phase, ...] = get_args(Phase)
ACTIVE: frozenset[Phase] = frozenset({"scheduled", "running", "paused"})  # something may follow
ENDED: frozenset[Phase] = frozenset({"completed", "cancelled", "expired"})

# Failures that belong to the person, and say nothing about the campaign or the number.
PERSONAL_CODES = frozenset({131026, 131049, 131050, 130472, 131047, 131030})
# Failures after which going on does harm, or is useless.
FATAL_CODES: Mapping[int, str] = {
    131048: "Meta limits the number because people marked it as spam",
    131031: "Meta has locked the account",
    368: "Meta has blocked the account for a while",
    132001: "the template does not exist in this language",
    132015: "Meta has paused the template",
    132016: "Meta has disabled the template",
}

# Of fewer recipients whom it reached no share of opt-outs is computed: it would be chance.
LEAST_REACHED = 100

# However long nothing is due for a campaign.
LOOKED_AT_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many recipients are in each cell; the sum is always the total."""

    cells: Mapping[str, int]
    skipped: Mapping[str, int] = field(default_factory=dict)  # never written to, by cause
    codes: Mapping[int, int] = field(default_factory=dict)  # failures by Meta's code, 0 for ours

    def of(self, *cells: str) -> int:
        """Return how many recipients are in some cells."""
        return sum(self.cells.get(cell, 0) for cell in cells)

    @property
    def total(self) -> int:
        """Return how many recipients there are, with those that were skipped."""
        return sum(self.cells.values()) + sum(self.skipped.values())

    @property
    def attempted(self) -> int:
        """Return to how many recipients a message was posted, whatever became of it."""
        return sum(self.cells.values()) - self.of("waiting", "queued", "expired", "cancelled")

    @property
    def pending(self) -> int:
        """Return of how many it is not known yet what becomes of them."""
        return self.of("waiting", "queued", "attempting")

    @property
    def reached(self) -> int:
        """Return how many recipients' messages Meta has."""
        return self.of("accepted", "sent", "delivered", "read")

    @property
    def fatal(self) -> int:
        """Return how many failures say that going on does harm."""
        return sum(self.fatal_codes.values())

    @property
    def fatal_codes(self) -> Mapping[int, int]:
        """Return how many these are by Meta's code."""
        return {code: self.codes[code] for code in FATAL_CODES if self.codes.get(code)}

    @property
    def failed_by_us(self) -> int:
        """Return how many failures are not the person's own."""
        return sum(count for code, count in self.codes.items() if code not in PERSONAL_CODES)


@dataclass(frozen=True, slots=True)
class Window:
    """Counts at a mark: stop rules look at what was added since.

    The mark moves with each stretch of attempts; only a resume moves that of opt-outs, which come
    hours after their messages.
    """

    attempted: int = 0
    failed: int = 0
    unconfirmed: int = 0
    fatal: int = 0
    fatal_codes: Mapping[int, int] | None = field(default_factory=dict)  # None: not known
    reached: int = 0  # at the last resume
    opted_out: int = 0  # likewise


class QualityFall(NamedTuple):
    """A fall of quality that a webhook of Meta's reported."""

    kind: Literal["number", "template"]
    word: str  # Meta's, such as FLAGGED or RED
    at: datetime  # when it came


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next: a phase to go to and why, or that more recipients are queued."""

    phase: Phase | Literal[""] = ""
    by: str = ""
    reason: str = ""
    queues: bool = False  # more recipients may be queued
    up_to: int = 0  # so many recipients in all, 0 for no bound
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
    queued_up_to: int  # the next recipient that is not queued yet
    before: Window = Window()  # at the mark
    opted_out: int = 0  # recipients who opted out after its message
    falls: Sequence[QualityFall] = ()  # of quality, since it started or was resumed
    first_done_at: datetime | None = None
    is_first_over: bool = False
    groups: Sequence[ZoneGroup] = ()  # of a campaign with quiet hours
    obstacle: CampaignObstacle | None = None  # beside its own course
    reach: Reach | None = None  # None where it is not known, or the message uses up none


def decide_step(standing: Standing, now: datetime) -> Step:
    """Return what a campaign does now; nothing is decided for one that is not active."""
    definition = standing.definition
    if standing.phase == "scheduled":
        return _decide_start(definition, now)
    is_late = definition.finish_by is not None and now >= definition.finish_by
    if standing.phase in ("running", "paused") and is_late:
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
    moments = (now + LOOKED_AT_EVERY, step.until, standing.definition.finish_by)
    return min(one for one in moments if one is not None)


def _decide_running(standing: Standing, now: datetime) -> Step:
    if reason := find_stop_reason(standing):
        return Step("paused", "stop_rule", reason)
    if standing.funnel.pending == 0:
        return Step("completed", "campaign", "every recipient was written to, or cannot be")
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
        end = standing.queued_up_to + room
        return replace(step, up_to=min(step.up_to or end, end))
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


def find_stop_reason(standing: Standing) -> str:
    """Return why a campaign should pause by itself, "" where it should go on."""
    funnel, before, rules = standing.funnel, standing.before, standing.definition.stop
    return (
        _find_fatal(funnel, before)
        or _find_fall(standing.falls, rules)
        or _find_failures(funnel, before, rules)
        or _find_opt_outs(standing, rules)
    )


def _find_fatal(funnel: Funnel, before: Window) -> str:
    found = funnel.fatal_codes
    if before.fatal_codes is None:
        rose = list(found) if funnel.fatal > before.fatal else []
    else:
        rose = [code for code, count in found.items() if count > before.fatal_codes.get(code, 0)]
    return f"{FATAL_CODES[rose[0]]} (Meta's code {rose[0]})" if rose else ""


def _find_fall(falls: Sequence[QualityFall], rules: StopRules) -> str:
    if not rules.quality or not falls:
        return ""
    kind, word, at = falls[0]
    came = f"reported at {at:%Y-%m-%d %H:%M} UTC"
    if kind == "number":
        return f"Meta flagged the quality of its number ({word}, {came})"
    return f"the quality of its template fell to {word} ({came})"


def _find_failures(funnel: Funnel, before: Window, rules: StopRules) -> str:
    attempted = funnel.attempted - before.attempted
    if attempted < min(rules.over, 50):
        return ""
    failed = funnel.failed_by_us - before.failed
    if failed * 100 > rules.failed * attempted:
        return f"{failed} of {attempted} failed, more than {rules.failed} %"
    unconfirmed = funnel.of("unconfirmed") - before.unconfirmed
    if unconfirmed * 100 > rules.unconfirmed * attempted and unconfirmed > 5:
        return f"{unconfirmed} of {attempted} are in doubt, more than {rules.unconfirmed} %"
    return ""


def _find_opt_outs(standing: Standing, rules: StopRules) -> str:
    reached = standing.funnel.reached - standing.before.reached
    opted_out = standing.opted_out - standing.before.opted_out
    if reached < min(rules.over, LEAST_REACHED) or opted_out * 100 <= rules.opted_out * reached:
        return ""
    return f"{opted_out} of {reached} whom it reached opted out, more than {rules.opted_out} %"


def next_mark(funnel: Funnel, mark: Window, rules: StopRules) -> Window | None:
    """Return the new mark where the stretch since the last one is long enough, else None."""
    if funnel.attempted - mark.attempted < rules.over:
        return None
    return mark_at(funnel, mark.reached, mark.opted_out)


def mark_at(funnel: Funnel, reached: int, opted_out: int) -> Window:
    """Return the mark from which on stop rules look at what comes."""
    return Window(
        funnel.attempted,
        funnel.failed_by_us,
        funnel.of("unconfirmed"),
        funnel.fatal,
        funnel.fatal_codes,
        reached,
        opted_out,
    )


def _decide_start(definition: Definition, now: datetime) -> Step:
    start = definition.start_at or now
    if now < start:
        return Step(until=start)
    if now - start > START_GRACE:
        late = "the gateway was away when it was to start; resume it if it may still go"
        return Step("paused", "missed_start", late)
    return Step("running", "schedule", "its time has come")


def _decide_queue(standing: Standing, now: datetime) -> Step:
    """Return how many recipients may be queued: at first only the first batch."""
    size = standing.definition.first_batch(standing.recipients)
    if not size or standing.is_first_over:
        return Step(queues=True)
    if standing.queued_up_to < size:
        return Step(queues=True, up_to=size)
    done_at = standing.first_done_at
    if done_at is None:
        is_posted = standing.funnel.of("queued", "attempting") == 0
        return Step(reason="first_batch_posted" if is_posted else "")
    if now - done_at < standing.definition.first_wait:
        return Step(until=done_at + standing.definition.first_wait)
    return Step(reason="first_batch_over", queues=True)
