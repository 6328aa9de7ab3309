"""Stop rules of a campaign: why it pauses by itself, decided from its funnel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from gateway.core.campaigns.definition import StopRules
from gateway.core.campaigns.recipient_state import Funnel

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


def find_stop_reason(
    rules: StopRules,
    funnel: Funnel,
    before: Window,
    opted_out: int,
    falls: Sequence[QualityFall],
) -> str:
    """Return why a campaign should pause by itself, "" where it should go on."""
    return (
        _find_fatal(funnel, before)
        or _find_fall(falls, rules)
        or _find_failures(funnel, before, rules)
        or _find_opt_outs(rules, funnel.reached - before.reached, opted_out - before.opted_out)
    )


def _find_fatal(funnel: Funnel, before: Window) -> str:
    found = _fatal_codes(funnel)
    if before.fatal_codes is None:
        rose = list(found) if sum(found.values()) > before.fatal else []
    else:
        rose = [code for code, count in found.items() if count > before.fatal_codes.get(code, 0)]
    return f"{FATAL_CODES[rose[0]]} (Meta's code {rose[0]})" if rose else ""


def _fatal_codes(funnel: Funnel) -> Mapping[int, int]:
    return {code: funnel.codes[code] for code in FATAL_CODES if funnel.codes.get(code)}


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
    codes = _fatal_codes(funnel)
    return Window(
        funnel.attempted,
        funnel.failed_by_us,
        funnel.of("unconfirmed"),
        sum(codes.values()),
        codes,
        reached,
        opted_out,
    )
