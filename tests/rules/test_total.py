"""Whatever happens, planning with rules gives one answer, and the same in any company."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.events import Delivery, Event
from gateway.core.planning.batch import PlanningInput, plan
from gateway.core.sending.send import Send
from gateway.core.webhook.parser import split
from gateway.rules.rulebook import Rulebook
from tests.support.factories import ANA, NOW, NUMBER, a_call, a_message, a_status, bytes_of
from tests.support.rules.rulebooks import book

# Every condition and every action, in rules that fire often and let the search go on.
WHENS = [
    "{}", "{event: [message, status, call, echo, standby, history, notice]}", "{text: [hi, a]}",
    "{text: {contains: a}}", "{text: {word: [b, a b]}}", "{text: {starts_with: a}}",
    "{text: {matches: '(?P<first>.)(?P<second>.)?$'}}", "{tapped: [a, b]}", "{media: any}",
    "{reaction: any}", "{referral: {headline: a}}", "{order: no}", "{type: [text, image]}",
    "{event: status, status: failed, code: 131047}", "{event: status}", "{event: echo}",
    "{field: [account_update, flows]}", "{number: '106540352242922'}", "{from: 351900000001}",
    "{language: pt}", "{first_contact: no}", "{silent_for: 1m}", "{tags: a}", "{vars: {a: hi}}",
    "{window: open}", "{inside: shop}", "{outside: shop}", "{age: {older: 1s}}",
    "{any: [{text: a}, {tags: b}]}", "{not: {text: a}}", "[{tapped: a}, {type: image}]",
    "{data: {order.count: {at_least: 1}}}", "{data: {text.body: {contains: a}}}",
    "{data: {order.items: {present: no}, errors.code: {present: no}}}",
    "{call: [missed, ringing]}", "{campaign: any}", "{campaign: {name: spring, within: 1d}}",
]  # fmt: skip
THENS = [
    "'Hi {{ name }} {{ vars.a }}'", "typing", "mark_read", "{tag: ['{{ text }}', b]}", "{untag: b}",
    "{set: {a: '{{ text }}', language: pt}}", "{unset: a}", "{mute: 1s}", "unmute", "opt_out",
    "{hand_over: 2s}", "opt_in", "{alert: 'It was {{ text }}.'}", "{react: 👍}",
    "{send_template: we_answered, language: en, values: ['{{ name }}']}",
    "{send_buttons: '{{ text }}', buttons: {a: A}}", "'{{ hours.shop.opens | when }}'",
]  # fmt: skip
LIMITS = ["", ", cooldown: 1m", ", at_most: 2 per 1h", ", shadow: yes", ", stop: yes"]


@cache
def all_rules() -> Rulebook:
    """Load each condition with each action, limits in turn."""
    pairs = product(WHENS, THENS)
    rules = [
        f"  - {{name: r{n}, when: {when}{LIMITS[n % len(LIMITS)]}, then: [{then}, {THENS[n % 7]}]}}"
        for n, (when, then) in enumerate(pairs)
    ]
    hours = "hours: {shop: {zone: Europe/Lisbon, mon-sun: 09:00-12:00}}"
    return book("\n".join(["version: 1", hours, "rules:", *rules]))


def with_rules(chosen: Sequence[int]) -> Rulebook:
    """Return all rules but for those at other positions."""
    return replace(all_rules(), rules=tuple(all_rules().rules[n] for n in chosen))


COUNT = len(WHENS) * len(THENS)
POSITIONS = st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=6, unique=True)
RULEBOOKS = POSITIONS.map(with_rules)
TEXTS = st.sampled_from(["hi", "a", "a b", "\ud83d", "{{ name }}", "x" * 5_000]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**33) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
PARTS = ("type", "audio", "reaction", "referral", "text", "order", "image", "errors", "button")
RAWS = JSON | st.dictionaries(st.sampled_from(PARTS), JSON, max_size=4)
AGES = st.integers(-90_000, 90_000).map(lambda seconds: NOW - timedelta(seconds=seconds))
MESSAGES = st.builds(
    lambda text, name, tapped, kind, at, raw, group, contact: a_message(
        text=text, name=name, tapped=tapped, type=kind, at=at, raw=raw, group=group,
        contact=contact,
    ),
    st.none() | TEXTS, TEXTS, st.none() | TEXTS, st.sampled_from(["text", "image", "order", ""]),
    AGES, RAWS, st.sampled_from(["", "", "G"]), st.sampled_from([ANA, "PT.1", ""]),
)  # fmt: skip
STATUSES = st.builds(
    lambda status, code, errors, callback, at, contact: a_status(
        "wamid.o", status, callback, code=code, errors=errors, at=at, contact=contact,
        wa_id=contact,
    ),
    st.sampled_from(["failed", "read", "odd"]), st.none() | st.integers(),
    st.lists(st.dictionaries(st.text(), JSON, max_size=2), max_size=2).map(tuple),
    st.sampled_from(["", f"{'a' * 24}.1", f"0{'a' * 23}.1"]), AGES, st.sampled_from([ANA, ""]),
)  # fmt: skip
CALLS = st.builds(
    lambda outcome, direction, began_at, contact: a_call(
        outcome, direction=direction, began_at=began_at, contact=contact, wa_id=contact,
    ),
    st.sampled_from(["missed", "ringing", "ended", ""]),
    st.sampled_from(["USER_INITIATED", "BUSINESS_INITIATED", ""]), AGES,
    st.sampled_from([ANA, ""]),
)  # fmt: skip
FIELDS = ("smb_message_echoes", "message_echoes", "standby", "history", "account_update", "")


@st.composite
def notices(draw: st.DrawFn) -> Event:
    """Make the first event of some change."""
    field, value = draw(st.sampled_from(FIELDS)), draw(JSON)
    if draw(st.booleans()):
        item = {"id": "wamid.e", "to": ANA, "type": "text", "text": draw(JSON)}
        value = {"metadata": {"phone_number_id": NUMBER}, "message_echoes": [item]}
    try:
        body = bytes_of({"field": field, "value": value})
    except UnicodeEncodeError:
        body = b"[]"
    return split(Delivery("0:1-0", NOW, body))[0]


EVENTS = st.lists(MESSAGES | STATUSES | CALLS | notices(), min_size=1, max_size=5)


def told_apart(events: Sequence[Event]) -> list[Event]:
    """Give each event a key of its own."""
    return [replace(event, key=f"{n}") for n, event in enumerate(events)]


@given(RULEBOOKS, EVENTS)
def test_no_event_raises_and_planning_twice_gives_equal_plans(
    rulebook: Rulebook, events: list[Event]
) -> None:
    view, events = PlanningInput(NUMBER, NOW, {}, frozenset()), told_apart(events)

    found = plan(view, events, rulebook)

    assert found.failures == ()
    assert found == plan(view, events, rulebook)
    assert sum(len(one.events) for one in found.plans) == len(events)


def in_batches(events: list[Event], cuts: set[int], rulebook: Rulebook) -> tuple[Any, list[Send]]:
    """Plan events in batches; return the contacts at the end and all sends."""
    contacts: dict[str, Contact] = {}
    sends: list[Send] = []
    for start, end in pairwise([0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]):
        view = PlanningInput(NUMBER, NOW, contacts, frozenset())
        for one in plan(view, events[start:end], rulebook).plans:
            if one.changed:
                contacts[one.contact.key] = replace(one.contact, version="v")
            sends += one.sends
    return contacts, sorted(sends, key=lambda send: send.id)


@given(RULEBOOKS, EVENTS, st.sets(st.integers(1, 4)))
def test_regrouping_events_over_deliveries_changes_nothing(
    rulebook: Rulebook, events: list[Event], cuts: set[int]
) -> None:
    events = told_apart(events)

    assert in_batches(events, cuts, rulebook) == in_batches(events, set(), rulebook)
