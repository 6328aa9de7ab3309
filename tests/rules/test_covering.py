"""What is told to be never reached never fires, whatever comes."""

import itertools
import json
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.rules.checks.message_types import fired_types
from gateway.rules.checks.rulefile_check import check
from gateway.rules.checks.unreachable import find_unreachable
from gateway.rules.loader import assemble_rulebook
from tests.support.factories import ANA, NOW, a_message, a_status

TEXTS = st.lists(
    st.sampled_from(["a", "b", "a b", "any", "A!", "/a", "?", "👍"]), min_size=1, max_size=3
)
SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS
    | st.dictionaries(
        st.sampled_from(["equals", "any_of", "exactly", "contains", "starts_with"]),
        TEXTS,
        min_size=1,
    )
    | st.fixed_dictionaries({"word": st.just(["a", "a b"])}, optional={"exactly": TEXTS}),
    "type": st.lists(
        st.sampled_from(["text", "image", "reaction", "revoke"]), min_size=1, max_size=2
    ),
    "tapped": st.lists(st.sampled_from(["a", "b"]), min_size=1),
    "media": st.lists(st.sampled_from(["image", "audio", "any"]), min_size=1),
    "reaction": st.lists(st.sampled_from(["👍", "any"]), min_size=1),
    "tags": st.lists(st.sampled_from(["a", "b"]), min_size=1),
    "first_contact": st.sampled_from(["yes", "no"]),
    "muted": st.sampled_from(["yes", "no"]),
    "handed_over": st.sampled_from(["yes", "no"]),
    "age": st.just({"older": "1h"}),
}
CONDITIONS = st.fixed_dictionaries({}, optional=SIMPLE)
WHENS = st.fixed_dictionaries(
    {},
    optional=SIMPLE
    | {
        "event": st.lists(st.sampled_from(["message", "status"]), min_size=1),
        "any": st.lists(CONDITIONS, min_size=1, max_size=2),
        "not": st.lists(CONDITIONS, min_size=1, max_size=2),
    },
)
RULE = st.fixed_dictionaries(
    {
        "then": st.sampled_from(
            [
                *("x", "mark_read", "unmute", {"mute": "1h"}, {"hand_over": "1h"}),
                *({"tag": "a"}, {"untag": "a"}, ["x", {"tag": "b"}]),
            ]
        )
    },
    optional={
        "when": WHENS | st.lists(WHENS, min_size=1, max_size=2),
        "stop": st.sampled_from(["yes", "no"]),
        "cooldown": st.just("1h"),
        "shadow": st.sampled_from(["yes", "no"]),
        "enabled": st.sampled_from(["yes", "no"]),
    },
)

EVENTS = [
    *(
        a_message(text=text)
        for text in ("a", "b", "a b", "any", "c", None, "A!", "“a” b?", "/a", "?", "👍", "👍🏽 a")
    ),
    a_message(text="a", at=NOW - timedelta(hours=2)),
    a_message(text="a", type="interactive", tapped="a"),
    a_message(text="b", type="interactive", tapped="b"),
    a_message(text="a", type="image"),
    a_message(text=None, type="audio"),
    a_message(text=None, type="reaction", raw={"reaction": {"emoji": "👍"}}),
    a_message(text=None, type="reaction", raw={"reaction": {"emoji": "🎉"}}),
    a_message(text=None, type="revoke"),
    a_status("wamid.1", "failed"),
]
CONTACTS = [
    Contact(ANA, wa_id=ANA),
    Contact(ANA, wa_id=ANA, last_inbound_at=NOW, tags=("a",)),
    Contact(ANA, wa_id=ANA, last_inbound_at=NOW, tags=("a", "b")),
]


@settings(deadline=None)
@given(st.lists(RULE, min_size=2, max_size=4))
def test_rule_that_is_told_to_be_never_reached_never_fires(written: list[dict[str, Any]]) -> None:
    rules = [{"name": str(number), **rule} for number, rule in enumerate(written)]
    file = json.dumps({"version": "1", "rules": rules}, ensure_ascii=False)
    book = check("rules.yaml", file).book
    assert book
    rulebook = assemble_rulebook([book])
    told = {str(index) for index, _ in find_unreachable(book.rules)}

    for event, contact in itertools.product(EVENTS, CONTACTS):
        fired = {one.rule for one in rulebook.decide(event, contact, NOW).fired}
        assert not fired & told


@settings(deadline=None)
@given(WHENS)
def test_conditions_that_are_told_never_to_fire_never_hold(when: dict[str, Any]) -> None:
    rules = [{"name": "it", "when": when, "then": "x"}]
    book = check("r", json.dumps({"version": "1", "rules": rules}, ensure_ascii=False)).book
    assert book
    rulebook = assemble_rulebook([book])
    if book.rules[0].when[0].events != ("message",) or fired_types(book.rules[0].when[0]):
        return

    for event, contact in itertools.product(EVENTS, CONTACTS):
        assert not rulebook.decide(event, contact, NOW).fired
