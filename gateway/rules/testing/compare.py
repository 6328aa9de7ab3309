"""Whose answer would change: deliveries planned by two rulebooks beside each other; pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.core.events import Delivery, Event
from gateway.core.planning.decision import RuleDecider
from gateway.core.webhook.parser import split
from gateway.rules.testing.notation import Said, spoken
from gateway.rules.testing.planner import Folded, Folding


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rulebook answers to one event."""

    rules: tuple[str, ...]
    said: tuple[Said, ...] = field(repr=False)
    effect: tuple[Any, ...] = field(repr=False)  # all that follows, by whichever rules


@dataclass(frozen=True, slots=True)
class Change:
    """One event that is answered otherwise."""

    event: Event
    old: Answer
    new: Answer


@dataclass(slots=True)
class Compared:
    """What came of a comparison so far."""

    events: int = 0
    answered: int = 0  # by either
    changed: int = 0
    contacts: set[tuple[str, str]] = field(default_factory=set)  # whose answer changed
    old: Counter[str] = field(default_factory=Counter)  # rule -> how often it fires
    new: Counter[str] = field(default_factory=Counter)
    changed_by: Counter[str] = field(default_factory=Counter)  # rule -> changes that it is part of

    @property
    def rules(self) -> list[str]:
        """Name the rules that fire, those first that are part of most changes."""
        fired = {**self.old, **self.new}
        return sorted(fired, key=lambda rule: (-self.changed_by[rule], rule))


class Comparison:
    """Plans each event twice; contacts go on by what each rulebook makes of them."""

    def __init__(self, old: RuleDecider, new: RuleDecider) -> None:
        """Begin with contacts that nobody knows yet."""
        self._old, self._new = Folding(old), Folding(new)
        self.compared = Compared()

    def compare(self, deliveries: Iterable[tuple[Delivery, bool]]) -> Iterator[Change]:
        """Give each change; a delivery that nobody timed happens when its events did."""
        for delivery, is_timed in deliveries:
            for event in split(delivery):
                now = delivery.received_at if is_timed else event.at
                if change := self._event(event, now):
                    yield change

    def _event(self, event: Event, now: datetime) -> Change | None:
        old = _answer(self._old.fold(event, now))
        new = _answer(self._new.fold(event, now))
        seen = self.compared
        seen.events += 1
        seen.answered += bool(old.rules or new.rules)
        seen.old.update(old.rules)
        seen.new.update(new.rules)
        if old.effect == new.effect:
            return None
        seen.changed += 1
        seen.contacts.add((event.number, event.contact))
        seen.changed_by.update({*old.rules, *new.rules})
        return Change(event, old, new)


def _answer(folded: Folded) -> Answer:
    said = tuple(spoken(body) for _, body in folded.posted)
    alerts = folded.plan.alerts if folded.plan else ()
    told = tuple(alert.title for alert in alerts)
    return Answer(folded.fired, said, (said, _noted(folded), told, folded.error))


def _noted(folded: Folded) -> tuple[Any, ...]:
    """Return what is noted of the contact because of this event, and not of one before."""
    before, after = folded.before, folded.after
    both = [
        (one.tags, dict(one.vars), one.muted_until, one.opted_out_at) for one in (before, after)
    ]
    return tuple(now if now != was else None for was, now in zip(*both, strict=True))
