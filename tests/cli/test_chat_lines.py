"""What a phone in the terminal shows and understands."""

from typing import Any

import pytest

from gateway.cli.develop.chat.message_view import (
    Offer,
    offers,
    parse_line,
    parse_phone_number,
    render_message,
)
from tests.support.sandbox.interactive_examples import card, carousel, product_card

BUTTONS: dict[str, Any] = {
    "type": "interactive",
    "interactive": {
        "type": "button",
        "header": {"type": "text", "text": "Hello"},
        "body": {"text": "What\nnow?"},
        "footer": {"text": "Tap"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "a", "title": "Apples"}},
                {"type": "reply", "reply": {"id": "b", "title": "Pears"}},
            ]
        },
    },
}
LIST: dict[str, Any] = {
    "type": "interactive",
    "interactive": {
        "type": "list",
        "body": {"text": "Choose"},
        "action": {
            "button": "Open",
            "sections": [
                {"title": "One", "rows": [{"id": "x", "title": "X"}]},
                {"title": "Two", "rows": [{"id": "y", "title": "Y", "description": "yes"}]},
            ],
        },
    },
}
LINK: dict[str, Any] = {
    "type": "interactive",
    "interactive": {
        "type": "cta_url",
        "body": {"text": "Look"},
        "action": {"parameters": {"display_text": "Here", "url": "https://a.example"}},
    },
}


def interactive(kind: str, **parts: Any) -> dict[str, Any]:
    return {"type": "interactive", "interactive": {"type": kind, **parts}}


TEMPLATE: dict[str, Any] = {
    "type": "template",
    "template": {
        "name": "order",
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "A7"}]}],
    },
}

BUBBLES = {
    "text": ({"text": {"body": "Hi\nyou"}}, ["Hi", "you"]),
    "buttons": (BUTTONS, ["Hello", "What", "now?", "Tap", "  [1] Apples", "  [2] Pears"]),
    "list": (LIST, ["Choose", "  [1] X", "  [2] Y - yes"]),
    "link": (LINK, ["Look", "  [Here] https://a.example"]),
    "location request": (
        interactive("location_request_message", body={"text": "Where?"}),
        ["Where?", "  [Send location]"],
    ),
    "product": (
        interactive("product", action={"product_retailer_id": "red"}),
        ["  red", "  [View]"],
    ),
    "carousel": (
        {"type": "interactive", "interactive": carousel(card(0), product_card(1))},
        ["Our colours", "  Colour 0", "  red-1"],
    ),
    "what nobody knows": (interactive("quiz"), ["  [quiz]"]),
    "template": (TEMPLATE, ["[template order] A7"]),
    "image": ({"type": "image", "image": {"id": "1", "caption": "us"}}, ["[image] us"]),
    "reaction": ({"type": "reaction", "reaction": {"emoji": "👍"}}, ["[reaction] 👍"]),
    "contacts": (
        {"type": "contacts", "contacts": [{}, {"name": {"formatted_name": "Ana"}}]},
        ["[contact] Contact", "[contact] Ana"],
    ),
}


@pytest.mark.parametrize(("body", "shown"), BUBBLES.values(), ids=BUBBLES)
def test_a_message_is_shown_in_lines(body: dict[str, Any], shown: list[str]) -> None:
    assert render_message(body) == shown


def test_buttons_are_offered() -> None:
    assert offers(BUTTONS) == (Offer("button", "a", "Apples"), Offer("button", "b", "Pears"))


def test_rows_of_all_sections_are_offered() -> None:
    assert offers(LIST) == (Offer("list", "x", "X"), Offer("list", "y", "Y", "yes"))


@pytest.mark.parametrize("body", [LINK, TEMPLATE, {"text": {"body": "Hi"}}])
def test_other_messages_offer_nothing(body: dict[str, Any]) -> None:
    assert offers(body) == ()


def test_a_number_taps_what_it_stands_for() -> None:
    told = parse_line("2", offers(LIST))

    assert told == {"tap": {"kind": "list", "id": "y", "title": "Y", "description": "yes"}}


@pytest.mark.parametrize("line", ["0", "3", "1.", "one", "²", "٢", "1" * 5000])
def test_anything_else_is_a_text(line: str) -> None:
    assert parse_line(line, offers(LIST)) == {"text": line}


NUMBERS = {
    "+351900000001": "351900000001",
    "+351 900-000 (001)": "351900000001",
    "351900000001": "351900000001",
    "+12": None,
    "+1234567890123456": None,
    "Ana": None,
    "": None,
    "+٣٥١٩٠٠٠٠٠": None,
}


@pytest.mark.parametrize(("written", "digits"), NUMBERS.items())
def test_a_phone_number_is_its_digits(written: str, digits: str | None) -> None:
    assert parse_phone_number(written) == digits
