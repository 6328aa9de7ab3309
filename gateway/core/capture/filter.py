"""Delivery filter: by time, number, kind of event, and text that the delivery contains."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.core.events import Delivery, Message, Notice, Status, Unreadable
from gateway.core.webhook.parser import split

KINDS = tuple(kind.kind for kind in (Message, Status, Notice, Unreadable))


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Conditions on a delivery; an empty one matches every delivery."""

    since: datetime | None = None
    until: datetime | None = None
    number: str = ""  # our phone number id
    kinds: frozenset[str] = frozenset()
    contains: str = ""  # anywhere in the body, ignoring case

    def matches(self, delivery: Delivery) -> bool:
        """Say whether a delivery matches; one event must have both the number and the kind."""
        if self.since and delivery.received_at < self.since:
            return False
        if self.until and delivery.received_at > self.until:
            return False
        if self.contains and not _contains(delivery.body, self.contains.casefold()):
            return False
        return self._has_event(delivery)

    def _has_event(self, delivery: Delivery) -> bool:
        if not (self.number or self.kinds):
            return True
        return any(
            (not self.number or event.number == self.number)
            and (not self.kinds or event.kind in self.kinds)
            for event in split(delivery)
        )


def _contains(body: bytes, folded: str) -> bool:
    if folded in body.decode(errors="replace").casefold():
        return True
    # JSON may escape any character as \uXXXX.
    return b"\\" in body and any(folded in text.casefold() for text in _texts(body))


def _texts(body: bytes) -> Iterator[str]:
    try:
        left: list[Any] = [orjson.loads(body)]
    except orjson.JSONDecodeError:
        return
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str):
            yield one
