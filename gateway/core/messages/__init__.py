"""Request bodies of `POST /{Version}/{Phone-Number-ID}/messages`, in Meta's outbound names."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.core.contacts.contact import Contact

Body = dict[str, Any]

LINKS = ("https://", "http://")


class ListRow(NamedTuple):
    """One row of a list, with the id that a tap on it sends."""

    id: str
    title: str
    description: str = ""


class Section(NamedTuple):
    """Rows of a list under a title."""

    title: str
    rows: tuple[ListRow, ...]


def text(body: str) -> Body:
    """Build a text message (Meta allows 4,096 characters)."""
    return {"type": "text", "text": {"body": body}}


def template(name: str, language: str, components: list[Any] | None = None) -> Body:
    """Build a template message."""
    # Meta's schema requires the policy, although there is only this one.
    inner: Body = {"name": name, "language": {"policy": "deterministic", "code": language}}
    if components:
        inner["components"] = components
    return {"type": "template", "template": inner}


def parameters(values: Mapping[str, str] | Sequence[str]) -> list[Any]:
    """Build the components of a template whose text has parameters, in order or by name."""
    if isinstance(values, Mapping):
        items = [
            {"type": "text", "parameter_name": name, "text": value}
            for name, value in values.items()
        ]
    else:
        items = [{"type": "text", "text": value} for value in values]
    return [{"type": "body", "parameters": items}]


def buttons(body: str, titles: Mapping[str, str], header: str = "", footer: str = "") -> Body:
    """Build a message with up to three buttons; `titles` are by the ids that a tap sends."""
    replies = [
        {"type": "reply", "reply": {"id": id_, "title": title}} for id_, title in titles.items()
    ]
    return _interactive("button", body, {"buttons": replies}, header, footer)


def choices(
    body: str, button: str, sections: Sequence[Section], header: str = "", footer: str = ""
) -> Body:
    """Build a message with a list that opens behind a button."""
    section_bodies = [_section(section) for section in sections]
    return _interactive(
        "list", body, {"button": button, "sections": section_bodies}, header, footer
    )


def _section(section: Section) -> Body:
    rows = [
        {"id": row.id, "title": row.title}
        | ({"description": row.description} if row.description else {})
        for row in section.rows
    ]
    return ({"title": section.title} if section.title else {}) | {"rows": rows}


def _interactive(kind: str, body: str, action: Body, header: str, footer: str) -> Body:
    inner: Body = {"type": kind}
    if header:
        inner["header"] = {"type": "text", "text": header}
    inner["body"] = {"text": body}
    if footer:
        inner["footer"] = {"text": footer}
    return {"type": "interactive", "interactive": inner | {"action": action}}


def media(kind: str, source: str, caption: str = "", filename: str = "") -> Body:
    """Build a message with a file: a link that Meta fetches, or the id of one that was uploaded."""
    inner = {"link" if source.startswith(LINKS) else "id": source}
    if caption:
        inner["caption"] = caption
    if filename:
        inner["filename"] = filename
    return {"type": kind, kind: inner}


def reaction(message_id: str, emoji: str) -> Body:
    """Build a reaction to a message; it replaces an earlier one."""
    return {"type": "reaction", "reaction": {"message_id": message_id, "emoji": emoji}}


def mark_read(message_id: str) -> Body:
    """Build a request that marks a customer's message, and all before it, as read."""
    return {"status": "read", "message_id": message_id}


def typing(message_id: str) -> Body:
    """Build a request that shows "typing" for up to 25 s and marks the message as read."""
    return mark_read(message_id) | {"typing_indicator": {"type": "text"}}


def with_recipient(body: Mapping[str, Any], contact: Contact) -> Body:
    """Complete a body with the fields of every request and the recipient.

    A phone number is sent with its plus sign, because Meta may otherwise prepend the business's
    own country code; a customer known by user id only is named in `recipient`.
    """
    if "status" in body:
        return {"messaging_product": "whatsapp", **body}
    to = {"to": f"+{contact.wa_id}"} if contact.wa_id else {"recipient": contact.user_id}
    return {"messaging_product": "whatsapp", "recipient_type": "individual", **to, **body}
