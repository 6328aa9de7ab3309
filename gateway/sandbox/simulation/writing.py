"""What a customer can do on the phone, as Meta's message objects."""

from collections.abc import Callable
from typing import Any

from gateway.sandbox.config import Number
from gateway.sandbox.wire import Json


class WritingError(ValueError):
    """The wish of a customer cannot be understood; the message is one sentence."""


def write(wish: Json, number: Number, shown: str | None) -> Json:
    """Make type and content of a message; `shown` is the message that a tap answers."""
    acts = [name for name in _ACTS if name in wish]
    if len(acts) != 1 or not set(wish) <= {*_ACTS, "name", "number"}:
        raise WritingError(f"Give one of {', '.join(_ACTS)}, and perhaps name and number.")
    made = _ACTS[acts[0]](wish[acts[0]])
    if acts[0] == "tap" and shown is not None:
        made["context"] = {"from": number.display.lstrip("+"), "id": shown}
    return made


def _text(body: object) -> Json:
    if not isinstance(body, str) or not body:
        raise WritingError("text must be a string that is not empty.")
    return {"type": "text", "text": {"body": body}}


def _tap(tap: object) -> Json:
    if not isinstance(tap, dict) or not _strings(tap, "id", "title"):
        raise WritingError("tap must have id and title, both strings.")
    kind = tap.get("kind", "button")
    if kind == "template":
        return {"type": "button", "button": {"payload": tap["id"], "text": tap["title"]}}
    if kind not in ("button", "list"):
        raise WritingError("kind of a tap must be button, list or template.")
    reply = {key: tap[key] for key in ("id", "title", "description") if key in tap}
    return {"type": "interactive", "interactive": {"type": f"{kind}_reply", f"{kind}_reply": reply}}


def _react(react: object) -> Json:
    if not isinstance(react, dict) or not _strings(react, "message_id", "emoji"):
        raise WritingError("react must have message_id and emoji, both strings.")
    # Taking a reaction back is told by leaving the emoji out.
    emoji = {"emoji": react["emoji"]} if react["emoji"] else {}
    return {"type": "reaction", "reaction": {"message_id": react["message_id"], **emoji}}


def _raw(message: object) -> Json:
    if not isinstance(message, dict) or not _strings(message, "type"):
        raise WritingError("raw must be a message object with a type.")
    if "id" in message and not (_strings(message, "id") and message["id"]):
        raise WritingError("id of a raw message must be a string that is not empty.")
    return dict(message)


def _strings(found: dict[str, Any], *names: str) -> bool:
    return all(isinstance(found.get(name), str) for name in names)


_ACTS: dict[str, Callable[[object], Json]] = {
    "text": _text,
    "tap": _tap,
    "react": _react,
    "raw": _raw,
}
