"""Redaction: a delivery without the items of one customer; pure.

An item that is removed leaves a placeholder, so that the others stand where they stood: records and
dead letters name an event by its position.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from gateway.core.webhook.customers import object_field, text_field

PLACEHOLDER: Mapping[str, Any] = {"redacted": True}

Mentions = Callable[[bytes], bool]


class Redaction(NamedTuple):
    """What becomes of a body: whether it has anything to remove, and what is then left."""

    is_concerned: bool
    left: bytes | None = None  # None where nothing is left for others


def redact(body: bytes, mentions: Mentions, numbers: Collection[str] | None = None) -> Redaction:
    """Return a webhook's body without each item that mentions a customer.

    Only what `numbers` of ours have is removed, None for all. Nothing is left of a body in another
    form than Meta's webhooks, nor of one that mentions the customer elsewhere.
    """
    if not mentions(body):
        return Redaction(False)
    try:
        parsed = orjson.loads(body)
        redacted = _Redactor(mentions, numbers).redact_body(parsed)
        packed = orjson.dumps(redacted)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, _NotRedactableError):
        return Redaction(numbers is None or any(one.encode() in body for one in numbers))
    if redacted == parsed:
        return Redaction(numbers is None)
    is_clean = numbers is not None or not mentions(packed)
    return Redaction(True, packed if _has_items(redacted) and is_clean else None)


class _NotRedactableError(Exception):
    """The body has another form than Meta's webhooks."""


@dataclass(frozen=True, slots=True)
class _Redactor:
    """Walks down to the items that mention a customer."""

    mentions: Mentions
    numbers: Collection[str] | None = field(repr=False)

    def redact_body(self, body: Any) -> dict[str, Any]:
        entries = body.get("entry") if isinstance(body, dict) else None
        if not isinstance(entries, list):
            raise _NotRedactableError
        return {**body, "entry": [self._redact_entry(one) for one in entries]}

    def _redact_entry(self, entry: Any) -> Any:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            return self._redact_item(entry) if self.numbers is None else entry
        return {**entry, "changes": [self._redact_change(one) for one in changes]}

    def _redact_change(self, change: Any) -> Any:
        value = change.get("value") if isinstance(change, dict) else None
        if not self._is_in_scope(value) or not self.mentions(orjson.dumps(change)):
            return change
        if not isinstance(value, dict):
            return PLACEHOLDER
        lists = {name: items for name, items in value.items() if isinstance(items, list)}
        kept = {name: [self._redact_item(one) for one in items] for name, items in lists.items()}
        return self._redact_item({**change, "value": {**value, **kept}})

    def _redact_item(self, item: Any) -> Any:
        return PLACEHOLDER if self.mentions(orjson.dumps(item)) else item

    def _is_in_scope(self, value: Any) -> bool:
        if self.numbers is None:
            return True
        metadata = object_field(value, "metadata") if isinstance(value, dict) else {}
        return text_field(metadata, "phone_number_id") in self.numbers


def _has_items(body: Mapping[str, Any]) -> bool:
    """Say whether an item is left that concerns anybody."""
    return any(_is_left(entry) for entry in body["entry"])


def _is_left(entry: Any) -> bool:
    if entry == PLACEHOLDER:
        return False
    changes = entry.get("changes") if isinstance(entry, dict) else None
    return not isinstance(changes, list) or any(_has_value(one) for one in changes)


def _has_value(change: Any) -> bool:
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict):
        return bool(change != PLACEHOLDER)
    # Customers are listed beside their messages.
    lists = [one for name, one in value.items() if isinstance(one, list) and name != "contacts"]
    return not lists or any(item != PLACEHOLDER for each in lists for item in each)
