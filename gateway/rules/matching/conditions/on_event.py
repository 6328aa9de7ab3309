"""Conditions on the event itself: its kind and type, its sender and its number."""

from collections.abc import Iterator

from gateway.core.events import Notice, PhoneCall, Status
from gateway.core.webhook.customers import text_field
from gateway.core.webhook.phone_numbers import normalize_phone
from gateway.rules.event_kinds import ANSWERED_TYPES
from gateway.rules.language.conditions import ANY, Conditions, Referral
from gateway.rules.matching.conditions.condition import (
    IS,
    Condition,
    Every,
    SingleCondition,
    Test,
    describe_comparison,
)
from gateway.rules.matching.conditions.on_text import headline_conditions
from gateway.rules.matching.facts import EventFacts, plain_emoji

SEPARATORS = str.maketrans("", "", "+-() ")


def event_conditions(when: Conditions) -> Iterator[Condition]:
    """Compile the conditions on the event, all but those on its text."""
    if when.type:
        types = frozenset(word.lower() for word in when.type)
        yield _word_condition("type", when.type, lambda facts: facts.type in types, types)
    if when.tapped:
        ids = frozenset(when.tapped)
        yield _word_condition("tapped", when.tapped, lambda facts: facts.tapped in ids, ids)
    if when.number:
        numbers = frozenset(when.number)
        yield _word_condition(
            "number", when.number, lambda facts: facts.event.number in numbers, numbers
        )
    if when.sender:
        yield _sender_condition(frozenset(map(normalize_sender, when.sender)))
    yield from _file_conditions(when)
    yield from _notice_conditions(when)


def _file_conditions(when: Conditions) -> Iterator[Condition]:
    if when.media:
        kinds = frozenset(when.media)
        is_any = ANY in kinds
        held, failed = describe_comparison("media", IS, when.media)
        yield SingleCondition(
            lambda facts: bool(facts.media) and (is_any or not kinds.isdisjoint(facts.media)),
            held,
            failed,
        )
    if when.reaction:
        wanted = frozenset(map(plain_emoji, when.reaction))
        held, failed = describe_comparison("reaction", IS, when.reaction)
        yield SingleCondition(
            lambda facts: bool(facts.emoji) and (ANY in wanted or facts.emoji in wanted),
            held,
            failed,
            frozenset({("type", "reaction")}),
        )
    if when.order is not None:
        yield _flag_condition(when.order, lambda facts: facts.type == "order", "it is an order",
                   "it is no order")  # fmt: skip
    if when.referral is not None:
        yield from _referral(when.referral)


def _notice_conditions(when: Conditions) -> Iterator[Condition]:
    if when.status:
        words = frozenset(when.status)
        yield _word_condition("status", when.status, lambda facts: _status(facts) in words, words)
    if when.code:
        codes = frozenset(when.code)
        code_words = tuple(map(str, when.code))
        yield _word_condition(
            "code",
            code_words,
            lambda facts: not codes.isdisjoint(facts.codes),
            frozenset(code_words),
        )
    if when.call:
        outcomes = frozenset(when.call)
        yield _word_condition("call", when.call, lambda facts: _call(facts) in outcomes, outcomes)
    if when.field:
        fields = frozenset(when.field)
        yield _word_condition("field", when.field, lambda facts: _field(facts) in fields, fields)


def kind_condition(events: tuple[str, ...]) -> SingleCondition:
    """Compile the kinds of events; plain messages get no text when the condition holds."""
    kinds = frozenset(events)
    held, failed = describe_comparison("event", IS, events)
    keys = frozenset(("event", kind) for kind in kinds)
    matched_text = "" if events == ("message",) else held
    return SingleCondition(lambda facts: facts.kind in kinds, matched_text, failed, keys)


def answered_type_condition(named: frozenset[str]) -> SingleCondition:
    """Compile the types of messages that a rule answers: those of customers, and those it names.

    Where it holds it has no text, as the kind of plain messages has none.
    """
    types = ANSWERED_TYPES | named
    return SingleCondition(
        lambda facts: facts.kind != "message" or facts.type in types,
        "",
        "the rule names no such type of message",
    )


def _word_condition(
    label: str, words: tuple[str, ...], test: Test, keys: frozenset[str] | None = None
) -> SingleCondition:
    index_keys = None if keys is None else frozenset((label, key) for key in keys)
    return SingleCondition(test, *describe_comparison(label, IS, words), index_keys)


def _flag_condition(wanted: bool, test: Test, yes: str, no: str) -> SingleCondition:
    held, failed = (yes, no) if wanted else (no, yes)
    return SingleCondition(lambda facts: test(facts) is wanted, held, failed)


def _referral(wanted: Referral | bool) -> Iterator[Condition]:
    is_wanted = wanted is not False
    yield _flag_condition(is_wanted, lambda facts: bool(facts.referral), "it came from an ad",
               "it came from no ad")  # fmt: skip
    if isinstance(wanted, Referral):
        for name in ("source_id", "source_type"):
            if words := getattr(wanted, name):
                yield _ad_condition(name, words)
        if wanted.headline:
            yield Every(tuple(headline_conditions(wanted.headline)))


def _ad_condition(name: str, words: tuple[str, ...]) -> SingleCondition:
    return _word_condition(name, words, lambda facts: text_field(facts.referral, name) in words)


def _sender_condition(senders: frozenset[str]) -> SingleCondition:
    # Phone numbers must not be in a record, so not even the rule's own are shown.
    texts = ("from is one the rule names", "from is none the rule names")
    keys = frozenset(("from", sender) for sender in senders)
    return SingleCondition(lambda facts: not senders.isdisjoint(facts.senders), *texts, keys)


def normalize_sender(word: str) -> str:
    """Return a customer's phone number or id in the form in which it is compared."""
    digits = word.translate(SEPARATORS)
    return normalize_phone(digits) if digits.isdecimal() else word


def _status(facts: EventFacts) -> str:
    return facts.event.status if isinstance(facts.event, Status) else ""


def _call(facts: EventFacts) -> str:
    return facts.event.outcome if isinstance(facts.event, PhoneCall) else ""


def _field(facts: EventFacts) -> str:
    return facts.event.field if isinstance(facts.event, Notice) else ""
