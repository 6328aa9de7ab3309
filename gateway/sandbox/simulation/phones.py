"""The customers' side: what each phone shows, and who wrote which message."""

import asyncio
from collections import deque
from contextlib import suppress

from gateway.sandbox.wire import Json, make_room

_PHONES_MAX = 50_000
_EVENTS_MAX = 1_000  # On one phone.
_AUTHORS_PER_PHONE = 4
_NAME = "Sandbox customer"


class Phone:
    """What one customer sees, numbered from 1; only the newest events are kept."""

    def __init__(self) -> None:
        """Start with an empty screen."""
        self.name = _NAME
        self.last_message: str | None = None
        self._events: deque[Json] = deque(maxlen=_EVENTS_MAX)
        self._seq = 0
        self._changed: asyncio.Event | None = None  # Only while somebody waits.

    def show(self, kind: str, **shown: object) -> None:
        """Put something on the screen and wake whoever waits for it."""
        self._seq += 1
        self._events.append({"seq": self._seq, "kind": kind, **shown})
        self.wake()

    def wake(self) -> None:
        """Let those who wait look again."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def after(self, seq: int) -> list[Json]:
        """Give what came after an event."""
        return [event for event in self._events if event["seq"] > seq]

    async def wait_after(self, seq: int, wait_s: float) -> list[Json]:
        """Give what came after an event, waiting for it if there is nothing yet."""
        if not (found := self.after(seq)) and wait_s > 0:
            self._changed = self._changed or asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
            found = self.after(seq)
        return found


class Phones:
    """All phones by customer; the longest known ones make room when there are too many."""

    def __init__(self, most: int = _PHONES_MAX) -> None:
        """Start with no customers; keep at most so many phones."""
        self._most = most
        self._phones: dict[str, Phone] = {}
        self._authors: dict[str, str] = {}

    def of(self, customer: str) -> Phone:
        """Give a customer's phone, a new one at the first time."""
        phone = self._phones.get(customer)
        if phone is None:
            make_room(self._phones, self._most)
            phone = self._phones[customer] = Phone()
        return phone

    def wrote(self, customer: str, message_id: str) -> None:
        """Remember who wrote a message, for the day it is marked as read."""
        make_room(self._authors, self._most * _AUTHORS_PER_PHONE)
        self._authors[message_id] = customer

    def author_of(self, message_id: str) -> Phone | None:
        """Give the phone on which a message was written, if it was written here."""
        customer = self._authors.get(message_id)
        return self.of(customer) if customer else None

    def wake_all(self) -> None:
        """Let nobody wait any longer."""
        for phone in self._phones.values():
            phone.wake()
