"""Which texts are alike, for whole texts, for words inside a text and for patterns."""

import re
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.contacts.contact import Contact
from gateway.rules.language.conditions import TextTest
from gateway.rules.matching.conditions.on_text import FORMS, text_conditions
from gateway.rules.matching.facts import EventFacts
from gateway.rules.text import (
    MAX_COMPARED,
    ComparableText,
    exact_form,
    normalize,
    plain_form,
    spaced_words,
    tidy,
    truncate,
)
from tests.support.factories import ANA, NOW, a_message

# A text, and the ways in which customers write it.
ALIKE = {
    "stop": "Stop.|STOP!|*stop*|_Stop_|~stop~|`stop`|```stop```|“stop”|«stop»|'stop'|(stop)|"
    "stop 🛑|🛑stop|stop‼️|> stop|- stop|* stop|• stop|stop…|¡stop!|¿Stop?|*_Stop!_*|"
    "\u200fstop\u200e|st\u00adop|s\u200bt\u200dop|ＳＴＯＰ|"
    "stop \u2060|stop\ufffd|¡*stop*!|stop\u2800",
    "don't stop": "don’t stop|DON´T  STOP|don`t\u00a0stop|don‘t\nstop|don't\t stop!|*don’t* stop",
    "good-bye": "good‐bye|good–bye|Good—bye|good−bye|good‑bye",
    "menu": "menú|MENU\u0301|*Menu*?|menu\ufe0f",
    "24/7": "24/7?|*24/7*|٢٤/٧|２４/７",
    "order 123": "Order ١٢٣|order १२३|ORDER\n123|order １２３|order 1️⃣2️⃣3️⃣",
    "👍": "👍🏽|👍🏿\ufe0f|*👍*|👍\u200d",
    "❤": "❤️",
    "👨👩👧": "👨‍👩‍👧|👨🏽‍👩‍👧",
    "strasse": "Straße|STRAẞE",
    "istanbul isik": "İstanbul ışık|ISTANBUL IŞIK|ıstanbul işik",
    "مرحبا": "مَرْحَبًا|مرحـــبا|مرحباً|مرحبا؟|مرحبا!|ﻣﺮﺣﺒﺎ",
    "اريد": "أريد|أُريد",
    "שלום": "שָׁלוֹם|שלום!|״שלום״",
    "הצהל": 'הצהל"',
    "नमस्ते": "नमस्ते।|*नमस्ते*|नमस्ते🙏🏽",
    "สวัสดี": "สวัสดี!|“สวัสดี”|สวัสดี\u200b",
    "こんにちは": "こんにちは。|「こんにちは」|こんにちは！",
    "привет": "Привет!|«привет»|ПРИВЕТ )))",
}  # fmt: skip
DIFFERENT = [
    ("c++", "c"), ("c#", "c"), ("-5", "5"), ("5€", "5"), ("100%", "100"), ("@ana", "ana"),
    ("/menu", "menu"), ("2*3", "23"), ("snake_case", "snakecase"), ("?", "!"), ("!", "!!"),
    ("👍", "👎"), ("a b", "ab"), ("か", "が"), ("หมา", "ม้า"), ("हद", "हिंदी"), ("<3", "3"),
    ("1. menu", "menu"), ("3.5", "35"), ("don't", "dont"), ("a * b", "a b"), ("", "?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"),
    [(text, written) for text, ways in ALIKE.items() for written in ways.split("|")],
)
def test_text_is_compared_as_customers_read_it(text: str, written: str) -> None:
    assert normalize(truncate(written)) == normalize(text)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_text_that_reads_otherwise_stays_another(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("*Order* _now_, ~not~ `later`", "order now, not later"),
        ("> quoted\n- one\n* two\n3. three", "quoted one two 3. three"),
        ("my_file_name 2*3 a * b", "my_file_name 2*3 a * b"),
        ("call +351 900-000 at -5°", "call +351 900-000 at -5°"),
        ("(*bold*), “_it_”", '(bold), "it"'),
        ("__init__ /bot #done", "init /bot #done"),
        ("***", "***"),
        ("\u200b\u00ad", ""),
    ],
)
def test_part_of_a_text_keeps_its_punctuation(written: str, plain: str) -> None:
    assert plain_form(written) == plain


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("  Don’t \u00a0 – “Café” 👍🏽 ", 'Don\'t - "Café" 👍'),
        ("Nº １２３\r\n\n  ٤٥\u2028x", "No 123\n45\nx"),
        ("*bold* Cafe\u0301", "*bold* Café"),
        ("pay\u200bment \x00", "payment"),
    ],
)
def test_tidy_text_keeps_what_a_pattern_may_capture(written: str, clean: str) -> None:
    assert tidy(written) == clean


SCRIPTS = "aZé_*~`'’“”–-.!?#+/5٣३👍\u200d\ufe0f🏽 \n\t\u00a0>•ßıİمَـשׁनि้か\u3099ﬁ\u0301\u0338\ufeff"
TEXTS = st.text(st.sampled_from(SCRIPTS), max_size=12) | st.text(max_size=30)


