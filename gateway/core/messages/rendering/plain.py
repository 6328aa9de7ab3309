"""Content of messages that are neither interactive nor templates, ours and the customer's."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.messages.rendering.content import (
    Content,
    Entry,
    Medium,
    items_in,
    mapping_in,
    text_in,
)
from gateway.core.messages.rendering.formatting import clean, format_text

Message = Mapping[str, Any]
MEDIA: Mapping[str, str] = {
    "image": "Photo", "video": "Video", "audio": "Audio", "document": "Document",
    "sticker": "Sticker",
}  # fmt: skip


def text(message: Message) -> Content:
    """Show a text."""
    return Content(text=format_text(text_in(message, "text", "body")))


def media(message: Message) -> Content:
    """Show the sign of a file, and its caption."""
    kind = text_in(message, "type")
    inner = mapping_in(message, kind)
    return Content(medium=medium_of(kind, inner), text=format_text(inner.get("caption")))


def medium_of(kind: str, inner: Mapping[str, Any]) -> Medium:
    """Return the sign of a file, by its name where it has one."""
    is_voice = kind == "audio" and inner.get("voice") is True
    name = "Voice message" if is_voice else MEDIA.get(kind, "File")
    return Medium(kind, clean(inner.get("filename")) or name)


def location(message: Message) -> Content:
    """Show a place."""
    inner = mapping_in(message, "location")
    degrees = ", ".join(
        part for part in (clean(inner.get(name)) for name in ("latitude", "longitude")) if part
    )
    name, address = clean(inner.get("name")), clean(inner.get("address"))
    about = address if name else ""
    return Content(entries=(Entry("location", name or address or "Location", about or degrees),))


def contacts(message: Message) -> Content:
    """Show contacts, each with the first way to reach it."""
    return Content(entries=tuple(map(_contact, items_in(message, "contacts"))))


def _contact(contact: Mapping[str, Any]) -> Entry:
    ways = (("phones", "phone"), ("emails", "email"), ("urls", "url"))
    found = (text_in(item, key) for name, key in ways for item in items_in(contact, name))
    parts = (text_in(contact, "org", "company"), next(filter(None, found), ""))
    name = text_in(contact, "name", "formatted_name") or "Contact"
    return Entry("contact", name, " · ".join(part for part in parts if part))


def reaction(message: Message) -> Content:
    """Show a reaction by itself, as an emoji that stands alone."""
    emoji = text_in(message, "reaction", "emoji")
    return Content(emoji=emoji) if emoji else Content(note="Reaction taken back")


def template_button(message: Message) -> Content:
    """Show the text of a template's button that the customer tapped."""
    return Content(text=format_text(text_in(message, "button", "text")))


def order(message: Message) -> Content:
    """Show the products of an order, and what is written beside them."""
    inner = mapping_in(message, "order")
    entries = [
        Entry("product", _product_line(item), _price_line(item))
        for item in items_in(inner, "product_items")
    ]
    return Content(entries=tuple(entries), text=format_text(inner.get("text")))


def _product_line(item: Mapping[str, Any]) -> str:
    count, name = clean(item.get("quantity")), clean(item.get("product_retailer_id"))
    return f"{count} × {name}" if count else name


def _price_line(item: Mapping[str, Any]) -> str:
    return f"{clean(item.get('item_price'))} {clean(item.get('currency'))}".strip()


def system(message: Message) -> Content:
    """Show Meta's sentence about the customer."""
    return Content(note=text_in(message, "system", "body") or "System message")


def edited(message: Message) -> Content:
    """Show that a message was edited; what it says now is shown by itself."""
    return Content(note="Message edited")


def revoked(message: Message) -> Content:
    """Show that a message was deleted."""
    return Content(note="Message deleted")


def other(message: Message) -> Content:
    """Show the type of a message of which nothing else is known."""
    kind = text_in(message, "type") or "unknown"
    details = [text_in(error, "title") for error in items_in(message, "errors")[:1]]
    return Content(note=": ".join(filter(None, (f"Message of the type {kind[:40]}", *details))))


READERS: Mapping[str, Callable[[Message], Content]] = {
    "text": text,
    **dict.fromkeys(MEDIA, media),
    "location": location,
    "contacts": contacts,
    "reaction": reaction,
    "button": template_button,
    "order": order,
    "system": system,
    "edit": edited,
    "revoke": revoked,
}
