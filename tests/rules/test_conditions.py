"""When each condition holds, and how it is told."""

from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from tests.support.factories import ANA, NOW
from tests.support.rules.rulebooks import decided

KNOWN = Contact(ANA, wa_id=ANA, last_inbound_at=NOW)


def fires(when: str, contact: Contact | None = None, **message: Any) -> bool:
    return bool(decided(f"- {{name: it, when: {when}, then: Yes.}}", contact, **message).fired)


@pytest.mark.parametrize(
    ("text", "test", "holds"),
    [
        pytest.param("Menu", "menu", True, id="case"),
        pytest.param("  menu\n", "menu", True, id="space around"),
        pytest.param("CAFÉ", "cafe", True, id="accent in the message"),
        pytest.param("cafe", "café", True, id="accent in the rule"),
        pytest.param("cafe\u0301", "café", True, id="accent as a letter of its own"),
        pytest.param("ＭＥＮＵ", "menu", True, id="wide letters"),
        pytest.param("STRASSE", "straße", True, id="sharp s"),
        pytest.param("か", "が", False, id="kana differ by more than an accent"),
        pytest.param("menu please", "menu", False, id="more than the text"),
        pytest.param("1", "1", True, id="a number is a text"),
        pytest.param("yes", "yes", True, id="a yes is a text"),
        pytest.param("007", "007", True, id="zeros stay"),
        pytest.param("b", "[a, b]", True, id="any of a list"),
        pytest.param("c", "[a, b]", False, id="none of a list"),
        pytest.param("a", "{equals: a}", True, id="equals"),
        pytest.param("b", "{any_of: [a, b]}", True, id="any_of"),
        pytest.param("What COLOR?", "{contains: color}", True, id="contains"),
        pytest.param("colour", "{contains: color}", False, id="contains not"),
        pytest.param("an agent, please", "{word: agent}", True, id="word"),
        pytest.param("agents", "{word: agent}", False, id="part of a word"),
        pytest.param("a Real, person!", "{word: [x, real person]}", True, id="phrase"),
        pytest.param("हिंदी", "{word: हिंदी}", True, id="word with vowel signs"),
        pytest.param("हद", "{word: हिंदी}", False, id="vowel signs count"),
        pytest.param("Order 7", "{starts_with: order}", True, id="starts_with"),
        pytest.param("an order", "{starts_with: order}", False, id="starts_with not"),
        pytest.param("my ORDER 77", r"{matches: 'order \d+$'}", True, id="matches"),
        pytest.param("café", "{matches: cafe}", False, id="matches sees accents"),
        pytest.param("Stop! 🛑", "stop", True, id="punctuation and emoji around"),
        pytest.param("stop", "'*STOP*.'", True, id="the same around the word of the rule"),
        pytest.param("don’t", "don't", True, id="curly apostrophe"),
        pytest.param("👍🏽", "👍", True, id="emoji alone"),
        pytest.param("?", "'?'", True, id="punctuation alone"),
        pytest.param("c", "c++", False, id="signs that mean something"),
        pytest.param("How much?", "{contains: '?'}", True, id="contains punctuation"),
        pytest.param("How much", "{contains: '?'}", False, id="contains no punctuation"),
        pytest.param("“Order” 7", "{starts_with: order}", True, id="starts_with its first word"),
        pytest.param("/bot on", "{starts_with: /bot}", True, id="starts_with a sign"),
        pytest.param("bot on", "{starts_with: /bot}", False, id="starts_with without its sign"),
        pytest.param("real – *person*", "{word: real person}", True, id="phrase across marks"),
        pytest.param(" Stop ", "{exactly: Stop}", True, id="exactly"),
        pytest.param("stop", "{exactly: Stop}", False, id="exactly sees case"),
        pytest.param("Stop.", "{exactly: Stop}", False, id="exactly sees punctuation"),
        pytest.param("cafe\u0301", "{exactly: café}", True, id="exactly in either spelling"),
        pytest.param("don’t", '{matches: "^don\'t$"}', True, id="matches sees straight quotes"),
        pytest.param("size ٤٢", r"{matches: 'size \d+'}", True, id="matches sees digits"),
        pytest.param("*a*", r"{matches: '^\*a\*$'}", True, id="matches sees formatting"),
        pytest.param("a\nb", "{matches: '^a$'}", False, id="matches sees line breaks"),
        pytest.param("don’t", '{matches_raw: "don\'t"}', False, id="matches_raw sees all"),
        pytest.param("don’t", "{matches_raw: ’}", True, id="matches_raw"),
        pytest.param(None, "{exactly: a}", False, id="no text, nothing exactly"),
        pytest.param("order now", "{starts_with: order, contains: now}", True, id="both"),
        pytest.param("order", "{starts_with: order, contains: now}", False, id="one of two"),
        pytest.param(None, "{contains: a}", False, id="no text"),
        pytest.param(None, "{word: a}", False, id="no text, no word"),
        pytest.param(None, "{starts_with: a}", False, id="no text, no beginning"),
        pytest.param(None, "{matches: ''''}", False, id="no text, no match"),
        pytest.param("x" * 5_000 + "end", "{contains: end}", False, id="beyond 4,096"),
    ],
)
def test_text_condition(text: str | None, test: str, holds: bool) -> None:
    assert fires(f"{{text: {test}}}", text=text) is holds


