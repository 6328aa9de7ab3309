"""Notation of the messages whose form Meta nests deeper: places, contacts, links, products."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core import messages
from gateway.core.messages import Body

Inner = Mapping[str, Any]


def short_notation(body: Body) -> dict[str, Any] | None:
    """Return the mapping by which a rule asks for the message in a short form.

    None where the message has more than a short form can say. Raises AttributeError, KeyError,
    TypeError or ValueError for a body that has another form than Meta's.
    """
    kind = body["type"]
    if kind == "location":
        return _exact(body, {"send_location": dict(body["location"])}, _location)
    if kind == "contacts":
        return _exact(body, {"send_contacts": list(map(_card, body["contacts"]))}, _contacts)
    if kind != "interactive":
        return None
    inner = body["interactive"]
    read = _INTERACTIVE.get(inner["type"])
    return read(body, inner) if read else None


def _exact(
    body: Body, notation: dict[str, Any], build: Callable[[dict[str, Any]], Body]
) -> dict[str, Any] | None:
    """Return the notation if it says all that is in the body."""
    built = build(notation)
    return notation if all(body.get(name) == part for name, part in built.items()) else None


def _location(notation: dict[str, Any]) -> Body:
    place = notation["send_location"]
    return messages.location(
        place["latitude"], place["longitude"], place.get("name", ""), place.get("address", "")
    )


def _card(contact: Inner) -> dict[str, Any]:
    lists = {
        name: [item[key] for item in contact[name]]
        for name, key in (("phones", "phone"), ("emails", "email"), ("urls", "url"))
        if name in contact
    }
    company = {"company": contact["org"]["company"]} if "org" in contact else {}
    return {"name": contact["name"]["formatted_name"], **lists, **company}


def _contacts(notation: dict[str, Any]) -> Body:
    return messages.contacts([messages.ContactCard(**card) for card in notation["send_contacts"]])


def _frame(inner: Inner) -> dict[str, str]:
    return {part: inner[part]["text"] for part in ("header", "footer") if part in inner}


def _texts(notation: dict[str, Any]) -> tuple[str, str]:
    return notation.get("header", ""), notation.get("footer", "")


def _cta_url(body: Body, inner: Inner) -> dict[str, Any] | None:
    given = inner["action"]["parameters"]
    button, url = given["display_text"], given["url"]
    notation = {"send_cta_url": inner["body"]["text"], "button": button, "url": url}
    return _exact(
        body,
        notation | _frame(inner),
        lambda said: messages.cta_url(said["send_cta_url"], button, url, *_texts(said)),
    )


def _location_request(body: Body, inner: Inner) -> dict[str, Any] | None:
    notation = {"send_location_request": inner["body"]["text"]}
    return _exact(
        body, notation, lambda said: messages.location_request(said["send_location_request"])
    )


def _flow(body: Body, inner: Inner) -> dict[str, Any] | None:
    given = inner["action"]["parameters"]
    payload = given.get("flow_action_payload", {})
    start = messages.FlowStart(
        given.get("flow_id") or given["flow_name"],
        payload.get("screen", ""),
        payload.get("data", {}),
        given.get("flow_token", ""),
        given.get("mode") == "draft",
    )
    options = {"screen": start.screen, "data": start.data, "token": start.token}
    notation = {"send_flow": inner["body"]["text"], "button": given["flow_cta"], "flow": start.flow}
    notation |= {name: value for name, value in options.items() if value}
    notation |= {"draft": True} if start.is_draft else {}
    return _exact(
        body,
        notation | _frame(inner),
        lambda said: messages.flow(said["send_flow"], said["button"], start, *_texts(said)),
    )


def _product(body: Body, inner: Inner) -> dict[str, Any] | None:
    action, text = inner["action"], inner.get("body", {}).get("text", "")
    notation = {"send_product": action["product_retailer_id"], "catalog": action["catalog_id"]}
    notation |= {"caption": text} if text else {}
    return _exact(
        body,
        notation | _frame(inner),
        lambda said: messages.product(
            said["catalog"], said["send_product"], text, said.get("footer", "")
        ),
    )


def _products(body: Body, inner: Inner) -> dict[str, Any] | None:
    catalog = inner["action"]["catalog_id"]
    sections = {
        one["title"]: [item["product_retailer_id"] for item in one["product_items"]]
        for one in inner["action"]["sections"]
    }
    notation = {"send_products": inner["body"]["text"], "catalog": catalog, "sections": sections}
    return _exact(
        body,
        notation | _frame(inner),
        lambda said: messages.product_list(
            said["send_products"], said["header"], catalog, sections, said.get("footer", "")
        ),
    )


def _catalog(body: Body, inner: Inner) -> dict[str, Any] | None:
    given = inner["action"].get("parameters", {})
    thumbnail = given.get("thumbnail_product_retailer_id", "")
    notation = {"send_catalog": inner["body"]["text"]}
    notation |= {"thumbnail": thumbnail} if thumbnail else {}
    return _exact(
        body,
        notation | _frame(inner),
        lambda said: messages.catalog_message(
            said["send_catalog"], thumbnail, said.get("footer", "")
        ),
    )


_INTERACTIVE: Mapping[str, Callable[[Body, Inner], dict[str, Any] | None]] = {
    "cta_url": _cta_url,
    "location_request_message": _location_request,
    "flow": _flow,
    "product": _product,
    "product_list": _products,
    "catalog_message": _catalog,
}
