"""Rendering of messages and parsing of input for a phone in the terminal; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.messages.rendering import ChatMessage, read_content
from gateway.core.messages.rendering.content import Content

DIGITS = range(5, 16)


@dataclass(frozen=True, slots=True)
class Offer:
    """Button or list row that can be tapped."""

    kind: str
    id: str
    title: str
    description: str = ""

    def tap(self) -> dict[str, Any]:
        """Return the sandbox request of a customer who taps it."""
        tapped = {"kind": self.kind, "id": self.id, "title": self.title}
        return {"tap": tapped | ({"description": self.description} if self.description else {})}


def parse_phone_number(text: str) -> str | None:
    """Return the digits of a phone number, None if it is malformed."""
    digits = re.sub(r"[\s().+-]", "", text)
    is_valid = digits.isascii() and digits.isdigit() and len(digits) in DIGITS
    return digits if is_valid else None


def offers(body: Mapping[str, Any]) -> tuple[Offer, ...]:
    """Return the buttons and rows of a message, in the order in which it is shown."""
    match body.get("interactive"):
        case {"type": "button", "action": {"buttons": list(buttons)}}:
            replies = [button["reply"] for button in buttons]
            return tuple(Offer("button", reply["id"], reply["title"]) for reply in replies)
        case {"type": "list", "action": {"sections": list(sections)}}:
            rows = [row for section in sections for row in section["rows"]]
            return tuple(
                Offer("list", row["id"], row["title"], row.get("description", "")) for row in rows
            )
        case _:
            return ()


def parse_line(line: str, offered: Sequence[Offer]) -> dict[str, Any]:
    """Return the action for a typed line: a tap on the offer with this number, or a text."""
    numbered = {str(number): offer for number, offer in enumerate(offered, 1)}
    tapped = numbered.get(line)
    return tapped.tap() if tapped else {"text": line}


def render_message(body: Mapping[str, Any]) -> list[str]:
    """Return the lines of a received message."""
    kind = body.get("type", "text")
    content = body.get(kind, {})
    match kind:
        case "text":
            return str(content["body"]).splitlines()
        case "interactive":
            return _render_interactive(content, offers(body))
        case "template":
            return [
                f"[template {content['name']}] {', '.join(_template_parameters(content))}".rstrip()
            ]
        case "contacts":
            return [f"[contact] {one.title}" for one in read_content(ChatMessage(body)).entries]
        case "reaction":
            return [f"[reaction] {content.get('emoji', '')}".rstrip()]
        case _:
            names = ("caption", "filename", "name", "address", "link", "id")
            fields = content if isinstance(content, Mapping) else {}
            text = next((str(fields[name]) for name in names if fields.get(name)), "")
            return [f"[{kind}] {text}".rstrip()]


def _render_interactive(content: Mapping[str, Any], offered: Sequence[Offer]) -> list[str]:
    parts = (content.get(name, {}).get("text", "") for name in ("header", "body", "footer"))
    lines = [line for part in parts for line in str(part).splitlines()]
    for number, offer in enumerate(offered, 1):
        lines.append(f"  [{number}] {offer.title}{offer.description and f' - {offer.description}'}")
    return lines if offered else [*lines, *_render_untappable(content)]


def _render_untappable(content: Mapping[str, Any]) -> list[str]:
    """Return what a tap on the terminal cannot do: buttons that open something, products, cards."""
    shown = read_content(ChatMessage({"type": "interactive", "interactive": content}))
    products = [entry.title for entry in shown.entries]
    products += [row.title for group in shown.groups for row in group.rows]
    cards = [_card_title(card) for card in shown.cards]
    buttons = [f"[{one.label or one.kind}] {one.address}".rstrip() for one in shown.buttons]
    return [f"  {line}" for line in [*products, *cards, *buttons]] or [f"  [{content.get('type')}]"]


def _card_title(card: Content) -> str:
    words = (run.text for line in card.text for run in line)
    return "".join(words) or next((entry.title for entry in card.entries), "card")


def _template_parameters(content: Mapping[str, Any]) -> list[str]:
    parameters = [
        one for part in content.get("components", []) for one in part.get("parameters", [])
    ]
    return [str(one["text"]) for one in parameters if "text" in one]
