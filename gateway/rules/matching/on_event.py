"""Conditions on the event itself: what happened, of which kind, from whom and to which number."""

from collections.abc import Iterator

from gateway.core.events import Notice, Status
from gateway.core.phone_numbers import one_form
from gateway.core.webhook.customers import text
from gateway.rules.language.conditions import ANY, Conditions, Referral
from gateway.rules.matching.condition import IS, Condition, Every, One, Test, said
from gateway.rules.matching.facts import EventFacts, plain_emoji
from gateway.rules.matching.on_text import headline_of

SEPARATORS = str.maketrans("", "", "+-() ")


def of_event(when: Conditions) -> Iterator[Condition]:
    """Compile the conditions on the event, all but those on its text."""
    if when.type:
        types = frozenset(word.lower() for word in when.type)
        yield _in("type", when.type, lambda facts: facts.type in types, types)
    if when.tapped:
        ids = frozenset(when.tapped)
        yield _in("tapped", when.tapped, lambda facts: facts.tapped in ids, ids)
    if when.number:
        numbers = frozenset(when.number)
        yield _in("number", when.number, lambda facts: facts.event.number in numbers, numbers)
    if when.sender:
        yield _from(frozenset(map(sender, when.sender)))
    yield from _of_files(when)
    yield from _of_notices(when)


def _of_files(when: Conditions) -> Iterator[Condition]:
    if when.media:
        kinds = frozenset(when.media)
        is_any = ANY in kinds
        held, failed = said("media", IS, when.media)
        yield One(
            lambda facts: bool(facts.media) and (is_any or not kinds.isdisjoint(facts.media)),
            held,
            failed,
        )
    if when.reaction:
        wanted = frozenset(map(plain_emoji, when.reaction))
        held, failed = said("reaction", IS, when.reaction)
        yield One(
            lambda facts: bool(facts.emoji) and (ANY in wanted or facts.emoji in wanted),
            held,
            failed,
            frozenset({("type", "reaction")}),
        )
    if when.order is not None:
        yield _yes(when.order, lambda facts: facts.type == "order", "it is an order",
                   "it is no order")  # fmt: skip
    if when.referral is not None:
        yield from _referral(when.referral)


def _of_notices(when: Conditions) -> Iterator[Condition]:
    if when.status:
        words = frozenset(when.status)
        yield _in("status", when.status, lambda facts: _status(facts) in words, words)
    if when.code:
        codes = frozenset(when.code)
        told = tuple(map(str, when.code))
        yield _in("code", told, lambda facts: not codes.isdisjoint(facts.codes), frozenset(told))
    if when.field:
        fields = frozenset(when.field)
        yield _in("field", when.field, lambda facts: _field(facts) in fields, fields)


def of_kind(events: tuple[str, ...]) -> One:
    """Compile what happened, which is said of messages only where the rule says it too."""
    kinds = frozenset(events)
    held, failed = said("event", IS, events)
    keys = frozenset(("event", kind) for kind in kinds)
    told = "" if events == ("message",) else held
    return One(lambda facts: facts.kind in kinds, told, failed, keys)


def _in(label: str, words: tuple[str, ...], test: Test, keys: frozenset[str] | None = None) -> One:
    found = None if keys is None else frozenset((label, key) for key in keys)
    return One(test, *said(label, IS, words), found)


def _yes(wanted: bool, test: Test, yes: str, no: str) -> One:
    held, failed = (yes, no) if wanted else (no, yes)
    return One(lambda facts: test(facts) is wanted, held, failed)


def _referral(wanted: Referral | bool) -> Iterator[Condition]:
    is_wanted = wanted is not False
    yield _yes(is_wanted, lambda facts: bool(facts.referral), "it came from an ad",
               "it came from no ad")  # fmt: skip
    if isinstance(wanted, Referral):
        for name in ("source_id", "source_type"):
            if words := getattr(wanted, name):
                yield _of_ad(name, words)
        if wanted.headline:
            yield Every(tuple(headline_of(wanted.headline)))


def _of_ad(name: str, words: tuple[str, ...]) -> One:
    return _in(name, words, lambda facts: text(facts.referral, name) in words)


def _from(senders: frozenset[str]) -> One:
    # Phone numbers have no place in a record, so not even the rule's own are told.
    told = ("from is one the rule names", "from is none the rule names")
    keys = frozenset(("from", sender) for sender in senders)
    return One(lambda facts: not senders.isdisjoint(facts.senders), *told, keys)


def sender(word: str) -> str:
    """Give the form in which a customer's number or id is compared."""
    digits = word.translate(SEPARATORS)
    return one_form(digits) if digits.isdecimal() else word


def _status(facts: EventFacts) -> str:
    return facts.event.status if isinstance(facts.event, Status) else ""


def _field(facts: EventFacts) -> str:
    return facts.event.field if isinstance(facts.event, Notice) else ""
