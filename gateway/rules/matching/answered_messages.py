"""Messages that a service answers with, in the short forms of the API."""

from typing import Any

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.message_content import CONTENT, ENVELOPE, read_content
from gateway.core.messages import Body

MESSAGES = "messages"
MOST_MESSAGES = 10
_KNOWN = frozenset({*CONTENT, *ENVELOPE, "type"})
_BAD_LIST = f"#/{MESSAGES} must be a list of up to {MOST_MESSAGES} messages"


def has_messages(content: Any) -> bool:
    """Say whether an answer has messages, whatever they are."""
    return isinstance(content, dict) and MESSAGES in content


def read_messages(content: Any) -> tuple[tuple[Body, ...], str]:
    """Return the messages of an answer in Meta's form, and why they cannot be sent, "" if they can.

    Each is a text, or an object as `POST /v1/messages` takes it, without its recipient.
    """
    given = content.get(MESSAGES) if isinstance(content, dict) else None
    if not isinstance(given, list) or len(given) > MOST_MESSAGES:
        return (), _BAD_LIST
    bodies, errors = list[Body](), list[str]()
    for place, one in enumerate(given):
        body, error = _read_message(one, f"#/{MESSAGES}/{place}")
        bodies += [body] if body else []
        errors += [error] if error else []
    return ((), errors[0]) if errors else (tuple(bodies), "")


def _read_message(given: Any, pointer: str) -> tuple[Body | None, str]:
    fields = {"text": given} if isinstance(given, str) else given
    if not isinstance(fields, dict):
        return None, f"{pointer} must be a text or an object"
    if isinstance(given, str) and not given.strip():
        return None, f"{pointer} is empty"
    reader = FieldReader(fields, pointer)
    reader.refuse_unknown(_KNOWN)
    body = read_content(reader)
    if reader.errors:
        return None, " ".join(reader.errors[0])
    return body, "" if body else f"{pointer} is empty"
