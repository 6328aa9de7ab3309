"""Each kind of message is accepted once, and each limit of Meta refuses one body."""

from typing import Any

import pytest

from gateway.sandbox.validation.message import check_message
from tests.support.sandbox.interactive_examples import (
    EXAMPLES,
    address,
    card,
    carousel,
    product_card,
    reply_card,
)
from tests.support.sandbox.message_bodies import (
    LINK,
    button,
    buttons,
    cta,
    flow,
    interactive,
    listed,
    message,
    read,
    row,
    rows,
    template,
    text,
)

PLACE = {"latitude": 38.7, "longitude": "-9.1", "name": "Lisbon", "address": "Rua 1"}
CURRENCY = {"fallback_value": "1 €", "code": "EUR", "amount_1000": 1000}
COMPONENTS = [
    {"type": "HEADER", "parameters": [{"type": "image", "image": {"link": LINK}}]},
    {
        "type": "body",
        "parameters": [
            {"type": "text", "parameter_name": "name", "text": "Ana"},
            {"type": "currency", "currency": CURRENCY},
            {"type": "date_time", "date_time": {"fallback_value": "today"}},
        ],
    },
    {
        "type": "button",
        "sub_type": "quick_reply",
        "index": "0",
        "parameters": [{"type": "payload", "payload": "yes"}],
    },
]
NAMED = {"name": {"formatted_name": "Ana"}, "phones": [{"phone": "+351 900 000 001"}]}
PRODUCTS = {"title": "New", "product_items": [{"product_retailer_id": "a"}]}

