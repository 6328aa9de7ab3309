"""Customers as the business knows them: by phone number, user id or both, and since when."""

import asyncio
import hashlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.sandbox.wire import Json, is_user_id, make_room

_PHONES_MAX = 50_000
_EVENTS_MAX = 1_000  # On one phone.
_AUTHORS_PER_PHONE = 4
_NAME = "Sandbox customer"


class CustomerPhone:
    """Screen of one customer, its events numbered from 1; only the newest are kept."""

    def __init__(self) -> None:
        """Start with an empty screen."""
        self.name = _NAME
        self.last_message: str | None = None
        # Statuses of the business's messages are events too once a page shows this phone: there
        # are several for each message, and nobody looks at most phones.
        self.shows_statuses = False
        self._events: deque[Json] = deque(maxlen=_EVENTS_MAX)
        self._seq = 0
        self._changed: asyncio.Event | None = None  # Only while a request waits.

    def show(self, kind: str, **shown: object) -> None:
        """Put an event on the screen and wake the requests that wait for it."""
        self._seq += 1
        self._events.append({"seq": self._seq, "kind": kind, **shown})
        self.wake()

    def wake(self) -> None:
        """Wake the requests that wait."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def after(self, seq: int) -> list[Json]:
        """Return the events after an event."""
        return [event for event in self._events if event["seq"] > seq]

    async def wait_after(self, seq: int, wait_s: float) -> list[Json]:
        """Return the events after an event; if there are none yet, wait for one."""
        if not (events := self.after(seq)) and wait_s > 0:
            self._changed = self._changed or asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_s)
            events = self.after(seq)
        return events


class CustomerPhones:
    """All phones by customer; if there are too many, the oldest make room."""

    def __init__(self, most: int = _PHONES_MAX) -> None:
        """Start with no customers; keep at most so many phones."""
        self._most = most
        self._phones: dict[str, CustomerPhone] = {}
        self._authors: dict[str, str] = {}
        self.is_closed = False

    def of(self, customer: str) -> CustomerPhone:
        """Return a customer's phone, on first use a new one."""
        phone = self._phones.get(customer)
        if phone is None:
            make_room(self._phones, self._most)
            phone = self._phones[customer] = CustomerPhone()
        return phone

    def note_author(self, customer: str, message_id: str) -> None:
        """Remember who wrote a message, for when it is marked as read."""
        make_room(self._authors, self._most * _AUTHORS_PER_PHONE)
        self._authors[message_id] = customer

    def author_of(self, message_id: str) -> CustomerPhone | None:
        """Return the phone on which a message was written, if it was written here."""
        customer = self._authors.get(message_id)
        return self.of(customer) if customer else None

    def show_everywhere(self, kind: str) -> None:
        """Put an event on the screen of each phone that a page shows."""
        for phone in self._phones.values():
            if phone.shows_statuses:
                phone.show(kind)

    def close(self) -> None:
        """Let all waiting requests end."""
        self.is_closed = True
        for phone in self._phones.values():
            phone.wake()


_NAMES_MAX = 200_000


@dataclass(slots=True)
class SimulatedPerson:
    """One customer; `key` stays the same whatever their names."""

    key: str
    phone: str = ""
    user_id: str = ""
    username: str = ""
    hides_phone: bool = False  # Webhooks leave the phone number out.
    is_group: bool = False  # A group that is written to; its id is in the place of the phone.
    wrote_at: dict[str, float] = field(default_factory=dict)  # By id of our number.
    stopped: set[str] = field(default_factory=set)  # Numbers that may not send marketing.
    # Numbers whose window was set by a control call: it holds, whatever the configuration says.
    set_windows: set[str] = field(default_factory=set)

    @property
    def shown_phone(self) -> str:
        """Return the phone number, if webhooks include it."""
        return "" if self.hides_phone else self.phone


class Customers:
    """All customers of whom more than a name is known; the oldest names make room."""

    def __init__(self, *, with_user_ids: bool = False) -> None:
        """Start with no customers; each phone number has a made-up user id too, if asked for."""
        self._with_user_ids = with_user_ids
        self._by_name: dict[str, SimulatedPerson] = {}

    def of(self, name: str) -> SimulatedPerson:
        """Return the customer of a phone number or user id; a stranger is not remembered."""
        return self._by_name.get(name) or self._stranger(name)

    def remember(self, name: str) -> SimulatedPerson:
        """Return the customer of a phone number or user id, and remember them."""
        person = self.of(name)
        for one in filter(None, {name, person.phone, person.user_id}):
            self._name(one, person)
        return person

    def rename(self, person: SimulatedPerson, *, phone: str = "", user_id: str = "") -> None:
        """Give a customer another phone number or user id; the old one no longer finds them."""
        for old, new in ((person.phone, phone), (person.user_id, user_id)):
            if new and old != new:
                self._by_name.pop(old, None)
        person.phone, person.user_id = phone or person.phone, user_id or person.user_id
        for name in filter(None, (person.phone, person.user_id)):
            self._name(name, person)

    def _name(self, name: str, person: SimulatedPerson) -> None:
        if name not in self._by_name:
            make_room(self._by_name, _NAMES_MAX)
        self._by_name[name] = person

    def _stranger(self, name: str) -> SimulatedPerson:
        if is_user_id(name):
            return SimulatedPerson(name, user_id=name)
        return SimulatedPerson(name, name, _user_id(name) if self._with_user_ids else "")


def _user_id(phone: str) -> str:
    """Return the user id that a phone number always has here, in Meta's form."""
    digest = hashlib.sha256(phone.encode()).digest()
    return f"US.{int.from_bytes(digest[:6]):015}"
