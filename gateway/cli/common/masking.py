"""How a trace words what is private: masked, unless the reader asked to see it; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.events import Event, Message

SHOWN_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Masking:
    """Words for people and texts; with `reveal` as they are."""

    reveal: bool = False

    def person(self, contact: str) -> str:
        """Name a customer."""
        return contact if self.reveal else f"…{contact[-SHOWN_DIGITS:]}"

    def quote(self, text: str) -> str:
        """Quote what somebody wrote, or tell how long it was."""
        return f'"{text}"' if self.reveal else f"({len(text)} characters)"

    def event(self, event: Event) -> str:
        """Tell what came and from whom."""
        if not isinstance(event, Message):
            return event.kind
        sender = f" from {self.person(event.contact)}" if event.contact else ""
        return " ".join(filter(None, [event.type + sender, self.quote(event.text or "")]))

    def request(self, body: Mapping[str, Any]) -> str:
        """Tell what a send asks Meta for."""
        kind = str(body.get("type") or "")
        if not kind:
            return "typing" if "typing_indicator" in body else "mark_read"
        inner = body.get(kind)
        content = inner if isinstance(inner, Mapping) else {}
        if kind == "template":
            return f"template {content.get('name', '')}"
        if kind == "text":
            return f"text {self.quote(str(content.get('body', '')))}"
        return f"{kind} {orjson.dumps(content).decode()}" if self.reveal else kind
