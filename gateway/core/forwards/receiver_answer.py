"""Answer of a receiver to a forward: the internal delivery in which its messages come back; pure.

Each answer has the key of the event that was forwarded, so that of the answers to a forward that
was posted twice the first has its effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.events import Event, InternalEvent, Message
from gateway.core.messages import Body
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.core.webhook import event_keys
from gateway.core.webhook.customers import NOTHING, text_field

RECEIVER_ANSWER = "receiver_answer"
MESSAGES = "messages"
NO_JSON = "the answer is no JSON"
_START = f"returned|{RECEIVER_ANSWER}|"


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """What a receiver answered to the forward of a message, or why it cannot be used.

    `said` is the digest of what the customer wrote, by which the loop guard knows a repetition.
    """

    receiver: str
    messages: tuple[Body, ...] = field(default=(), repr=False)  # in Meta's form
    failure: str = ""
    said: str = field(default="", repr=False)


def find_answer(content_type: str, body: bytes, flaw: str) -> tuple[Any, str] | None:
    """Return the content of a response and why it cannot be read; None if it is no answer.

    `flaw` says why the body is not whole. Only an object with messages is an answer: what else a
    receiver says of a forward that it took has no effect.
    """
    is_json = content_type.partition(";")[0].strip().lower() == "application/json"
    if flaw:
        return (None, f"the answer {flaw}") if is_json else None
    if b'"messages"' not in body:
        return None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return (None, NO_JSON) if is_json else None
    is_answer = isinstance(content, dict) and content.get(MESSAGES) not in (None, [])
    return (content, "") if is_answer else None


def read_forwarded(body: bytes) -> Mapping[str, Any] | None:
    """Return what was posted in the form `ours`; None if it is of no customer's message."""
    try:
        posted = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(posted, dict) or posted.get("type") != Message.kind:
        return None
    return posted if posted.get("number") and posted.get("contact") else None


def build_answer_delivery(posted: Mapping[str, Any], answer: ReceiverAnswer) -> bytes:
    """Return the body of the internal delivery that brings the answer to what was posted.

    The customer comes first, and the messages are a text in a text: whatever a receiver answers,
    the delivery joins the partition of its customer.
    """
    number, contact = posted["number"], posted["contact"]
    event = event_keys.join(Message.kind, number, posted["data"]["id"])
    named = {"from": contact["wa_id"], "from_user_id": contact["user_id"]}
    return orjson.dumps(
        {
            **{name: value for name, value in named.items() if value},
            "what": RECEIVER_ANSWER,
            "key": receiver_answer_key(answer.receiver, event).removeprefix("returned|"),
            "number": number,
            "contact": contact["key"],
            "timestamp": ms_from_datetime(datetime.fromisoformat(posted["timestamp"])),
            "receiver": answer.receiver,
            "failure": answer.failure,
            "said": answer.said,
            "content": _pack(answer.messages),
        }
    )


def _pack(messages: Sequence[Body]) -> str:
    return orjson.dumps(messages).decode() if messages else ""


def receiver_answer_key(receiver: str, event: str) -> str:
    """Return the key of the event that a receiver's answer to an event becomes."""
    return f"{_START}{receiver}|{event}"


def forwarded_event(key: str) -> str:
    """Return the event to which a receiver's answer has this key, "" if it is of no such answer."""
    return key.removeprefix(_START).partition("|")[2] if key.startswith(_START) else ""


def is_receiver_answer(event: Event) -> bool:
    """Say whether an event is the answer of a receiver to a forward."""
    return isinstance(event, InternalEvent) and event.what == RECEIVER_ANSWER


def read_receiver_answer(event: Event) -> ReceiverAnswer:
    """Return the answer that an event brings; total."""
    raw = event.raw if isinstance(event.raw, dict) else NOTHING
    content = text_field(raw, "content")
    try:
        messages = tuple(orjson.loads(content)) if content else ()
    except orjson.JSONDecodeError:
        messages = ()
    return ReceiverAnswer(
        text_field(raw, "receiver"),
        tuple(one for one in messages if isinstance(one, dict)),
        text_field(raw, "failure"),
        text_field(raw, "said"),
    )
