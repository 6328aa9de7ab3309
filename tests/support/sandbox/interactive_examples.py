"""Interactive messages that are written in Meta's form, as Meta's pages show them.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/address-messages
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-product-carousel-messages
"""

from typing import Any


def card(index: int, **parts: Any) -> dict[str, Any]:
    """Make a card of a carousel: a picture, a text, and a button that opens a page."""
    page = {"display_text": "Buy", "url": f"https://shop.example/{index}"}
    return {
        "card_index": index,
        "type": "cta_url",
        "header": {"type": "image", "image": {"link": f"https://shop.example/{index}.png"}},
        "body": {"text": f"Colour {index}"},
        "action": {"name": "cta_url", "parameters": page},
        **parts,
    }


def reply_card(index: int) -> dict[str, Any]:
    """Make a card with a quick reply."""
    reply = {"type": "quick_reply", "quick_reply": {"id": f"c{index}", "title": "This one"}}
    made = card(index, action={"buttons": [reply]})
    del made["type"]
    return made


def product_card(index: int) -> dict[str, Any]:
    """Make a card with a product."""
    action = {"product_retailer_id": f"red-{index}", "catalog_id": "194836987003835"}
    return {"card_index": index, "type": "product", "action": action}


def carousel(*cards: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """Make a carousel."""
    return {
        "type": "carousel",
        "body": {"text": "Our colours"},
        "action": {"cards": list(cards)},
        **parts,
    }


def address(**parameters: Any) -> dict[str, Any]:
    """Make a message that asks for an address."""
    return {
        "type": "address_message",
        "body": {"text": "Where shall we bring it?"},
        "action": {"name": "address_message", "parameters": {"country": "IN", **parameters}},
    }


EXAMPLES: dict[str, dict[str, Any]] = {
    "address": address(),
    "address with values": address(
        values={"city": "Mumbai"},
        saved_addresses=[{"id": "address1", "value": {"name": "Ana", "in_pin_code": "400063"}}],
    ),
    "carousel of links": carousel(card(0), card(1)),
    "carousel of replies": carousel(reply_card(0), reply_card(1)),
    "carousel of products": carousel(product_card(0), product_card(1)),
}
