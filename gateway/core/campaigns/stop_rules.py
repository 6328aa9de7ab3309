"""Stop rules of a campaign: why it pauses by itself, decided from its funnel and Meta's words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from gateway.core.campaigns.definition import StopRules
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.templates.template import STOPPED

# Meta's codes after which going on does harm, or is useless, whatever becomes of the send itself.
STOP_CODES: Mapping[int, str] = {
    131048: "Meta limits the number because people marked it as spam",
    131031: "Meta has locked the account",
    368: "Meta has blocked the account for a while",
    132001: "the template does not exist in this language",
    132015: "Meta has paused the template",
    132016: "Meta has disabled the template",
}

# Of fewer attempts no share is computed: it would be chance, unless it is more than half at the
# beginning.
LEAST_ATTEMPTED, LEAST_AT_BEGINNING, HALF = 50, 10, 50
LEAST_DOUBTS = 6
# Of fewer recipients whom it reached no share of opt-outs is computed: it would be chance.
LEAST_REACHED = 100


@dataclass(frozen=True, slots=True)
class Window:
    """Counts at a mark: stop rules look at what was added since.

    The mark moves with each stretch of attempts; only a resume moves that of opt-outs, which come
    hours after their messages.
    """

    attempted: int = 0
    failed: int = 0
    unconfirmed: int = 0
    fatal: int = 0  # failures with stop codes, which a release before counted
    reached: int = 0  # at the last resume
    opted_out: int = 0  # likewise


class QualityFall(NamedTuple):
    """A fall of quality that a webhook of Meta's reported, to where Meta stops the template too."""

    kind: Literal["number", "template"]
    word: str  # Meta's, such as FLAGGED, RED or PAUSED
    at: datetime  # when it came


def find_stop_reason(
    rules: StopRules,
    funnel: Funnel,
    before: Window,
    opted_out: int,
    falls: Sequence[QualityFall],
    codes: Mapping[int, datetime],
) -> str:
    """Return why a campaign should pause by itself, "" where it should go on.

    `codes` are those of STOP_CODES that its sends got since it started or was resumed, each with
    when an attempt began that got it; `falls` are of that time as well.
    """
    return (
        _find_code(codes, rules)
        or _find_fall(falls, rules)
        or _find_failures(funnel, before, rules)
        or _find_opt_outs(rules, funnel.reached - before.reached, opted_out - before.opted_out)
    )


def _find_code(codes: Mapping[int, datetime], rules: StopRules) -> str:
    if not rules.codes or not codes:
        return ""
    code = min(codes, key=lambda one: codes[one])
    return f"{STOP_CODES[code]} (Meta's code {code})"


def _find_fall(falls: Sequence[QualityFall], rules: StopRules) -> str:
    return next((reason for one in falls if (reason := _judge_fall(one, rules))), "")


def _judge_fall(fall: QualityFall, rules: StopRules) -> str:
    came = f"reported at {fall.at:%Y-%m-%d %H:%M} UTC"
    if fall.word in STOPPED:
        return f"Meta has stopped its template ({fall.word}, {came})" if rules.codes else ""
    if not rules.quality:
        return ""
    if fall.kind == "number":
        return f"Meta flagged the quality of its number ({fall.word}, {came})"
    return f"the quality of its template fell to {fall.word} ({came})"


def _find_failures(funnel: Funnel, before: Window, rules: StopRules) -> str:
    attempted = funnel.attempted - before.attempted
    is_enough = attempted >= min(rules.over, LEAST_ATTEMPTED)
    # Later a failure may be of an attempt that an earlier stretch has counted.
    begins_badly = not before.attempted and attempted >= LEAST_AT_BEGINNING
    most = rules.failed if is_enough else max(rules.failed, HALF)
    failed = funnel.failed_by_us - before.failed
    if (is_enough or begins_badly) and failed * 100 > most * attempted:
        return f"{failed} of {attempted} failed, more than {most} %"
    unconfirmed = funnel.of("unconfirmed") - before.unconfirmed
    if (
        is_enough
        and unconfirmed * 100 > rules.unconfirmed * attempted
        and unconfirmed >= LEAST_DOUBTS
    ):
        return f"{unconfirmed} of {attempted} are in doubt, more than {rules.unconfirmed} %"
    return ""


def _find_opt_outs(rules: StopRules, reached: int, opted_out: int) -> str:
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
        sum(funnel.codes.get(code, 0) for code in STOP_CODES),
        reached,
        opted_out,
    )
