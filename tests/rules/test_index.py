"""The index finds every rule that may fire, and hardly any other."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.core.events import Event
from gateway.rules.matching.index import CASE_INSENSITIVE, CASE_SENSITIVE, Patterns
from gateway.rules.text import compile_pattern, normalize, truncate
from tests.support.factories import ANA, NOW, NUMBER, a_message, a_status
from tests.support.rules.rulebooks import book

SOURCES = [
    r"\border\s+#?(?P<order>\d+)", "^hi", "bye$", "^$", "", r"(a|b)*c", "é", "[^x]{3}", r"\d{2,4}",
    "caf.", r"\bmenu\b", "x{0,200}y", "(?-i:ABC)", r"\p{Greek}+", "a{50}", r"(^|\s)no\s", ".",
]  # fmt: skip
TEXTS = st.text(st.sampled_from("abcxyz hiobrdemnu0123456789#éABCΩß\n"), max_size=80) | st.text()
TOGETHER = Patterns({source: source for source in SOURCES}, CASE_INSENSITIVE)
WORDS = ["menu", "a b", "é", ".", "x+", "no", "ss", "(", "b"]


@given(TEXTS)
def test_patterns_found_together_are_those_found_one_by_one(text: str) -> None:
    text = truncate(text)

    alone = [source for source in SOURCES if compile_pattern(source).search(text)]

    assert sorted(TOGETHER.find_matches(text)) == sorted(alone)


@given(TEXTS)
def test_words_found_together_are_those_that_the_text_contains(text: str) -> None:
    together = Patterns({re2.escape(word): word for word in WORDS}, CASE_SENSITIVE)

    found = together.find_matches(normalize(truncate(text)))

    assert sorted(found) == sorted(word for word in WORDS if word in normalize(truncate(text)))


def test_where_re2_has_no_room_every_pattern_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    cramped = re2.Options()
    cramped.max_mem, cramped.log_errors = 1 << 14, False

    assert Patterns({"a{9}": "one", "b{900}": "two"}, cramped).find_matches("c") == ("one", "two")


RULES = book("""\
- {name: tap, when: {tapped: a}, then: Yes.}
- {name: words, when: {text: [menu, list]}, then: Yes.}
- {name: word, when: {text: {word: [real person, agent]}}, then: Yes.}
- {name: begins, when: {text: {starts_with: [order, ord]}}, then: Yes.}
- {name: part, when: {text: {contains: [olo, .]}}, then: Yes.}
- {name: fits, when: {text: {matches: '\\d{3}'}}, then: Yes.}
- {name: very, when: {text: {exactly: [Menu., "?"]}}, then: Yes.}
- {name: raw, when: {text: {matches_raw: '“'}}, then: Yes.}
- {name: image, when: {type: image}, then: Yes.}
- {name: either, when: {any: [{tapped: b}, {text: {word: help}}]}, then: Yes.}
- {name: tagged, when: {tags: vip}, then: Yes.}
- {name: both, when: {text: {contains: a, word: agent}, type: text}, then: Yes.}
- {name: not, when: {not: {text: menu}}, then: Yes.}
- {name: list, when: [{tapped: c}, {text: {starts_with: z}}], then: Yes.}
- {name: failed, when: {event: status, status: failed}, then: Yes.}
- {name: code, when: {event: status, code: [1, 131047]}, then: Yes.}
- {name: boss, when: {from: +351 900 000 009}, then: Yes.}
- {name: sales, when: {number: "1"}, then: Yes.}
- {name: off, when: {text: menu}, enabled: no, then: Yes.}
""")
SAID = st.sampled_from(
    [
        "menu",
        "List",
        "a real person!",
        "ordinary",
        "ORDER 123",
        "color.",
        "Menu.",
        "“Order” 1",
        "?",
        "agent",
        "help",
        "zoo",
        "",
    ]
) | st.text(max_size=30)
MESSAGES = st.builds(
    lambda text, tapped, kind, number, sender: a_message(
        text=text, tapped=tapped, type=kind, number=number, wa_id=sender
    ),
    st.none() | SAID,
    st.none() | st.sampled_from("abcd"),
    st.sampled_from(["text", "image", "interactive"]),
    st.sampled_from([NUMBER, "1"]),
    st.sampled_from([ANA, "351900000009", ""]),
)
STATUSES = st.builds(
    lambda status, code: a_status("wamid.o", status, code=code),
    st.sampled_from(["sent", "failed"]),
    st.sampled_from([None, 1, 2, 131047]),
)


@given(MESSAGES | STATUSES, st.sampled_from([(), ("vip",)]))
def test_every_rule_that_would_fire_is_found(event: Event, tags: tuple[str, ...]) -> None:
    facts = RULES.facts(event, Contact(ANA, wa_id=ANA, tags=tags), NOW)

    firing = {n for n, rule in enumerate(RULES.rules) if not rule.refusal(facts)}

    assert firing <= set(RULES.index.candidates(facts))


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (a_message(text="menu"), ["words", "tagged", "not"]),
        (a_message(text="Menu."), ["words", "part", "very", "tagged", "not"]),
        (a_message(text="a person", tapped="a"), ["tap", "tagged", "not"]),
        (a_message(text="a real person"), ["word", "tagged", "not"]),
        (a_message(text=None, type="image"), ["image", "tagged", "not"]),
        (a_status("w", "failed", code=2), ["failed"]),
        (a_status("w", "sent"), []),
    ],
)
def test_hardly_any_other_rule_is_found(event: Event, found: list[str]) -> None:
    facts = RULES.facts(event, Contact(ANA), NOW)

    assert [RULES.rules[n].name for n in RULES.index.candidates(facts)] == found


def test_a_message_meets_none_of_a_thousand_rules_for_other_words() -> None:
    rules = (f"- {{name: r{n}, when: {{text: word{n}}}, then: x}}\n" for n in range(1_000))
    many = book("".join(rules))

    facts = many.facts(a_message(text="hello"), Contact(ANA), NOW)

    assert many.index.candidates(facts) == []
