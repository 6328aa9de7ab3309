"""Exports of a customer's message: as a rule test, as a call with curl, as a captured payload."""

import io
import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ruamel.yaml import YAML

from gateway.cli.develop.phone.chat_log import ChatLine
from gateway.core.capture.file_format import format_line, make_delivery_id
from gateway.core.events import Delivery

# What the sandbox adds to a message by itself, or tells in another way.
_OF_THE_SANDBOX = frozenset({"id", "from", "from_user_id", "timestamp"})
# What is not the message itself in the body of a send.
_OF_THE_SEND = frozenset(
    {"messaging_product", "recipient_type", "to", "recipient", "biz_opaque_callback_data",
     "context"}
)  # fmt: skip
_NAME_MAX = 60


def to_curl(address: str, customer: str, line: ChatLine) -> str:
    """Return the control call that lets the customer write the message again."""
    call = f"{address}/sandbox/customers/{customer}/messages"
    body = json.dumps(_request(line.body), ensure_ascii=False)
    return f"curl {shlex.quote(call)} -d {shlex.quote(body)}\n"


def to_capture(line: ChatLine, body: bytes) -> bytes:
    """Return the line of a capture file for the delivery with the message."""
    received_at = datetime.fromtimestamp(line.at, UTC)
    return format_line(Delivery(make_delivery_id(received_at), received_at, body))


def to_rule_test(line: ChatLine, replies: Sequence[ChatLine], *, is_first: bool) -> str:
    """Return a case for `gateway rules test`: the message, and the replies that it got."""
    they = _they(line.body)
    case: dict[str, Any] = {"case": _name(they)}
    if not is_first:
        case["first_contact"] = False
    answers = [_we(reply.body) for reply in replies]
    case["talk"] = [{"they": they, "we": answers[0] if len(answers) == 1 else answers}]
    out, yaml = io.StringIO(), YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1_000_000  # a text stays on its line
    yaml.dump([case], out)
    return "\n".join(row.removeprefix("  ") for row in out.getvalue().splitlines()) + "\n"


def _request(message: Mapping[str, Any]) -> dict[str, Any]:
    content = {key: value for key, value in message.items() if key not in _OF_THE_SANDBOX}
    if set(content) == {"type", "text"} and set(content["text"]) == {"body"}:
        return {"text": content["text"]["body"]}
    return {"raw": content}


def _they(message: Mapping[str, Any]) -> Any:
    """Return what the customer did, in the words of a rule test."""
    match message:
        case {"type": "text", "text": {"body": str(body)}}:
            return body
        case {"interactive": {"button_reply": {"id": str(tapped)}}}:
            return {"tapped": tapped}
        case {"interactive": {"list_reply": {"id": str(tapped)}}}:
            return {"tapped": tapped}
        case {"interactive": {"nfm_reply": {"response_json": str(answers)}}}:
            fields = json.loads(answers)
            return {"flow": {name: fields[name] for name in fields if name != "flow_token"}}
        case _:
            kind = message["type"]
            return {"type": kind, "content": message.get(kind, {})}


def _we(body: Mapping[str, Any]) -> Any:
    """Return a reply as a rule test expects it: letter by letter, or by the keys that it has."""
    if body["type"] == "text":
        return body["text"]["body"]
    return {"send": {key: value for key, value in body.items() if key not in _OF_THE_SEND}}


def _name(they: Any) -> str:
    words = they if isinstance(they, str) else " ".join(map(str, they.values()))
    return " ".join(words.split())[:_NAME_MAX]
