"""Notation of a message to Meta in the words of rules, as tests write it under `we`."""

from collections.abc import Mapping
from typing import Any

from gateway.rules.testing.short_notation import short_notation

Notation = str | dict[str, Any]

MEDIA = frozenset({"image", "video", "audio", "document", "sticker"})
SIGNALS = ("mark_read", "typing")
_ADDRESS = frozenset({"messaging_product", "recipient_type", "to", "recipient"})


def to_notation(body: Mapping[str, Any], *, waits: bool = False) -> Notation:
    """Return the text, verb, or mapping by which a rule would ask for the message.

    A message that `waits` to be delivered before what follows is always a mapping.
    """
    notation = _without_wait(body)
    if not waits:
        return notation
    message = {"send_text": notation} if isinstance(notation, str) else notation
    return {**message, "wait": "delivered"}


def _without_wait(body: Mapping[str, Any]) -> Notation:
    try:
        return _to_notation(body)
    except (AttributeError, KeyError, TypeError):
        return in_meta_form(body)  # but not in the form that the gateway would write


def _to_notation(body: Mapping[str, Any]) -> Notation:
    if body.get("status") == "read":
        return "typing" if "typing_indicator" in body else "mark_read"
    kind = body.get("type")
    if kind == "text" and not body["text"].get("preview_url"):
        return str(body["text"]["body"])
    if kind == "reaction":
        return {"react": body["reaction"]["emoji"]}
    if kind == "template":
        return _template(body["template"])
    if kind in MEDIA:
        return _media(kind, body[kind])
    return _to_other_notation(dict(body))


def _to_other_notation(body: dict[str, Any]) -> Notation:
    if body["type"] == "interactive" and body["interactive"]["type"] in ("button", "list"):
        return _choice(body["interactive"])
    return short_notation(body) or in_meta_form(body)


def in_meta_form(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notation that repeats a body as it is."""
    return {"send": strip_address(body)}


def strip_address(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a body that a rule writes, without fields that are filled in."""
    return {name: value for name, value in body.items() if name not in _ADDRESS}


def _template(template: Mapping[str, Any]) -> Notation:
    action = {"send_template": template.get("name"), "language": template["language"]["code"]}
    components = template.get("components")
    if not components:
        return action
    match components:
        case [{"type": "body", "parameters": list(given)}] if all("text" in one for one in given):
            if all("parameter_name" in one for one in given):
                return {**action, "values": {one["parameter_name"]: one["text"] for one in given}}
            return {**action, "values": [one["text"] for one in given]}
        case _:
            return {**action, "components": components}


def _choice(inner: Mapping[str, Any]) -> Notation:
    action, text = inner["action"], inner["body"]["text"]
    around = {
        part: inner[part]["text"] for part in ("header", "footer") if "text" in inner.get(part, {})
    }
    if inner["type"] == "button":
        titles = {one["reply"]["id"]: one["reply"]["title"] for one in action["buttons"]}
        return {"send_buttons": text, "buttons": titles, **around}
    sections = {one.get("title", ""): _rows(one["rows"]) for one in action["sections"]}
    rows = {"rows": sections[""]} if list(sections) == [""] else {"sections": sections}
    return {"send_list": text, "button": action["button"], **rows, **around}


def _rows(rows: list[Any]) -> dict[str, Any]:
    return {
        one["id"]: {"title": one["title"], "description": one["description"]}
        if "description" in one
        else one["title"]
        for one in rows
    }


def _media(kind: str, inner: Mapping[str, Any]) -> Notation:
    source = inner.get("link") or inner.get("id")
    beside = {name: inner[name] for name in ("caption", "filename") if name in inner}
    return {"send_media": source, "kind": kind, **beside}
