"""Acts of a customer on the page, as the sandbox wants them; pure."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.cli.develop.chat.customer_messages import InputError, LastAnswer, build_requests
from gateway.cli.develop.phone.chat_log import ChatLine
from gateway.core.messages.rendering.content import items_in, mapping_in, text_in

Fields = Mapping[str, Any]
Request = dict[str, Any]


def build_request(fields: Fields, line: ChatLine | None) -> Request:
    """Return the sandbox's request for an act; `line` is the message that it is about.

    Raises InputError.
    """
    act = _ACTS.get(text_in(fields, "act"))
    if act is None:
        raise InputError(f"act must be one of {', '.join(_ACTS)}.")
    return act(fields, line)


def _text(fields: Fields, line: ChatLine | None) -> Request:
    text = fields.get("text")
    if not isinstance(text, str) or not text.strip():
        raise InputError("Write a text first.")
    return {"text": text} | _quote(line)


def _late(fields: Fields, _: ChatLine | None) -> Request:
    """Write a text that Meta delivers late."""
    try:
        minutes = float(text_in(fields, "minutes"))
    except ValueError:
        raise InputError("Write how many minutes ago it was written.") from None
    return _text(fields, None) | {"age_s": minutes * 60}


def _tap(fields: Fields, line: ChatLine | None) -> Request:
    tap = fields.get("tap")
    if not isinstance(tap, dict):
        raise InputError("tap must be an object with id, title and kind.")
    return {"tap": tap} | _quote(line)


def _react(fields: Fields, line: ChatLine | None) -> Request:
    if line is None:
        raise InputError("Choose a message to react to.")
    return {"react": {"message_id": line.id, "emoji": text_in(fields, "emoji")}}


def _picture(fields: Fields, _: ChatLine | None) -> Request:
    parts = {name: text_in(fields, name) for name in ("caption", "link")}
    return {"media": {"type": "image", **{name: part for name, part in parts.items() if part}}}


def _document(fields: Fields, _: ChatLine | None) -> Request:
    filename = text_in(fields, "filename") or "file.pdf"
    return {"media": {"type": "document", "filename": filename}}


def _voice(_: Fields, __: ChatLine | None) -> Request:
    return {"media": {"type": "audio", "voice": True}}


def _place(fields: Fields, _: ChatLine | None) -> Request:
    return build_requests("/place", text_in(fields, "place"), LastAnswer())[0]


def _order(fields: Fields, _: ChatLine | None) -> Request:
    return build_requests("/order", text_in(fields, "note"), LastAnswer())[0]


def _contact(fields: Fields, _: ChatLine | None) -> Request:
    name, phone = text_in(fields, "contact"), text_in(fields, "phone")
    if not name or not phone:
        raise InputError("A contact needs a name and a phone number.")
    contact = {"name": {"formatted_name": name}, "phones": [{"phone": phone}]}
    return {"raw": {"type": "contacts", "contacts": [contact]}}


def _flow(fields: Fields, line: ChatLine | None) -> Request:
    """Answer a flow: `names` and `values` are its fields, in their order."""
    names, values = fields.get("names", []), fields.get("values", [])
    pairs = zip(names, values, strict=False) if isinstance(names, list) else ()
    answers = {str(name): str(value) for name, value in pairs if name}
    if not answers:
        raise InputError("Fill in at least one field of the flow.")
    last = LastAnswer(line.id, line.body) if line else LastAnswer()
    return build_requests("/flow", json.dumps(answers), last)[0] | _quote(line)


def _quote(line: ChatLine | None) -> Request:
    return {"quote": line.id} if line else {}


_ACTS: Mapping[str, Callable[[Fields, ChatLine | None], Request]] = {
    "text": _text,
    "late": _late,
    "tap": _tap,
    "react": _react,
    "picture": _picture,
    "document": _document,
    "voice": _voice,
    "place": _place,
    "order": _order,
    "contact": _contact,
    "flow": _flow,
}


def template_taps(body: Mapping[str, Any], components: Any) -> list[dict[str, str]]:
    """Return the taps on the quick replies of a template; Meta's definition has their texts."""
    buttons = [
        button
        for part in items_in({"components": components}, "components")
        if text_in(part, "type").upper() == "BUTTONS"
        for button in items_in(part, "buttons")
    ]
    taps = []
    for part in items_in(mapping_in(body, "template"), "components"):
        if text_in(part, "sub_type").lower() == "quick_reply":
            index = text_in(part, "index")
            known = buttons[int(index)] if index.isdecimal() and int(index) < len(buttons) else {}
            payload = next((text_in(one, "payload") for one in items_in(part, "parameters")), "")
            title = text_in(known, "text") or payload or "Reply"
            taps.append({"kind": "template", "id": payload or title, "title": title})
    return taps


def flow_fields(body: Mapping[str, Any]) -> list[str] | None:
    """Return the names of the fields that a flow begins with, None if the message offers none."""
    interactive = mapping_in(body, "interactive")
    if text_in(interactive, "type") != "flow":
        return None
    parameters = mapping_in(mapping_in(interactive, "action"), "parameters")
    data = mapping_in(mapping_in(parameters, "flow_action_payload"), "data")
    return [str(name) for name in data]
