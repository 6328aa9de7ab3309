"""The loaded rules, and what they answer to a message; pure and total."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.core.contacts import Contact
from gateway.core.decisions import Action, Decision, Fired
from gateway.core.events import Message
from gateway.core.render import Lookup, fill, prepare
from gateway.rules import models, names
from gateway.rules.actions import BARE, SENDS
from gateway.rules.actions import Step as Written
from gateway.rules.hours import Hours
from gateway.rules.match import Condition, Facts, conditions
from gateway.rules.sending import FreeForm, SendTemplate, WhenClosed
from gateway.rules.text import pattern
from gateway.rules.when import When

# What follows from other verbs is not done yet.
DONE = {*SENDS, *BARE} - {"unmute"}
NEVER = When(event=("notice",))
EMPTY = "; a text came out empty and is not sent"


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a rule, its body compiled."""

    verb: str
    body: Any
    marketing: bool = False
    closed: Any = ""  # "drop", "wait", or the compiled body of a template

    @property
    def sends(self) -> bool:
        """Say whether the customer gets a message."""
        return self.verb in SENDS

    def action(self, values: Lookup) -> Action | None:
        """Fill the placeholders; None where nothing of a text is left, which Meta would refuse."""
        body = fill(self.body, values)
        if body is None:
            return None
        return Action(
            self.verb,
            body,
            repeatable=not self.sends,
            marketing=self.marketing,
            when_closed=fill(self.closed, values) or "",
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, ready to be asked."""

    name: str
    conditions: tuple[Condition, ...]
    steps: tuple[Step, ...]
    pattern: str | None
    sends: bool

    @property
    def why(self) -> str:
        """Tell what must hold, in words."""
        return " and ".join(condition.held for condition in self.conditions) or "always"

    def failed(self, facts: Facts) -> Condition | None:
        """Give the first condition that does not hold."""
        for condition in self.conditions:
            if not condition.holds(facts):
                return condition
        return None

    def fire(self, facts: Facts) -> Fired:
        """Build the actions for one message."""
        groups = self._groups(facts)
        known = names.Known(facts.event, facts.contact, facts.now, facts.hours, groups)
        values = names.lookup(known)
        actions = [step.action(values) for step in self.steps]
        why = self.why + (EMPTY if None in actions else "")
        return Fired(self.name, why, tuple(action for action in actions if action))

    def _groups(self, facts: Facts) -> dict[str, str]:
        if self.pattern is None or facts.original is None:
            return {}
        found = pattern(self.pattern).search(facts.original)
        return {name: text or "" for name, text in found.groupdict().items()} if found else {}


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules in the order in which they are tried; `version` is their hash."""

    version: str
    rules: tuple[Rule, ...] = field(repr=False)
    max_age: timedelta
    hours: Mapping[str, Hours] = field(default_factory=dict, repr=False)  # by name

    def decide(self, event: Message, contact: Contact, now: datetime) -> Decision:
        """Answer a message; the first rule that sends ends the search."""
        if note := self.silence(event, contact, now):
            return Decision(note=note)
        facts = Facts(event, contact, now, self.hours)
        fired = []
        for rule in self.rules:
            if rule.failed(facts):
                continue
            fired.append(rule.fire(facts))
            if rule.sends:
                break
        return Decision(tuple(fired))

    def silence(self, event: Message, contact: Contact, now: datetime) -> str:
        """Say why no rule is asked about a message, "" where rules are asked."""
        if event.group:
            return "group"
        if not event.number:
            return "no number"
        if not (event.wa_id or event.user_id or contact.wa_id or contact.user_id):
            return "no recipient"
        return "too old" if now - event.at > self.max_age else ""


def compiled(rule: models.Rule, defaults: models.Defaults) -> Rule:
    """Compile a rule that was found to be right."""
    steps = tuple(_step(step, defaults) for step in rule.then if step.verb in DONE)
    (when,) = rule.when if len(rule.when) == 1 else (NEVER,)
    if rule.model_fields_set & {"cooldown", "at_most", "stop", "enabled", "shadow"}:
        when = NEVER
    source = when.text.matches if when.text else None
    return Rule(rule.name, conditions(when), steps, source, any(step.sends for step in steps))


def _step(step: Written, defaults: models.Defaults) -> Step:
    marketing = isinstance(step, SendTemplate) and step.marketing
    closed: WhenClosed = None
    if isinstance(step, FreeForm):
        closed = step.window_closed or defaults.window_closed
    said = closed.body() if isinstance(closed, SendTemplate) else closed or ""
    return Step(step.verb, prepare(step.body()), marketing, prepare(said))
