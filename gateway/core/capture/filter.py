"""Delivery filter: by time, number, kind of event, and text that the delivery contains."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.core.events import Delivery, Event, Message, Notice, Status, Unreadable
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
    numbers: frozenset[str] | None = None  # those of one account; None: of any
    wabas: frozenset[str] = frozenset()  # its WhatsApp accounts, for notices without a number

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
        if not (self.number or self.kinds or self.numbers is not None):
            return True
        return any(
            (not self.number or event.number == self.number)
            and self._is_of_account(event)
            and (not self.kinds or event.kind in self.kinds)
            for event in split(delivery)
        )

    def _is_of_account(self, event: Event) -> bool:
        if self.numbers is None:
            return True
        if event.number:
            return event.number in self.numbers
        return isinstance(event, Notice) and event.waba in self.wabas


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
