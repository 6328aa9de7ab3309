"""Message bodies that tests send to the sandbox: for each kind one that Meta would accept."""

from collections.abc import Sequence
from typing import Any

LINK = "https://example.com/file"
WAMID = "wamid.HBgMMzUxOTAwMDAwMDAxFQIAEhgg"


def message(kind: str, content: object, **others: Any) -> dict[str, Any]:
    """Make the body of a message of one type."""
    return {
        "messaging_product": "whatsapp",
        "to": "+351900000001",
        "type": kind,
        kind: content,
        **others,
    }


def text(body: object = "Hello", **others: Any) -> dict[str, Any]:
    """Make a text message."""
    return message("text", {"body": body}, **others)


def interactive(kind: str, action: object, **others: Any) -> dict[str, Any]:
    """Make an interactive message with a body."""
    content = {"type": kind, "body": {"text": "Choose"}, "action": action, **others}
    return message("interactive", content)


def button(id_: str = "yes", title: str = "Yes") -> dict[str, Any]:
    """Make one reply button."""
    return {"type": "reply", "reply": {"id": id_, "title": title}}


def buttons(*given: Any, **others: Any) -> dict[str, Any]:
    """Make a message with reply buttons."""
    return interactive("button", {"buttons": list(given)}, **others)


def row(id_: str = "1", title: str = "One", **others: Any) -> dict[str, Any]:
    """Make one row of a list."""
    return {"id": id_, "title": title, **others}


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Make so many rows."""
    return [row(str(number)) for number in range(start, start + count)]


def listed(*sections: Any, label: str = "Open", **others: Any) -> dict[str, Any]:
    """Make a list message."""
    return interactive("list", {"button": label, "sections": list(sections)}, **others)


def cta(label: str = "Open", url: str = LINK) -> dict[str, Any]:
    """Make a message with a button that opens a page."""
    parameters = {"display_text": label, "url": url}
    return interactive("cta_url", {"name": "cta_url", "parameters": parameters})


def flow(label: str = "Start", **others: Any) -> dict[str, Any]:
    """Make a message that opens a flow."""
    parameters = {"flow_message_version": "3", "flow_id": "1", "flow_cta": label, **others}
    return interactive("flow", {"name": "flow", "parameters": parameters})


def template(name: str = "hello_world", components: Sequence[Any] = ()) -> dict[str, Any]:
    """Make a template message."""
    content = {"name": name, "language": {"code": "en_US"}, "components": list(components)}
    return message("template", content)


def read(**others: Any) -> dict[str, Any]:
    """Make a read mark."""
    return {"messaging_product": "whatsapp", "status": "read", "message_id": WAMID, **others}
