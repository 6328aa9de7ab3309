"""Conditions on the contact and on the moment: tags, variables, time since, and opening hours."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from gateway.core.campaigns.definition import AGAIN
from gateway.core.contacts.frequency import Limit
from gateway.rules.language.condition_parts.answered_campaign import AnsweredCampaign
from gateway.rules.language.conditions import ANY, Age, Conditions
from gateway.rules.matching.conditions.condition import (
    IS,
    Condition,
    SingleCondition,
    Test,
    describe_comparison,
)
from gateway.rules.matching.facts import WINDOW, EventFacts
from gateway.rules.opening_hours import Hours
from gateway.rules.text import normalize

LANGUAGE = "language"  # the variable in which rules note it
UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def contact_conditions(when: Conditions) -> Iterator[Condition]:
    """Compile the conditions on the contact."""
    yield from _state_conditions(when)
    if when.silent_for:
        yield _silent(when.silent_for)
    if when.tags:
        tags = frozenset(when.tags)
        texts = describe_comparison("tags", ("have {}", "do not have {}"), when.tags)
        yield SingleCondition(lambda facts: not tags.isdisjoint(facts.contact.tags), *texts)
    if when.campaign:
        yield campaign_condition(when.campaign)
    if when.language:
        yield _var(LANGUAGE, "language", when.language)
    for name, words in (when.vars or {}).items():
        yield _var(name, f"variable {name}", words)


def campaign_condition(wanted: AnsweredCampaign) -> Condition:
    """Compile the condition that a message answers a campaign."""
    names, within = frozenset(map(normalize, wanted.name)), wanted.within
    ids, is_any = frozenset(wanted.name), ANY in names

    def test(facts: EventFacts) -> bool:
        message = facts.event.answers
        if message is None or facts.event.at - message.sent_at > within:
            return False
        # Whoever is written to once more answers the same campaign.
        own = {normalize(message.name), normalize(message.name.removesuffix(AGAIN))}
        return is_any or message.campaign in ids or not names.isdisjoint(own)

    soon = format_duration(within)
    verbs = (f"is {{}}, answered within {soon}", f"is not {{}}, or not answered within {soon}")
    texts = describe_comparison("campaign", verbs, wanted.name)
    return SingleCondition(test, *texts)


def moment_conditions(when: Conditions, hours: Mapping[str, Hours]) -> Iterator[Condition]:
    """Compile the conditions on the moment; undefined hours are never open."""
    if when.inside:
        yield _hours("inside", when.inside, _open_test(when.inside, hours), wanted=True)
    if when.outside:
        yield _hours("outside", when.outside, _open_test(when.outside, hours), wanted=False)
    if when.age:
        yield from _age(when.age)


def format_duration(duration: timedelta) -> str:
    """Format a duration as rules do: 90s, 30m, 8h or 1d."""
    seconds = int(duration.total_seconds())
    unit, size = next((unit, size) for unit, size in UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def describe_limit(limit: Limit) -> str:
    """Say how often a rule fired that reached its limit."""
    times = "" if limit.times == 1 else f"{limit.times} times "
    return f"it fired {times}within the last {format_duration(limit.within)}"


def _state_conditions(when: Conditions) -> Iterator[Condition]:
    """Compile the conditions that something is so, or is not."""
    wanted_states = (
        when.first_contact, when.window and when.window == "open", when.handed_over, when.muted,
    )  # fmt: skip
    for wanted, (test, texts) in zip(wanted_states, STATES, strict=True):
        if wanted is not None:
            held, failed = texts if wanted else reversed(texts)
            yield _state_condition(test, held, failed, wanted=wanted)


def _state_condition(test: Test, held: str, failed: str, *, wanted: bool) -> SingleCondition:
    return SingleCondition(lambda facts: test(facts) is wanted, held, failed)


def _silent(duration: timedelta) -> SingleCondition:
    def test(facts: EventFacts) -> bool:
        silence = facts.silence
        return silence is not None and silence >= duration

    return SingleCondition(
        test,
        f"nothing was written for {format_duration(duration)} before",
        f"something was written within {format_duration(duration)} before, or never",
    )


def _is_within_window(facts: EventFacts) -> bool:
    last = facts.window_opened_at
    return last is not None and facts.now - last < WINDOW


# How each state is tested, and what is said where it is so and where it is not.
STATES: tuple[tuple[Test, tuple[str, str]], ...] = (
    (
        lambda facts: facts.contact.is_new,
        ("this is the first contact", "this is not the first contact"),
    ),
    (_is_within_window, ("the window is open", "the window is closed")),
    (
        lambda facts: facts.is_handed_over,
        ("a person answers the customer", "no person answers the customer"),
    ),
    (
        lambda facts: facts.is_muted,
        ("rules are silent for the customer", "rules may answer the customer"),
    ),
)


def _var(name: str, label: str, words: tuple[str, ...]) -> SingleCondition:
    wanted = frozenset(map(normalize, words))
    texts = describe_comparison(label, IS, words)
    return SingleCondition(
        lambda facts: normalize(facts.contact.vars.get(name, "")) in wanted, *texts
    )


def _open_test(names: tuple[str, ...], hours: Mapping[str, Hours]) -> Test:
    known = tuple(hours[name] for name in names if name in hours)
    return lambda facts: any(one.is_open(facts.now) for one in known)


def _hours(word: str, names: tuple[str, ...], is_open: Test, *, wanted: bool) -> SingleCondition:
    named = " or ".join(names)
    other = "outside" if wanted else "inside"
    return SingleCondition(
        lambda facts: is_open(facts) is wanted,
        f"it is {word} the hours {named}",
        f"it is {other} the hours {named}",
    )


def _age(age: Age) -> Iterator[Condition]:
    if older := age.older:
        texts = (
            f"it is older than {format_duration(older)}",
            f"it is not older than {format_duration(older)}",
        )
        yield SingleCondition(lambda facts: facts.now - facts.event.at > older, *texts)
    if younger := age.younger:
        texts = (
            f"it is younger than {format_duration(younger)}",
            f"it is not younger than {format_duration(younger)}",
        )
        yield SingleCondition(lambda facts: facts.now - facts.event.at < younger, *texts)
