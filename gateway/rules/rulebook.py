"""Rulebook: the loaded rules, which decide about an event; pure and total."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from gateway.core.contacts import hand_over
from gateway.core.contacts.consent import UNCHANGED
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message, Notice
from gateway.core.forwards.forward import FORWARD
from gateway.core.forwards.receiver import Receiver
from gateway.core.forwards.receiver_answer import is_receiver_answer, read_receiver_answer
from gateway.core.planning.contact_changes import (
    ContactChange,
    hand_over_contact,
)
from gateway.core.planning.decision import Decision, FiredRule, LimitedRule
from gateway.core.services.answer import is_answer, read_answer
from gateway.rules.event_kinds import SMB_ECHO_FIELD, kind_of
from gateway.rules.language.contact_actions import HAND_OVER
from gateway.rules.language.outgoing.services import Service
from gateway.rules.matching.action import NamedTemplate
from gateway.rules.matching.facts import EventFacts, has_recipient
from gateway.rules.matching.index import Index
from gateway.rules.matching.receiver_answer import fire_receiver_answer
from gateway.rules.matching.rule import COUNTS_AS_ANSWERED, Rule
from gateway.rules.matching.service_answer import fire_branch
from gateway.rules.opening_hours import Hours

ANSWERED_ALREADY = "answered already"


BY_PHONE = "a person answered from the phone"
BY_PROGRAM = f"{UNCHANGED} the phone answered at once, as its greeting and away message do"


class RuleTrial(NamedTuple):
    """A rule that was asked, with its refusal or its firing."""

    rule: Rule
    refusal: str
    fired: FiredRule | None = None
    ends_search: bool = False

    @property
    def limited(self) -> LimitedRule | None:
        """Return the rule if it does not fire because of a limit, which counts as an answer."""
        is_limited = self.ends_search and not self.fired
        return LimitedRule(self.rule.name, self.refusal) if is_limited else None


def _try_rule(rule: Rule, facts: EventFacts) -> RuleTrial:
    if refusal := rule.refusal(facts):
        return RuleTrial(rule, refusal)
    if reason := rule.limit_reason(facts):
        if not (rule.ends_search and rule.limit_answers and rule.has_answer(facts)):
            return RuleTrial(rule, reason)
        if not rule.owes_answer(facts):
            return RuleTrial(rule, f"{reason}, {COUNTS_AS_ANSWERED}", ends_search=True)
        return RuleTrial(rule, "", rule.fire(facts, is_owed=True), ends_search=True)
    fired = rule.fire(facts)
    return RuleTrial(rule, "", fired, rule.ends_search_with(fired))


@dataclass(frozen=True)
class Rulebook:
    """All rules in the order in which they are tried; `version` is their hash."""

    version: str
    rules: tuple[Rule, ...] = field(repr=False)
    max_age: timedelta
    hours: Mapping[str, Hours] = field(default_factory=dict, repr=False)  # by name
    # For so long a colleague who wrote from the phone answers, and no rule; 0 is not at all.
    hand_over: timedelta = HAND_OVER
    receivers: tuple[Receiver, ...] = ()  # of events that are handed on
    services: Mapping[str, Service] = field(default_factory=dict, repr=False)  # by name

    @cached_property
    def index(self) -> Index:
        """Index of the rules that may fire for an event."""
        return Index([rule.keys for rule in self.rules])

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Kinds of events for which a rule may fire."""
        return frozenset(kind for rule in self.rules if rule.enabled for kind in rule.events)

    @cached_property
    def staff(self) -> frozenset[str]:
        """Phone numbers that rules notify, in their one form, and user ids of their owners."""
        names = (
            one.notified_names
            for rule in self.rules
            for step in rule.steps
            for one in (step, *step.answer_steps)
        )
        return frozenset().union(*names)

    @cached_property
    def templates(self) -> tuple[NamedTemplate, ...]:
        """Templates that rules send, each with its language, in the order of the rules."""
        steps = (step for rule in self.rules if rule.enabled for step in rule.steps)
        return tuple(dict.fromkeys(one for step in steps for one in step.templates))

    @cached_property
    def posts_notifications(self) -> bool:
        """Whether some rule that is enabled notifies the operator's address."""
        steps = (
            one
            for rule in self.rules
            if rule.enabled
            for step in rule.steps
            for one in (step, *step.answer_steps)
        )
        return any(step.posts_notification for step in steps)

    @cached_property
    def receivers_by_name(self) -> Mapping[str, Receiver]:
        """The receivers of forwards, as rules name them."""
        return {one.name: one for one in self.receivers}

    @cached_property
    def _receivers_by_kind(self) -> Mapping[str, tuple[Receiver, ...]]:
        """Those that get each event of a kind."""
        kinds = frozenset(kind for one in self.receivers for kind in one.events)
        return {kind: tuple(one for one in self.receivers if kind in one.events) for kind in kinds}

    def receivers_of(self, event: Event) -> tuple[Receiver, ...]:
        """Return the receivers that get an event whatever the rules say."""
        kind = kind_of(event)
        everywhere = self._receivers_by_kind.get(kind, ())
        return tuple(one for one in everywhere if one.wants(kind, event.number))

    def decide(self, event: Event, contact: Contact, now: datetime) -> Decision:
        """Decide about an event; the first rule that sends ends the search.

        An answer asks no rule but the one that called, and none if it is a receiver's.
        """
        if is_answer(event):
            return self._decide_answer(event, contact, now)
        if is_receiver_answer(event):
            return self._decide_receiver_answer(event, contact, now)
        receivers = self.receivers_of(event) if self.receivers else ()
        is_echo = _is_smb_echo(event)
        if not is_echo and kind_of(event) not in self.kinds:
            return Decision(receivers=receivers)
        if note := self.skip_reason(event, contact):
            return Decision(note=note, receivers=receivers)
        facts = self.facts(event, contact, now)
        if is_echo and (change := self._take_over(facts)):
            facts.note(change)
        candidates = (self.rules[position] for position in self.index.candidates(facts))
        trials = list(self.try_rules(candidates, facts))
        fired = tuple(one.fired for one in trials if one.fired)
        limited = next((one.limited for one in trials if one.limited), None)
        note = ANSWERED_ALREADY if limited else ""
        noted = facts.contact if facts.changes else None
        text = (facts.text.normal or "") if fired else ""
        changes = tuple(facts.changes)
        receivers = self._add_named_receivers(receivers, fired)
        return Decision(fired, note, noted, changes, text, limited, receivers)

    def _add_named_receivers(
        self, receivers: tuple[Receiver, ...], fired: Iterable[FiredRule]
    ) -> tuple[Receiver, ...]:
        """Add the receivers to which rules hand the event on; each gets it once."""
        if not self.receivers:
            return receivers
        actions = (action for one in fired if not one.shadow for action in one.actions)
        names = (str(one.body[FORWARD]) for one in actions if one.verb == FORWARD)
        return tuple(dict.fromkeys((*receivers, *(self.receivers_by_name[name] for name in names))))

    def _decide_answer(self, event: Event, contact: Contact, now: datetime) -> Decision:
        answer, facts = read_answer(event), self.facts(event, contact, now)
        rule = next((one for one in self.rules if one.name == answer.rule), None)
        fired = fire_branch(rule, answer, facts)
        noted = facts.contact if facts.changes else None
        return Decision((fired,), "", noted, tuple(facts.changes), answer.said)

    def _decide_receiver_answer(self, event: Event, contact: Contact, now: datetime) -> Decision:
        answer = read_receiver_answer(event)
        fired = fire_receiver_answer(answer, self.facts(event, contact, now))
        return Decision((fired,), normal_text=answer.said)

    @cached_property
    def secret_names(self) -> tuple[str, ...]:
        """Variables with the secrets of services that rules call which are enabled."""
        steps = (step for rule in self.rules if rule.enabled for step in rule.steps)
        called = {step.request.service for step in steps if step.request}
        named = (one.auth for name, one in self.services.items() if name in called)
        return tuple(dict.fromkeys(one for one in named if one))

    def facts(self, event: Event, contact: Contact, now: datetime) -> EventFacts:
        """Return the facts of an event for the rules."""
        return EventFacts(event, contact, now, self.max_age, self.hours, self.staff)

    def try_rules(self, rules: Iterable[Rule], facts: EventFacts) -> Iterator[RuleTrial]:
        """Ask rules in their order, each with earlier changes of the contact, until one ends it."""
        for rule in rules:
            trial = _try_rule(rule, facts)
            yield trial
            if trial.ends_search:
                return

    def _take_over(self, facts: EventFacts) -> ContactChange | None:
        """Hand the contact over to the colleague who wrote from the phone; None if none did.

        A rule that fires for the message may give it back.
        """
        contact, sent_at = facts.contact, min(facts.event.at, facts.now)
        if not self.hand_over or not contact.key or facts.type not in hand_over.TYPES_BY_PERSON:
            return None
        if not facts.is_handed_over and hand_over.is_automatic(sent_at, contact.last_inbound_at):
            return ContactChange(contact, BY_PROGRAM)
        return hand_over_contact(contact, self.hand_over, sent_at, BY_PHONE)

    def skip_reason(self, event: Event, contact: Contact) -> str:
        """Say why no rule is asked about an event, "" if rules are asked."""
        if not isinstance(event, Message):
            return ""
        if event.group:
            return "group"
        if not event.number:
            return "no number"
        return "" if has_recipient(event, contact) else "no recipient"


def _is_smb_echo(event: Event) -> bool:
    return isinstance(event, Notice) and event.field == SMB_ECHO_FIELD
