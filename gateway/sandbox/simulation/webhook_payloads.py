"""Webhook bodies: customers' messages, statuses of ours, and the envelope around them."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from gateway.sandbox.config import Number
from gateway.sandbox.errors import code_of
from gateway.sandbox.media_files import MediaFiles, MediaForm
from gateway.sandbox.simulation.customers import SimulatedPerson
from gateway.sandbox.wire import GROUP, Json

# Meta delivers what nobody took for a week.
_AGE_MOST_S = 7 * 24 * 60 * 60
_BESIDE_ACTS = ("name", "number", "quote", "age_s")


class WritingError(ValueError):
    """A customer's requested act is invalid; the message is one sentence."""


def build_content(
    params: Json, number: Number, last_message: str | None, files: MediaFiles
) -> Json:
    """Return type and content of a message.

    Its `context` is the message that it quotes; an answer to a form or button that names none
    belongs to `last_message`.
    """
    acts = [name for name in _ACTS if name in params]
    if len(acts) != 1 or not set(params) <= {*_ACTS, *_BESIDE_ACTS}:
        raise WritingError(
            f"Give one of {', '.join(_ACTS)}, and perhaps {', '.join(_BESIDE_ACTS)}."
        )
    age_s = params.get("age_s", 0)
    if type(age_s) not in (int, float) or not 0 <= age_s <= _AGE_MOST_S:
        raise WritingError("age_s must be a number of seconds, up to a week.")
    content, quoted = _ACTS[acts[0]](params[acts[0]], files), params.get("quote")
    if quoted is not None and not (isinstance(quoted, str) and quoted):
        raise WritingError("quote must be the id of a message.")
    is_answer = acts[0] == "tap" or content["type"] == "interactive"
    quoted = quoted or (last_message if is_answer else None)
    if quoted is not None and "context" not in content:
        content["context"] = {"from": number.display.lstrip("+"), "id": quoted}
    return content


def _text(body: object, _: MediaFiles) -> Json:
    if not isinstance(body, str) or not body:
        raise WritingError("text must be a string that is not empty.")
    return {"type": "text", "text": {"body": body}}


def _tap(tap: object, _: MediaFiles) -> Json:
    if not isinstance(tap, dict) or not _has_strings(tap, "id", "title"):
        raise WritingError("tap must have id and title, both strings.")
    kind = tap.get("kind", "button")
    if kind == "template":
        return {"type": "button", "button": {"payload": tap["id"], "text": tap["title"]}}
    if kind not in ("button", "list"):
        raise WritingError("kind of a tap must be button, list or template.")
    reply = {key: tap[key] for key in ("id", "title", "description") if key in tap}
    return {"type": "interactive", "interactive": {"type": f"{kind}_reply", f"{kind}_reply": reply}}


def _react(react: object, _: MediaFiles) -> Json:
    if not isinstance(react, dict) or not _has_strings(react, "message_id", "emoji"):
        raise WritingError("react must have message_id and emoji, both strings.")
    # A reaction without emoji takes the reaction back.
    emoji = {"emoji": react["emoji"]} if react["emoji"] else {}
    return {"type": "reaction", "reaction": {"message_id": react["message_id"], **emoji}}


def _media(wish: object, files: MediaFiles) -> Json:
    try:
        form = MediaForm.model_validate(wish)
    except ValidationError:
        raise WritingError(
            "media must have a type (image, audio or document), and perhaps caption, filename, "
            "link and voice."
        ) from None
    return files.message(form)


def _raw(message: object, _: MediaFiles) -> Json:
    if not isinstance(message, dict) or not _has_strings(message, "type"):
        raise WritingError("raw must be a message object with a type.")
    if "id" in message and not (_has_strings(message, "id") and message["id"]):
        raise WritingError("id of a raw message must be a string that is not empty.")
    return dict(message)


def _has_strings(mapping: dict[str, Any], *names: str) -> bool:
    return all(isinstance(mapping.get(name), str) for name in names)


_ACTS: dict[str, Callable[[object, MediaFiles], Json]] = {
    "text": _text,
    "tap": _tap,
    "react": _react,
    "media": _media,
    "raw": _raw,
}