@given(TEXTS)
@example("*`* x")
@example("*\nb")
@example("5\t\u0301")
@example("か_\u3099")
@example("“> x”")
@example("\u0301 - x")
def test_form_of_a_form_is_the_same(text: str) -> None:
    text = truncate(text)

    for form in (tidy, plain_form, normalize, exact_form):
        assert form(form(text)) == form(text)
    assert normalize(plain_form(tidy(text))) == normalize(text)


@given(TEXTS)
def test_trimming_empties_no_text(text: str) -> None:
    text = truncate(text)

    assert bool(normalize(text)) == bool(plain_form(text))


@given(st.text(max_size=40) | st.text(st.characters(categories=["Cs", "Cf", "Mn", "Cc", "Nd"])))
def test_no_text_raises(text: str) -> None:
    compared = ComparableText(text)

    assert (compared.normal, compared.plain) == (
        normalize(truncate(text)),
        plain_form(truncate(text)),
    )
    assert spaced_words(compared.normal or "") == compared.words


# What a customer may write around and into a text without meaning anything by it.
PAIRS = ["**", "__", "~~", "``", "“”", '""', "‘’", "''", "«»", "()", "¡!", "¿?"]
PAIR = st.sampled_from([(pair[0], pair[1]) for pair in PAIRS] + [("```", "```")])
ENDS = st.sampled_from(["", ".", "!", "?", "!!!", "…", " 🛑", " 👍🏽", " ❤️", " :)", "؟", "।", "。"])
STARTS = st.sampled_from(["", "> ", "- ", "* ", "• ", "🛑 ", "\u200f", "  \n"])
SPACES = st.sampled_from([" ", "  ", "\n", "\u00a0", "\t", "\u3000", " \u200b "])
HIDDEN = st.sampled_from(["", "\u200b", "\u200d", "\u00ad", "\u2060", "\ufeff", "\u202c"])
ZEROS = st.sampled_from("0٠०０๐۰")
COMPOSED: st.SearchStrategy[Literal["NFC", "NFD", "NFKC", "NFKD"]] = st.sampled_from(
    ["NFC", "NFD", "NFKC", "NFKD"]
)
WORD = st.sampled_from(
    ["stop", "menu", "café", "straße", "don't", "24/7", "c++", "мир", "مرحبا", "שלום",
     "नमस्ते", "สวัสดี", "good-bye", "snake_case", "-5", "123", "+351900"]
)  # fmt: skip
CURLY = {"'": "'’‘ʼ´", "-": "-‐–—−"}


@st.composite
def decorated(draw: st.DrawFn) -> tuple[str, str]:
    """Make a text, and the same as another customer may write it."""
    words = draw(st.lists(WORD, min_size=1, max_size=3))
    if words[0].startswith("-"):
        words = ["it", *words]
    written = draw(SPACES).join(draw(_decorated_word(word)) for word in words)
    open_mark, close_mark = draw(PAIR)
    text = f"{draw(STARTS)}{open_mark}{written}{draw(ENDS)}{close_mark}{draw(ENDS)}"
    return " ".join(words), unicodedata.normalize(draw(COMPOSED), text)


@st.composite
def _decorated_word(draw: st.DrawFn, word: str) -> str:
    zero = ord(draw(ZEROS))
    cased = draw(st.sampled_from([word, word.upper(), word.title()]))
    chars = [
        chr(zero + int(char))
        if char in "0123456789"
        else draw(st.sampled_from(CURLY.get(char, char)))
        for char in cased
    ]
    return draw(HIDDEN).join(chars)


@given(decorated())
def test_decoration_changes_no_text(both: tuple[str, str]) -> None:
    text, written = both

    assert normalize(written) == normalize(text)
    assert spaced_words(normalize(written)) == spaced_words(normalize(text))
    assert normalize(text) in plain_form(written)


@given(st.sampled_from(sorted(FORMS)), decorated())
def test_a_word_of_a_rule_may_be_written_as_customers_write_it(
    test: str, both: tuple[str, str]
) -> None:
    text, written = both
    facts = EventFacts(a_message(text=text), Contact(ANA), NOW, timedelta(1), {})
    word = text if test == "exactly" else normalize(written)

    (condition,) = text_conditions(TextTest.model_validate({test: [word]}))

    assert condition.holds(facts)


@given(TEXTS)
def test_a_pattern_is_searched_in_the_text_of_its_test(text: str) -> None:
    compared = ComparableText(text)

    assert compared.searched_by("matches") == tidy(truncate(text))
    assert compared.searched_by("matches_raw") == truncate(text)


def test_text_that_grows_when_it_is_tidied_is_cut() -> None:
    assert len(tidy("\ufdfa" * MAX_COMPARED)) <= MAX_COMPARED


PAGE = Path(__file__).parents[2].joinpath("docs", "rules.md").read_text()
TABLE = PAGE.partition("| Written | Compared as |")[2].partition("\n\n")[0]
ROWS = [re.findall("`([^`]+)`", row.rpartition(" | ")[0]) for row in TABLE.splitlines()[2:]]


@pytest.mark.parametrize(
    ("written", "form"), [(one, form) for *written, form in ROWS for one in written]
)
def test_table_of_the_page_is_true(written: str, form: str) -> None:
    assert normalize(written) == form


def test_table_of_the_page_has_its_rows() -> None:
    assert len(ROWS) == 9