ACCEPTED = {
    "text": text("x" * 4096),
    "text without type": {"messaging_product": "whatsapp", "to": "351900000001"}
    | {"text": {"body": "Hello", "preview_url": True}},
    "a number as people write it": text(to="+1 (631) 555-5555"),
    "to a user id": text(to=None, recipient="PT.13491208655302741918"),
    "to a group": text(to="Y2FwaV9ncm91cDoxOTUw", recipient_type="group"),
    "callback": text(biz_opaque_callback_data="x" * 512),
    "reply": text(context={"message_id": "wamid.x"}),
    "image": message("image", {"id": "1", "caption": "x" * 1024}),
    "video": message("video", {"link": LINK, "caption": "c"}),
    "document": message("document", {"link": LINK, "filename": "a.pdf", "caption": "c"}),
    "audio": message("audio", {"id": "1", "voice": True}),
    "sticker": message("sticker", {"link": LINK}),
    "location": message("location", PLACE),
    "contacts": message("contacts", [NAMED]),
    "reaction": message("reaction", {"message_id": "wamid.x", "emoji": "👍"}),
    "reaction taken back": message("reaction", {"message_id": "wamid.x", "emoji": ""}),
    "one button": buttons(button("x" * 256, "y" * 20)),
    "three buttons": buttons(
        button("1"),
        button("2"),
        button("3"),
        header={"type": "text", "text": "x" * 60},
        footer={"text": "x" * 60},
        body={"text": "x" * 1024},
    ),
    "button with a picture": buttons(button(), header={"type": "image", "image": {"id": "1"}}),
    "list": listed(
        {"rows": rows(5), "title": "x" * 24},
        {"rows": [*rows(4, 5), row("x" * 200, "x" * 24, description="x" * 72)], "title": "More"},
        label="x" * 20,
        body={"text": "x" * 4096},
    ),
    "link": cta("x" * 20),
    "flow": flow("x" * 30, mode="draft", flow_action="navigate"),
    "location request": interactive("location_request_message", {"name": "send_location"}),
    "contact request": interactive("request_contact_info", {"name": "request_contact_info"}),
    "call permission": interactive("call_permission_request", {"name": "call_permission_request"}),
    **{name: message("interactive", one) for name, one in EXAMPLES.items()},
    "product": interactive("product", {"catalog_id": "1", "product_retailer_id": "a"}),
    "product list": interactive(
        "product_list",
        {"catalog_id": "1", "sections": [PRODUCTS]},
        header={"type": "text", "text": "Shop"},
    ),
    "catalog": interactive("catalog_message", {"name": "catalog_message"}),
    "template": template("x" * 512, COMPONENTS),
    "template without parameters": template(),
    "read mark": read(),
    "typing": read(typing_indicator={"type": "text"}),
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_body_within_all_limits_is_accepted(body: dict[str, Any]) -> None:
    assert check_message(body) is None


LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "text 4097": (text("x" * 4097), "text.body"),
    "text empty": (text(""), "text.body"),
    "image caption 1025": (message("image", {"id": "1", "caption": "x" * 1025}), "image.caption"),
    "video caption 1025": (message("video", {"id": "1", "caption": "x" * 1025}), "video.caption"),
    "document caption 1025": (
        message("document", {"id": "1", "caption": "x" * 1025}),
        "document.caption",
    ),
    "no button": (buttons(), "interactive.action.buttons"),
    "four buttons": (
        buttons(*(button(str(number)) for number in range(4))),
        "interactive.action.buttons",
    ),
    "buttons of one id": (buttons(button(), button()), "interactive.action.buttons"),
    "button id 257": (buttons(button("x" * 257)), "interactive.action.buttons[0].reply.id"),
    "button title 21": (
        buttons(button(title="x" * 21)),
        "interactive.action.buttons[0].reply.title",
    ),
    "body 1025": (buttons(button(), body={"text": "x" * 1025}), "interactive.body.text"),
    "header 61": (
        buttons(button(), header={"type": "text", "text": "x" * 61}),
        "interactive.header.text",
    ),
    "footer 61": (buttons(button(), footer={"text": "x" * 61}), "interactive.footer.text"),
    "list button 21": (
        listed({"rows": rows(1)}, label="x" * 21),
        "interactive.action.button",
    ),
    "list without section": (listed(), "interactive.action.sections"),
    "eleven sections": (
        listed(*({"title": "x", "rows": rows(1, start)} for start in range(11))),
        "interactive.action.sections",
    ),
    "eleven rows in all": (
        listed({"title": "a", "rows": rows(6)}, {"title": "b", "rows": rows(5, 6)}),
        "interactive.action.sections",
    ),
    "rows of one id": (listed({"rows": [row(), row()]}), "interactive.action.sections"),
    "row id 201": (
        listed({"rows": [row("x" * 201)]}),
        "interactive.action.sections[0].rows[0].id",
    ),
    "row title 25": (
        listed({"rows": [row(title="x" * 25)]}),
        "interactive.action.sections[0].rows[0].title",
    ),
    "row description 73": (
        listed({"rows": [row(description="x" * 73)]}),
        "interactive.action.sections[0].rows[0].description",
    ),
    "section title 25": (
        listed({"rows": rows(1), "title": "x" * 25}),
        "interactive.action.sections[0].title",
    ),
    "list body 4097": (
        listed({"rows": rows(1)}, body={"text": "x" * 4097}),
        "interactive.body.text",
    ),
    "list with a picture": (
        listed({"rows": rows(1)}, header={"type": "image", "image": {"id": "1"}}),
        "interactive.header.type",
    ),
    "link label 21": (cta("x" * 21), "interactive.action.parameters.display_text"),
    "link no address": (cta(url="example.com"), "interactive.action.parameters.url"),
    "flow label 31": (flow("x" * 31), "interactive.action.parameters.flow_cta"),
    "flow id and name": (flow(flow_name="a"), "interactive.action.parameters"),
    "location request body 1025": (
        interactive(
            "location_request_message", {"name": "send_location"}, body={"text": "x" * 1025}
        ),
        "interactive.body.text",
    ),
    "one card": (message("interactive", carousel(card(0))), "interactive.action.cards"),
    "eleven cards": (
        message("interactive", carousel(*(card(index) for index in range(11)))),
        "interactive.action.cards",
    ),
    "cards of one index": (
        message("interactive", carousel(card(0), card(0))),
        "interactive.action.cards",
    ),
    "cards of two kinds": (
        message("interactive", carousel(card(0), reply_card(1))),
        "interactive.action.cards",
    ),
    "cards of two catalogs": (
        message(
            "interactive",
            carousel(
                product_card(0),
                product_card(1) | {"action": {"product_retailer_id": "a", "catalog_id": "2"}},
            ),
        ),
        "interactive.action.cards",
    ),
    "card text 161": (
        message("interactive", carousel(card(0), card(1, body={"text": "x" * 161}))),
        "interactive.action.cards[1].body.text",
    ),
    "interactive unknown": (interactive("quiz", {}), "interactive.type"),
    "callback 513": (text(biz_opaque_callback_data="x" * 513), "biz_opaque_callback_data"),
    "template name 513": (template("x" * 513), "template.name"),
    "template parameter unknown": (
        template(components=[{"type": "body", "parameters": [{"type": "smell"}]}]),
        "template.components[0].parameters[0].type",
    ),
    **{
        f"template parameter with {said!r}": (
            template(components=[{"type": "body", "parameters": [{"type": "text", "text": said}]}]),
            "template.components[0].parameters[0].text",
        )
        for said in ("a\nb", "a\tb", "a     b", "")
    },
    "media id and link": (message("image", {"id": "1", "link": LINK}), "image"),
    "media link without scheme": (message("sticker", {"link": "example.com/a"}), "sticker.link"),
    "latitude 91": (message("location", PLACE | {"latitude": 91}), "location.latitude"),
    "longitude -181": (message("location", PLACE | {"longitude": -181}), "location.longitude"),
    "reaction of letters": (
        message("reaction", {"message_id": "wamid.x", "emoji": "ok"}),
        "reaction.emoji",
    ),
    "no contact": (message("contacts", []), "contacts"),
    "to letters": (text(to="Ana"), "to"),
    "to four digits": (text(to="1234"), "to"),
    "recipient no user id": (text(to=None, recipient="351900000001"), "recipient"),
    "to a channel": (text(recipient_type="channel"), "recipient_type"),
    "to a group as a person": (text(to="Y2FwaV9ncm91cDox"), "to"),
    "read of a stranger's id": (read(message_id="mid.1"), "message_id"),
    "read with another word": (read(status="seen"), "status"),
    "typing of another kind": (read(typing_indicator={"type": "dots"}), "typing_indicator.type"),
}


