"""Limits of a compiled rule: how often it fires for a customer, in a span or until hours open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.core.contacts.frequency import MILLISECOND, MOST_TIMES, Limit
from gateway.rules.language.rulefile import RuleModel
from gateway.rules.language.times.durations import UntilOpening
from gateway.rules.matching.conditions.on_contact import describe_limit
from gateway.rules.opening_hours import DAY, HORIZON, Hours

# For so long a firing counts where no opening was found.
NO_OPENING = HORIZON * DAY


@dataclass(frozen=True, slots=True)
class SpanLimit:
    """A limit within a span of time, the same at any moment."""

    limit: Limit

    def at(self, _: datetime) -> Limit:
        """Return the limit that counts at a moment."""
        return self.limit

    @property
    def reached_reason(self) -> str:
        """Say what happened if it is reached."""
        return describe_limit(self.limit)


@dataclass(frozen=True, slots=True)
class OpeningCooldown:
    """A cooldown until hours open: a rule fires once between two openings."""

    name: str
    hours: Hours

    def at(self, now: datetime) -> Limit:
        """Return the limit that counts at a moment, for firings since the last opening."""
        since, until = self.hours.since_opening(now), self.hours.until_opening(now)
        # A firing at the opening itself is one since then.
        within = NO_OPENING if since is None else since + MILLISECOND
        return Limit(1, within, NO_OPENING if until is None else until)

    @property
    def reached_reason(self) -> str:
        """Say what happened if it is reached."""
        return f"it fired, and rests until {self.name} opens"


RuleLimit = SpanLimit | OpeningCooldown


def compile_limits(rule: RuleModel, hours: Mapping[str, Hours]) -> Iterator[RuleLimit]:
    """Yield the limits of a rule that has no errors."""
    if isinstance(rule.cooldown, UntilOpening):
        yield OpeningCooldown(rule.cooldown.hours, hours[rule.cooldown.hours])
    elif rule.cooldown:
        yield SpanLimit(Limit(1, rule.cooldown))
    if often := rule.at_most:
        yield SpanLimit(Limit(min(often.times, MOST_TIMES), often.per))