QUALITY_UPDATE = "phone_number_quality_update"
TEMPLATE_STATUS = "message_template_status_update"
TEMPLATE_QUALITY = "message_template_quality_update"
TEMPLATE_CATEGORY = "template_category_update"
TEMPLATE_COMPONENTS = "message_template_components_update"
TIMED = frozenset(
    {QUALITY_UPDATE, TEMPLATE_STATUS, TEMPLATE_QUALITY, TEMPLATE_CATEGORY, TEMPLATE_COMPONENTS}
)
_ERRORS_PAGE = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


def envelope(waba_id: str, changes: Sequence[Json]) -> Json:
    """Wrap changes as Meta posts them; only updates of an account have a time of their own."""
    entry: Json = {"id": waba_id, "changes": list(changes)}
    if any(change["field"] in TIMED for change in changes):
        entry["time"] = int(time.time())
    return {"object": "whatsapp_business_account", "entry": [entry]}


def message_change(number: Number, person: SimulatedPerson, name: str, message: Json) -> Json:
    """Return the change for a message that a customer wrote."""
    return _change(number, {"contacts": [_contact(person, name)], "messages": [message]})


def system_change(number: Number, message: Json) -> Json:
    """Return the change for a customer's new name; such a message has no contacts."""
    return _change(number, {"messages": [message]})


def status_change(number: Number, person: SimulatedPerson, name: str, status: Json) -> Json:
    """Return the change for a status of a message; that of a failure or a group has no contacts."""
    has_none = status["status"] == "failed" or person.is_group
    contacts = {} if has_none else {"contacts": [_contact(person, name)]}
    return _change(number, {**contacts, "statuses": [status]})


def preference_change(
    number: Number, person: SimulatedPerson, name: str, value: str, at: float
) -> Json:
    """Return the change for a customer that stopped or resumed marketing messages."""
    preference = {
        **identity_fields("wa_id", "user_id", person),
        "detail": f"User requested to {value} marketing messages",
        "category": "marketing_messages",
        "value": value,
        "timestamp": int(at),
    }
    fields = {"contacts": [_contact(person, name)], "user_preferences": [preference]}
    return _change(number, fields, "user_preferences")


def throughput_change(number: Number) -> Json:
    """Return the change for a number that may send more messages a second."""
    update = {
        "display_phone_number": number.display,
        "event": "THROUGHPUT_UPGRADE",
        "current_limit": "TIER_UNLIMITED",
    }
    return {"value": update, "field": QUALITY_UPDATE}


def template_change(field: str, id_: str, name: str, language: str, **more: Any) -> Json:
    """Return the change for news about a template."""
    about = {
        "message_template_id": int(id_),
        "message_template_name": name,
        "message_template_language": language,
    }
    return {"value": about | more, "field": field}


def sender(person: SimulatedPerson) -> Json:
    """Return the sender's fields of a message; a customer with only a user id has no `from`."""
    return identity_fields("from", "from_user_id", person)


def status(
    wamid: str, word: str, person: SimulatedPerson, *, at: float, callback: str | None
) -> Json:
    """Return one status."""
    payload: Json = {"id": wamid, "status": word, "timestamp": str(int(at))}
    payload |= identity_fields("recipient_id", "recipient_user_id", person)
    if person.is_group:
        payload["recipient_type"] = GROUP
    if callback is not None:
        payload["biz_opaque_callback_data"] = callback
    return payload


def failure(code: int, details: str) -> Json:
    """Return the error of a failed status."""
    title = code_of(code).title
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details},
        "href": _ERRORS_PAGE,
    }


def price(category: str) -> Json:
    """Return the price of a message; since v24 it has no `conversation`."""
    is_service = category == "service"
    return {
        "billable": not is_service,
        "pricing_model": "PMP",
        "type": "free_customer_service" if is_service else "regular",
        "category": category,
    }


def identity_fields(phone_key: str, user_key: str, person: SimulatedPerson) -> Json:
    """Return all the names by which the business may know a customer."""
    names = {phone_key: person.shown_phone, user_key: person.user_id}
    return {key: name for key, name in names.items() if name}


def _contact(person: SimulatedPerson, name: str) -> Json:
    profile = {"name": name} | ({"username": person.username} if person.username else {})
    return {"profile": profile, **identity_fields("wa_id", "user_id", person)}


def _change(number: Number, rest: Json, field: str = "messages") -> Json:
    metadata = {"display_phone_number": number.display, "phone_number_id": number.id}
    return {
        "value": {"messaging_product": "whatsapp", "metadata": metadata, **rest},
        "field": field,
    }
