"""Masking of private data in a trace, unless the operator asked to see it; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.core.events import Event, Message
from gateway.core.paths.path import MetaPath
from gateway.core.paths.values import list_fields

SHOWN_DIGITS = 4
MOST_SHOWN = 1_000  # characters of one value
# The line of an event shows them already.
ON_THE_LINE = frozenset({"text.body", "from_user_id"})


def no_account(_: str) -> str:
    """Return the name of a number's account where accounts have none."""
    return ""


@dataclass(frozen=True, slots=True)
class Masking:
    """Formats customers and texts for output: masked, or in full with `reveal`."""

    reveal: bool = False

    def person(self, contact: str) -> str:
        """Format a customer."""
        return contact if self.reveal else f"…{contact[-SHOWN_DIGITS:]}"

    def quote(self, text: str) -> str:
        """Quote a text, or give only its length."""
        return f'"{text}"' if self.reveal else f"({len(text)} characters)"

    def event(self, event: Event) -> str:
        """Describe an event and its customer."""
        if not isinstance(event, Message):
            return event.kind
        sender = f" from {self.person(event.contact)}" if event.contact else ""
        return " ".join(filter(None, [event.type + sender, self.quote(event.text or "")]))

    def fields(self, event: Event) -> dict[str, str]:
        """Return what else Meta tells of an event, by path."""
        return {
            path.name: self._value(path, text[:MOST_SHOWN])
            for path, text in list_fields(event)
            if path.name not in ON_THE_LINE
        }

    def _value(self, path: MetaPath, text: str) -> str:
        return text if self.reveal or not path.is_private else f"({len(text)} characters)"

    def request(self, body: Mapping[str, Any]) -> str:
        """Describe the request of a send to Meta."""
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
