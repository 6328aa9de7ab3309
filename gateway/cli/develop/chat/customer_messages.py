"""Messages that a customer of `gateway chat` sends beside text, in Meta's form; pure."""

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_PICTURES = 30  # that WhatsApp sends as one album
_AT = re.compile(r"(-?\d{1,2}(?:\.\d+)?),\s*(-?\d{1,3}(?:\.\d+)?)(?:\s+(.*))?", re.ASCII)
_LISBON = ("38.7223", "-9.1393", "Praça do Comércio")
_BAG = {"product_retailer_id": "red-paint", "quantity": 2, "item_price": 12.5, "currency": "EUR"}


class InputError(Exception):
    """A typed command cannot be done; the message is one sentence that says how to write it."""


@dataclass(frozen=True, slots=True)
class LastAnswer:
    """Message that the phone got last: its id, "" if there is none, and its body."""

    id: str = ""
    body: Mapping[str, Any] | None = None

    @property
    def flow_token(self) -> str:
        """Return the token of a flow that it offers, "" if it offers none."""
        match self.body:
            case {"interactive": {"action": {"parameters": {"flow_token": str(token)}}}}:
                return token
            case _:
                return ""


Request = dict[str, Any]  # of the sandbox, for one message


def _picture(caption: str, _: LastAnswer) -> list[Request]:
    return [_file("image", "image/jpeg", caption)]


def _voice(_: str, __: LastAnswer) -> list[Request]:
    return [_file("audio", "audio/ogg; codecs=opus", voice=True)]


def _album(count: str, _: LastAnswer) -> list[Request]:
    is_number = re.fullmatch(r"\d{1,2}", count := count or "3", re.ASCII)
    if not is_number or not 2 <= (pictures := int(count)) <= MOST_PICTURES:
        raise InputError(f"Write /album with a number from 2 to {MOST_PICTURES}, such as /album 3.")
    return [_file("image", "image/jpeg", name=str(one)) for one in range(pictures)]


def _file(kind: str, mime_type: str, caption: str = "", name: str = "", **more: Any) -> Request:
    """Build a message with a file, of which Meta tells nothing but where to get it."""
    digest = hashlib.sha256(f"{kind}{caption}{name}".encode()).digest()
    content = {
        **({"caption": caption} if caption else {}),
        "mime_type": mime_type,
        "sha256": base64.b64encode(digest).decode(),
        "id": str(int.from_bytes(digest[:6])),
        **more,
    }
    return {"raw": {"type": kind, kind: content}}


def _place(written: str, _: LastAnswer) -> list[Request]:
    latitude, longitude, name = _LISBON
    if found := _AT.fullmatch(written):
        latitude, longitude, name = found[1], found[2], found[3] or ""
    elif written:
        name = written
    place = {"latitude": float(latitude), "longitude": float(longitude)}
    return [{"raw": {"type": "location", "location": place | ({"name": name} if name else {})}}]


def _react(emoji: str, last: LastAnswer) -> list[Request]:
    if not emoji:
        raise InputError("Write an emoji behind it, such as /react 👍.")
    if not last.id:
        raise InputError("There is no answer yet to react to.")
    return [{"react": {"message_id": last.id, "emoji": "" if emoji == "off" else emoji}}]


def _order(note: str, _: LastAnswer) -> list[Request]:
    order = {"catalog_id": "1", "text": note, "product_items": [dict(_BAG)]}
    return [{"raw": {"type": "order", "order": order}}]


def _flow(written: str, last: LastAnswer) -> list[Request]:
    answers = _read_answers(written)
    token = {"flow_token": last.flow_token} if last.flow_token else {}
    response = json.dumps(token | answers, ensure_ascii=False)
    reply = {"name": "flow", "body": "Sent", "response_json": response}
    interactive = {"type": "nfm_reply", "nfm_reply": reply}
    return [{"raw": {"type": "interactive", "interactive": interactive}}]


def _read_answers(written: str) -> dict[str, Any]:
    """Read a flow's answers: a JSON object, or words such as colour=red."""
    example = 'Write the answers as /flow colour=red size=2, or as /flow {"colour": "red"}.'
    if written.startswith("{"):
        try:
            answers = json.loads(written)
        except ValueError as error:
            raise InputError(f"This is no JSON ({error}). {example}") from None
        return dict(answers)
    try:
        pairs = [word.partition("=") for word in shlex.split(written)]
    except ValueError:
        raise InputError(f"A quote is not closed. {example}") from None
    if not pairs or not all(name and sign for name, sign, _ in pairs):
        raise InputError(example)
    return {name: value for name, _, value in pairs}


MESSAGES: Mapping[str, Callable[[str, LastAnswer], list[Request]]] = {
    "/picture": _picture,
    "/place": _place,
    "/voice": _voice,
    "/react": _react,
    "/order": _order,
    "/album": _album,
    "/flow": _flow,
}


def build_requests(command: str, rest: str, last: LastAnswer) -> list[Request]:
    """Return the sandbox requests for a command of MESSAGES, in their order. Raises InputError."""
    return MESSAGES[command](rest, last)
