"""Conditions of rules as small functions over what is known of one message; pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from gateway.core.contacts import Contact
from gateway.core.events import Message
from gateway.core.identity import one_form
from gateway.rules.hours import Hours
from gateway.rules.text import normal, pattern, scanned, spelled
from gateway.rules.when import TextTest, When

MAX_WORDS, MAX_WORD = 3, 60  # that are shown where a condition is told
SEPARATORS = str.maketrans("", "", "+-() ")


class Facts:
    """What rules may know of one message, brought to a comparable form once."""

    def __init__(
        self, event: Message, contact: Contact, now: datetime, hours: Mapping[str, Hours]
    ) -> None:
        """Look at an event beside the contact as it was before."""
        self.event, self.contact, self.now, self.hours = event, contact, now, hours
        self.original = None if event.text is None else scanned(event.text)
        self.text = None if self.original is None else normal(self.original)

    @cached_property
    def words(self) -> str:
        """The words of the text between single spaces."""
        return spelled(self.text or "")

    @cached_property
    def senders(self) -> frozenset[str]:
        """The ids by which a rule may mean the customer."""
        event, contact = self.event, self.contact
        known = {one_form(event.wa_id or contact.wa_id), event.user_id or contact.user_id}
        return frozenset(known - {""})


Test = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, and how it is told that it held or failed."""

    holds: Test
    held: str
    failed: str


# What is written here can be matched; a rule with another condition matches nothing yet.
KNOWN = {"event", "type", "text", "tapped", "number", "sender", "first_contact"}


def conditions(when: When) -> tuple[Condition, ...]:
    """Compile the conditions of a rule."""
    if when.model_fields_set - KNOWN or when.events != ("message",):
        return (Condition(lambda _: False, "", "its conditions are not known"),)
    return (*_about_message(when), *(_about_text(when.text) if when.text else ()))


def _about_message(when: When) -> Iterator[Condition]:
    if when.first_contact is not None:
        yield _first_contact(when.first_contact)
    if when.type:
        types = frozenset(word.lower() for word in when.type)
        yield _said("type", "equals", when.type, lambda facts: facts.event.type in types)
    if when.tapped:
        ids = frozenset(when.tapped)
        yield _said("tapped", "equals", when.tapped, lambda facts: facts.event.tapped in ids)
    if when.number:
        numbers = frozenset(when.number)
        yield _said("number", "equals", when.number, lambda facts: facts.event.number in numbers)
    if when.sender:
        yield _from(frozenset(map(_sender, when.sender)))


def _first_contact(wanted: bool) -> Condition:
    told = ("this is the first contact", "this is not the first contact")
    held, failed = told if wanted else reversed(told)
    return Condition(lambda facts: facts.contact.is_new is wanted, held, failed)


def _from(senders: frozenset[str]) -> Condition:
    # Phone numbers have no place in a record, so not even the rule's own are told.
    told = ("from is one the rule names", "from is none the rule names")
    return Condition(lambda facts: not senders.isdisjoint(facts.senders), *told)


def _sender(word: str) -> str:
    digits = word.translate(SEPARATORS)
    return one_form(digits) if digits.isdecimal() else word


def _about_text(test: TextTest) -> Iterator[Condition]:
    for kind, build in TESTS.items():
        if words := getattr(test, kind):
            yield _said("text", kind, words, build(tuple(map(normal, words))))
    if test.matches:
        yield _said("text", "matches", (test.matches,), _matches(test.matches))


def _equals(words: tuple[str, ...]) -> Test:
    wanted = frozenset(words)
    return lambda facts: facts.text in wanted


def _contains(words: tuple[str, ...]) -> Test:
    return lambda facts: facts.text is not None and any(word in facts.text for word in words)


def _word(words: tuple[str, ...]) -> Test:
    phrases = tuple(map(spelled, words))
    return lambda facts: any(phrase in facts.words for phrase in phrases)


def _starts_with(words: tuple[str, ...]) -> Test:
    return lambda facts: facts.text is not None and facts.text.startswith(words)


def _matches(source: str) -> Test:
    search = pattern(source).search
    return lambda facts: facts.original is not None and search(facts.original) is not None


TESTS = {
    "equals": _equals, "any_of": _equals, "contains": _contains, "word": _word,
    "starts_with": _starts_with,
}  # fmt: skip

TOLD = {
    "equals": ("is", "is not"),
    "any_of": ("is", "is not"),
    "contains": ("contains", "does not contain"),
    "word": ("has the word", "does not have the word"),
    "starts_with": ("starts with", "does not start with"),
    "matches": ("matches", "does not match"),
}


def _said(label: str, kind: str, words: tuple[str, ...], holds: Test) -> Condition:
    shown = ", ".join(f'"{word[:MAX_WORD]}"' for word in words[:MAX_WORDS])
    if len(words) > 1:
        shown = f"one of {shown}"
    if len(words) > MAX_WORDS:
        shown = f"{shown} and {len(words) - MAX_WORDS} more"
    held, failed = TOLD[kind]
    return Condition(holds, f"{label} {held} {shown}", f"{label} {failed} {shown}")
