"""No rule that would fire is missed, whatever its conditions are and however they are combined."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.rules.event_kinds import EVENTS
from gateway.rules.language.conditions import PATTERN_TESTS, Conditions, When
from gateway.rules.matching.conditions.compiler import compile_condition
from gateway.rules.matching.facts import EventFacts
from gateway.rules.matching.index import Index
from tests.rules import test_total as total
from tests.support.factories import ANA, NOW, NUMBER, a_message

Written = dict[str, Any]
Strategies = Mapping[str, st.SearchStrategy[Any]]


def some_of(*words: str) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(words), min_size=1, max_size=3)


def chosen(strategies: Strategies, least: int = 0) -> st.SearchStrategy[Written]:
    """Make a mapping with one or two of these keys."""
    keys = st.lists(st.sampled_from(sorted(strategies)), min_size=least, max_size=2, unique=True)
    return keys.flatmap(
        lambda named: st.fixed_dictionaries({key: strategies[key] for key in named})
    )


WORDS = some_of("hi", "a", "b", "a b", "menu", "é", "ß", "order 1", "A!", "*a*")
YES = st.sampled_from(["yes", "no"])
TEXT = chosen(
    {"equals": WORDS, "any_of": WORDS, "contains": some_of("a", ".", "é"), "word": WORDS,
     "starts_with": WORDS, "exactly": WORDS,
     **dict.fromkeys(PATTERN_TESTS, st.sampled_from(["a", "^a b$", r"\bb", "é", "[^x]"]))}, 1,
)  # fmt: skip
OF_ANY: Strategies = {
    "type": some_of("text", "image", "order", "reaction"), "text": TEXT,
    "tapped": some_of("a", "b"),
    "media": some_of("image", "any", "voice"), "reaction": some_of("👍", "any"), "order": YES,
    "referral": YES | st.fixed_dictionaries({"headline": TEXT}), "number": some_of(NUMBER, "1"),
    "from": some_of(ANA, "+351 900 000 001", "PT.1"), "language": WORDS, "first_contact": YES,
    "silent_for": st.just("1m"), "tags": WORDS, "vars": st.fixed_dictionaries({"a": WORDS}),
    "window": st.sampled_from(["open", "closed"]), "age": st.just({"older": "1s"}),
    "inside": some_of("shop"), "outside": some_of("shop"), "handed_over": YES, "muted": YES,
    "data": chosen({
        "reaction.emoji": some_of("👍"), "order.count": st.just({"at_least": "1"}),
        "notice.event": TEXT, "errors.code": some_of("1", "131047"), "text.body": TEXT,
        "audio.voice": YES, "flow.a": st.fixed_dictionaries({"present": YES}),
    }, 1),
}  # fmt: skip
OF_MESSAGE = {"campaign": some_of("spring", "any")}
OF_STATUS = {"status": some_of("failed", "read"), "code": some_of("1", "131047", "0")}
OF_CALL = {"call": some_of("missed", "ringing", "ended"), "field": some_of("calls")}
OF_NOTICE = {"field": some_of("account_update", "flows")}


def combined(strategies: Strategies, depth: int = 2) -> st.SearchStrategy[Written]:
    """Make conditions with others in any, all and not."""
    if not depth:
        return chosen(strategies)
    inner = st.lists(combined(strategies, depth - 1), min_size=1, max_size=2)
    below = chosen(dict.fromkeys(("any", "all", "not"), inner))
    return st.tuples(chosen(strategies), below).map(lambda both: both[0] | both[1])


def about(*events: str, **others: Any) -> st.SearchStrategy[Written]:
    return combined({**OF_ANY, **others}).map(lambda when: when | {"event": list(events)})


WHENS = st.lists(
    about("message", **OF_MESSAGE) | about("status", **OF_STATUS) | about("notice", **OF_NOTICE)
    | about("call", **OF_CALL) | about(*EVENTS),
    min_size=1, max_size=2,
)  # fmt: skip
HAPPENED = total.MESSAGES | total.STATUSES | total.CALLS | total.notices()
NO_REACTION = a_message(type="text", raw={"reaction": {"emoji": "👍"}})


def test_every_condition_is_tried() -> None:
    assert {*OF_ANY, *OF_MESSAGE, *OF_STATUS, *OF_CALL, *OF_NOTICE, "any", "all", "not"} == {
        *Conditions.keys()
    }


@example([[{"event": ["message"], "reaction": ["any"]}]], NO_REACTION, ())
@given(st.lists(WHENS, min_size=1, max_size=4), HAPPENED, st.sampled_from([(), ("a", "hi")]))
def test_no_rule_that_would_fire_is_missed(
    rules: list[list[Written]], event: Event, tags: tuple[str, ...]
) -> None:
    contact = Contact(ANA, wa_id=ANA, tags=tags, vars={"a": "hi"})
    facts = EventFacts(event, contact, NOW, timedelta(days=9), {})
    whens = [compile_condition(tuple(map(When.model_validate, rule)), {}) for rule in rules]

    firing = {position for position, when in enumerate(whens) if when.holds(facts)}

    assert firing <= set(Index([when.keys or frozenset() for when in whens]).candidates(facts))