@pytest.mark.parametrize(("body", "path"), LIMITS.values(), ids=LIMITS.keys())
def test_a_value_beyond_a_limit_is_refused_by_name(body: dict[str, Any], path: str) -> None:
    refusal = check_message(body)

    assert refusal is not None
    assert refusal.code == 131009
    assert refusal.details.startswith(f"Parameter {path} ")


MISSING = {
    "to": (text(to=None), "to"),
    "text": ({"messaging_product": "whatsapp", "to": "351900000001"}, "text"),
    "text.body": (message("text", {}), "text.body"),
    "image.id or image.link": (message("image", {}), "image.id or image.link"),
    "reaction.emoji": (message("reaction", {"message_id": "wamid.x"}), "reaction.emoji"),
    "reaction.message_id": (message("reaction", {"emoji": "👍"}), "reaction.message_id"),
    "location.longitude": (message("location", {"latitude": 1}), "location.longitude"),
    "contacts name": (message("contacts", [{}]), "contacts[0].name"),
    "interactive.type": (message("interactive", {}), "interactive.type"),
    "interactive.body": (
        message("interactive", {"type": "button", "action": {"buttons": [button()]}}),
        "interactive.body",
    ),
    "section title of two": (
        listed({"rows": rows(1)}, {"rows": rows(1, 1)}),
        "interactive.action.sections[0].title",
    ),
    "address country": (
        message("interactive", address(country=None)),
        "interactive.action.parameters.country",
    ),
    "card header": (
        message("interactive", carousel(card(0, header=None), card(1))),
        "interactive.action.cards[0].header",
    ),
    "card button": (
        message("interactive", carousel(card(0, action={}), card(1))),
        "interactive.action.cards[0].action.parameters",
    ),
    "card product": (
        message("interactive", carousel(product_card(0), product_card(1) | {"action": {}})),
        "interactive.action.cards[1].action.catalog_id",
    ),
    "flow id": (flow(flow_id=None), "interactive.action.parameters.flow_id"),
    "template.name": (message("template", {"language": {"code": "en"}}), "template.name"),
    "template.language": (message("template", {"name": "a"}), "template.language"),
    "language code": (message("template", {"name": "a", "language": {}}), "template.language.code"),
    "button index": (
        template(components=[{"type": "button", "sub_type": "url"}]),
        "template.components[0].index",
    ),
    "context": (text(context={}), "context.message_id"),
    "message_id": (read(message_id=None), "message_id"),
}


@pytest.mark.parametrize(("body", "path"), MISSING.values(), ids=MISSING.keys())
def test_a_required_value_that_is_missing_is_refused_by_name(
    body: dict[str, Any], path: str
) -> None:
    refusal = check_message(body)

    assert refusal is not None
    assert refusal.code == 131008
    assert refusal.details.startswith(f"Parameter {path} ")


OTHER_CODES = {
    "no product": ({"to": "351900000001", "text": {"body": "x"}}, 100),
    "other product": (text(messaging_product="sms"), 100),
    "text as number": (text(7), 100),
    "text as string": (message("text", "Hello"), 100),
    "to as number": (text(to=351900000001), 100),
    "recipient as number": (text(to=None, recipient=1), 100),
    "preview as string": (message("text", {"body": "x", "preview_url": "yes"}), 100),
    "buttons as object": (interactive("button", {"buttons": {}}), 100),
    "carousel with a header": (
        message("interactive", carousel(card(0), card(1), header={"type": "text", "text": "a"})),
        100,
    ),
    "latitude as flag": (message("location", PLACE | {"latitude": True}), 100),
    "latitude as words": (message("location", PLACE | {"latitude": "north"}), 100),
    "link as number": (message("image", {"link": 1}), 100),
    "interactive as text": (message("interactive", "x"), 100),
    "type as number": (text(type=1), 100),
    "caption of a sticker": (message("sticker", {"id": "1", "caption": "c"}), 100),
    "caption of audio": (message("audio", {"id": "1", "caption": "c"}), 100),
    "unknown type": (message("poll", {}), 131051),
}


@pytest.mark.parametrize(("body", "code"), OTHER_CODES.values(), ids=OTHER_CODES.keys())
def test_what_is_wrong_in_kind_has_its_own_code(body: dict[str, Any], code: int) -> None:
    refusal = check_message(body)

    assert refusal is not None
    assert refusal.code == code


def test_a_refusal_never_repeats_what_was_written() -> None:
    refusal = check_message(text("secret" * 1000, to="+351900000001"))

    assert "secret" not in str(refusal)
    assert "351900000001" not in str(refusal)
