"""Content of interactive messages: those that we send, and the customer's answers to them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.messages.rendering.content import (
    MOST_ITEMS,
    Button,
    Content,
    Entry,
    Group,
    Medium,
    Row,
    items_in,
    mapping_in,
    secure_address,
    text_in,
)
from gateway.core.messages.rendering.formatting import clean, format_text, plain_lines
from gateway.core.messages.rendering.plain import medium_of

Inner = Mapping[str, Any]


def interactive(message: Mapping[str, Any]) -> Content:
    """Show an interactive message with everything that the customer can tap."""
    inner = mapping_in(message, "interactive")
    kind = text_in(inner, "type")
    if answer := ANSWERS.get(kind):
        return answer(mapping_in(inner, kind))
    action = mapping_in(inner, "action")
    header = mapping_in(inner, "header")
    return Content(
        medium=_header_medium(header),
        header=plain_lines(header.get("text")),
        entries=_entries(kind, action),
        text=format_text(text_in(inner, "body", "text")),
        footer=plain_lines(text_in(inner, "footer", "text")),
        buttons=_buttons(kind, action),
        groups=_groups(kind, action),
        cards=tuple(map(_card, items_in(action, "cards"))),
    )


def _header_medium(header: Inner) -> Medium | None:
    kind = text_in(header, "type")
    return (
        medium_of(kind, mapping_in(header, kind))
        if kind in ("image", "video", "document")
        else None
    )


def _entries(kind: str, action: Inner) -> tuple[Entry, ...]:
    if kind == "product":
        return (Entry("product", text_in(action, "product_retailer_id")),)
    return ()


def _buttons(kind: str, action: Inner) -> tuple[Button, ...]:
    parameters = mapping_in(action, "parameters")
    match kind:
        case "button":
            titles = (text_in(one, "reply", "title") for one in items_in(action, "buttons"))
            return tuple(Button("reply", title) for title in titles)
        case "list":
            return (Button("list", text_in(action, "button")),)
        case "cta_url":
            address = secure_address(parameters.get("url"))
            return (Button("link", text_in(parameters, "display_text"), address),)
        case "flow":
            return (Button("flow", text_in(parameters, "flow_cta")),)
        case _:
            label = _LABELS.get(kind, "")
            return (Button(kind, label),) if label else ()


# Words that the app itself writes on the button.
_LABELS: Mapping[str, str] = {
    "location_request_message": "Send location",
    "address_message": "Provide address",
    "product": "View",
    "product_list": "View items",
    "catalog_message": "View catalog",
    "request_contact_info": "Share contact info",
    "call_permission_request": "Choose preference",
    "order_details": "Review and pay",
    "order_status": "View order",
}


def _groups(kind: str, action: Inner) -> tuple[Group, ...]:
    if kind not in ("list", "product_list"):
        return ()
    return tuple(
        Group(
            text_in(section, "title"), (*map(_row, items_in(section, "rows")), *_products(section))
        )
        for section in items_in(action, "sections")
    )


def _row(row: Inner) -> Row:
    return Row(text_in(row, "title"), text_in(row, "description"))


def _products(section: Inner) -> list[Row]:
    return [
        Row(text_in(item, "product_retailer_id")) for item in items_in(section, "product_items")
    ]


def _card(card: Inner) -> Content:
    """Show one card of a carousel."""
    action, header = mapping_in(card, "action"), mapping_in(card, "header")
    replies = [text_in(one, "quick_reply", "title") for one in items_in(action, "buttons")]
    product = text_in(action, "product_retailer_id")
    return Content(
        medium=_header_medium(header),
        entries=(Entry("product", product),) if product else (),
        text=format_text(text_in(card, "body", "text")),
        buttons=(
            *(Button("reply", title) for title in replies),
            *_buttons("product" if product else text_in(action, "name"), action),
        ),
    )


def _tapped(answer: Inner) -> Content:
    return Content(
        text=format_text(answer.get("title")), footer=plain_lines(answer.get("description"))
    )


def _flow_answer(answer: Inner) -> Content:
    """Show the fields of a flow's answer."""
    return Content(
        note=text_in(answer, "body") or "Flow answered", groups=(Group("", _fields(answer)),)
    )


def _fields(answer: Inner) -> tuple[Row, ...]:
    try:
        fields = json.loads(text_in(answer, "response_json"))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(fields, dict):
        return ()
    shown = {name: clean(value) for name, value in fields.items() if name != "flow_token"}
    return tuple(Row(clean(name), value) for name, value in shown.items() if value)[:MOST_ITEMS]


def _call_permission(answer: Inner) -> Content:
    return Content(note=f"Call permission: {text_in(answer, 'response') or 'answered'}")


ANSWERS: Mapping[str, Callable[[Inner], Content]] = {
    "button_reply": _tapped,
    "list_reply": _tapped,
    "nfm_reply": _flow_answer,
    "call_permission_reply": _call_permission,
}