@pytest.mark.parametrize(
    ("when", "message", "holds"),
    [
        pytest.param("{event: message}", {}, True, id="message"),
        pytest.param("{type: Image}", {"type": "image"}, True, id="type"),
        pytest.param("{type: [image, video]}", {}, False, id="another type"),
        pytest.param("{tapped: 1}", {"tapped": "1"}, True, id="tapped"),
        pytest.param("{tapped: a}", {"tapped": "A"}, False, id="an id is exact"),
        pytest.param("{tapped: a}", {}, False, id="nothing tapped"),
        pytest.param("{number: 106540352242922}", {}, True, id="number"),
        pytest.param("{number: 1}", {}, False, id="another number"),
        pytest.param("{from: +351 900-000-001}", {}, True, id="from with signs"),
        pytest.param(
            "{from: +52 1 55 1234 5678}", {"wa_id": "525512345678"}, True, id="from, as old"
        ),
        pytest.param("{from: 525512345678}", {"wa_id": "5215512345678"}, True, id="from, as new"),
        pytest.param("{from: ['1', '351900000001']}", {}, True, id="from a list"),
        pytest.param("{from: 351900000002}", {}, False, id="from another"),
        pytest.param("{from: PT.77}", {"wa_id": "", "user_id": "PT.77"}, True, id="from user id"),
        pytest.param(
            "{reaction: 👍}",
            {"type": "reaction", "raw": {"reaction": {"emoji": "👍🏽"}}},
            True,
            id="reaction with a skin tone",
        ),
        pytest.param("{first_contact: yes}", {}, True, id="first contact"),
        pytest.param("{first_contact: no}", {}, False, id="not for the first contact"),
        pytest.param("{text: hi, type: image}", {}, False, id="all must hold"),
        pytest.param("{text: hi, type: text, first_contact: yes}", {}, True, id="all hold"),
    ],
)
def test_condition(when: str, message: dict[str, Any], holds: bool) -> None:
    assert fires(when, **message) is holds


def test_first_contact_is_over_once_the_customer_has_written() -> None:
    assert not fires("{first_contact: yes}", KNOWN)
    assert fires("{first_contact: no}", KNOWN)


def test_sender_is_known_from_the_contact_where_the_message_does_not_say() -> None:
    assert fires("{from: 351900000001}", KNOWN, wa_id="", user_id="PT.77")


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("{}", "always"),
        ("{text: hi}", 'text is "hi"'),
        (
            "{text: {contains: [h, i], word: HI}}",
            'text contains one of "h", "i" and text has "HI" as a word',
        ),
        ("{text: [a, b, hi, c, d]}", 'text is one of "a", "b", "hi" and 2 more'),
        ("{type: text, first_contact: yes}", 'this is the first contact and type is "text"'),
        ("{text: {matches: ^h}}", 'text matches "^h"'),
        ("{text: {matches_raw: ^h}}", 'text as written matches "^h"'),
        ("{text: {exactly: hi}}", 'text is exactly "hi"'),
        ("{from: 351900000001}", "from is one the rule names"),
    ],
)
def test_why_a_rule_fired_is_told_in_its_own_words(when: str, why: str) -> None:
    assert decided(f"- {{name: it, when: {when}, then: Yes.}}").fired[0].explanation == why
