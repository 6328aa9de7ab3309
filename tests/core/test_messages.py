"""What goes out is what Meta's own description asks for."""

from pathlib import Path
from typing import Any

import pytest

from gateway.core.contacts.contact import Contact
from gateway.core.events import Message
from gateway.core.messages import (
    ContactCard,
    FlowStart,
    ListRow,
    Section,
    buttons,
    catalog_message,
    choices,
    contacts,
    cta_url,
    flow,
    location,
    location_request,
    mark_read,
    media,
    product,
    product_list,
    reaction,
    template,
    text,
    typing,
    with_recipient,
)
from gateway.core.planning.batch import PlanningInput, plan
from gateway.core.sending.send import callback_data
from gateway.core.templates.param_form import read_params
from gateway.rules.loader import load
from gateway.sandbox.validation.message import check_message
from tests.support.factories import ANA, NOW, NUMBER, a_message
from tests.support.meta_schema import needs_meta, problems
from tests.support.sandbox.interactive_examples import EXAMPLES

KNOWN = Contact(ANA, wa_id=ANA)
NAMED = Contact("PT.1", user_id="PT.13491208655302741918")
SHOP = Path(__file__).parents[2] / "examples/shop"


def test_addressed_names_the_customer_with_a_plus_sign() -> None:
    assert with_recipient(text("hi"), KNOWN) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{ANA}",
        "type": "text",
        "text": {"body": "hi"},
    }


def test_addressed_names_a_customer_without_a_phone_number_by_user_id() -> None:
    body = with_recipient(text("hi"), Contact("PT.1", user_id="PT.1"))

    assert body["recipient"] == "PT.1"
    assert "to" not in body


def test_read_marks_and_typing_name_the_message_and_no_recipient() -> None:
    assert with_recipient(mark_read("wamid.1"), KNOWN) == {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": "wamid.1",
    }
    assert typing("wamid.1")["typing_indicator"] == {"type": "text"}


PLACES = {
    "header": {"image": "https://x.pt/a.jpg"},
    "body": ["Ana"],
    "buttons": ["abc", {"payload": "stop"}, {"code": "SAVE20"}],
}


def params(given: object) -> list[Any]:
    return read_params(given).components


ROW = ListRow("a", "A", "The first")
BODIES = {
    "text": text("hi"),
    "template": template("we_answered", "en"),
    "template with parameters in order": template(
        "order", "pt_PT", read_params(["1", "2"]).components
    ),
    "template with parameters by name": template(
        "order", "en", read_params({"name": "Ana"}).components
    ),
    "buttons": buttons("Which?", {"a": "A", "b": "B"}),
    "buttons between lines": buttons("Which?", {"a": "A"}, "Above", "Below"),
    "list": choices("Which?", "Show", [Section("", (ROW,))]),
    "list with sections": choices(
        "Which?", "Show", [Section("One", (ROW,)), Section("Two", (ListRow("b", "B"),))], "Above"
    ),
    "link of a document": media("document", "https://a.example/b.pdf", "Menu", "menu.pdf"),
    "id of an image": media("image", "1234", "Menu"),
    "audio": media("audio", "https://a.example/b.ogg"),
    "reaction": reaction("wamid.1", "👍"),
    "reaction taken back": reaction("wamid.1", ""),
    "location": location("38.7", "-9.1", "Shop", "Rua Nova 1"),
    "contacts": contacts(
        [
            ContactCard("Shop", ("+351 900 000 002",), ("a@b.example",), ("https://b.example",)),
            ContactCard("Ana", company="Paint and Sons"),
        ]
    ),
    "flow": flow("Measure", "Begin", FlowStart("123", "WALL", {"unit": "m"}, "t", True), "H", "F"),
    "flow by name whose endpoint begins": flow("Measure", "Begin", FlowStart("wall")),
    "product": product("1", "red", "Red"),
    "products": product_list("All", "Shop", "1", {"Warm": ["red", "orange"]}),
    "catalog": catalog_message("All of it", "red", "With tax"),
    "answer": text("hi") | {"context": {"message_id": "wamid.1"}},
}
# Meta's description has no word of these kinds; their pages do.
# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-cta-url-messages
# https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-request-messages
UNDESCRIBED = {
    # Its pattern of a button's index fits few numbers, and it knows no coupon codes.
    "template with a picture and buttons": template("order", "en", params(PLACES)),
    "link": cta_url("Track it", "Track", "https://a.example", "Order", "For a week"),
    "location request": location_request("Where?"),
    **{name: {"type": "interactive", "interactive": one} for name, one in EXAMPLES.items()},
}


@pytest.mark.parametrize("name", [*BODIES, *UNDESCRIBED])
@pytest.mark.parametrize("person", [KNOWN, NAMED], ids=["phone", "user id"])
def test_body_is_what_the_sandbox_takes(name: str, person: Contact) -> None:
    assert check_message(with_recipient({**BODIES, **UNDESCRIBED}[name], person)) is None


@needs_meta
@pytest.mark.parametrize("name", BODIES)
def test_body_is_what_metas_schema_describes(name: str) -> None:
    assert (
        problems(
            with_recipient(BODIES[name], KNOWN)
            | {"biz_opaque_callback_data": callback_data("a", 1)}
        )
        == []
    )


@needs_meta
def test_the_schema_refuses_what_it_should() -> None:
    assert problems(with_recipient({"type": "text", "text": {"body": 7}}, KNOWN))


@needs_meta
@pytest.mark.parametrize("said", ["which color?", "hi", "menu", "help", "anything else"])
@pytest.mark.parametrize("new", [True, False], ids=["first contact", "known contact"])
def test_what_the_example_rules_send_is_what_metas_schema_describes(said: str, new: bool) -> None:
    before = KNOWN if new else KNOWN.with_message(a_message("wamid.0"))
    event: Message = a_message("wamid.1", text=said)

    made = plan(PlanningInput(NUMBER, NOW, {ANA: before}, frozenset()), [event], load(SHOP)).plans

    bodies = [dict(send.body) for one in made for send in one.sends if not send.repeatable]
    assert [problem for body in bodies for problem in problems(body)] == []
