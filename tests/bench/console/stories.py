"""Stories of messages as the gateway itself writes them, each read back as what it left behind.

A few of each kind are written by the product's own code, from the kept delivery to the last status.
What one of them left is what `copies.py` writes again under other names.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.contacts.contact import Contact
from gateway.core.events import Event, Message
from gateway.core.planning.decision import Decision
from gateway.core.planning.event import record_id
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.api.accept_now import accept_now
from gateway.store.api.pending_send import Idempotency
from gateway.store.body_codec import Bodies
from gateway.store.inbox.record import BODY, HEADER, read_delivery
from gateway.store.redis.client import Store
from tests.bench.room import PREFIX, SAID, Answered, customer
from tests.support.factories import NUMBER
from tests.support.store.raw import raw

# So many of each kind are really written; they stay, among their copies.
SAMPLES = 8
REFUSAL = {"code": 131049, "reason": "Wait, and send it later.", "details": "Chosen by Meta."}


@dataclass(frozen=True)
class KeptEvent:
    """A kept delivery with one event."""

    partition: int
    entry: str
    header: bytes
    body: bytes
    key: str
    kind: str


@dataclass(frozen=True)
class Story:
    """What one message left in the store; "" and empty for what it has not."""

    contact: str
    kept: tuple[KeptEvent, ...]
    wamid: str = ""  # of the customer's message
    version: bytes = b""  # of the contact
    state: bytes = b""
    record_id: str = ""
    record: bytes = b""
    send: str = ""
    row: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""

    @property
    def is_dead(self) -> bool:
        """Return whether the send became a dead letter."""
        return self.row.get("stage") == "dead"


class Unanswered:
    """Answers nothing, and writes no record."""

    version = "v1-4d5e6f7a8b9c"

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        return Decision()


class Silent(Answered):
    """Messages that no rule answers."""

    def answer(self) -> None:
        self.rulebook = Unanswered()
        self._keep()
        self._take_effect()


class Refused(Answered):
    """Messages whose answers Meta refuses for good."""

    def _settle(self, one: Attempt) -> Outcome:
        self.taken.append((one.send, "", one.contact.key))
        note = json.dumps({"outcome": "dead"} | REFUSAL)
        refusal = json.dumps(REFUSAL)
        return Outcome(one.send, one.ordinal, "dead", error_json=refusal, history_json=note)

    def _tell(self) -> None:
        """Meta has no message, and says nothing of it."""


class Requested(Answered):
    """Messages that a client of the API asked for, each with a reference."""

    def answer(self) -> None:
        for i in range(self.first, self.first + self.count):
            fields = {"to": f"+{customer(i)}", "text": SAID, "reference": reference_of(i)}
            request = read_request(fields)
            assert isinstance(request, MessageRequest), request
            accept_now(self.store, NUMBER, request, Idempotency("", ""))
        self._send()
        self._tell()


def reference_of(i: int) -> str:
    return f"order {i:09d}"


KINDS: Mapping[str, type[Answered]] = {
    "answered": Answered,
    "requested": Requested,
    "unanswered": Silent,
    "refused": Refused,
}


def write_stories(store: Store) -> Mapping[str, list[Story]]:
    """Write some stories of each kind, and return what they left."""
    stories = {}
    for nth, (kind, made) in enumerate(KINDS.items()):
        first = 90_000_000 + nth * SAMPLES
        made(store, SAMPLES, first=first).answer()
        read = _read_stories(store, {customer(first + i) for i in range(SAMPLES)})
        stories[kind] = sorted(read, key=lambda one: one.contact)
        assert len(read) == SAMPLES, (kind, len(read))
    return stories


def _read_stories(store: Store, contacts: set[str]) -> list[Story]:
    events: dict[str, list[tuple[KeptEvent, Event]]] = {}
    for kept, event in _read_events(store):
        events.setdefault(event.contact, []).append((kept, event))
    rows = dict(_read_rows(store))
    return [
        _read_story(store, contact, events.get(contact, []), rows.get(contact, ("", {})))
        for contact in contacts
    ]


def _read_events(store: Store) -> Iterator[tuple[KeptEvent, Event]]:
    for partition in range(keys.PARTITIONS):
        for entry, fields in raw(store).xrange(f"{keys.partition(partition)}inbox"):
            header, body = fields[HEADER], fields[BODY]
            delivery = read_delivery(f"{partition}:{entry.decode()}", header, body, Bodies())
            (event,) = split(delivery)
            kept = KeptEvent(partition, entry.decode(), header, body, event.key, event.kind)
            yield kept, event


def _read_rows(store: Store) -> Iterator[tuple[str, tuple[str, dict[str, str]]]]:
    for _, fields in raw(store).xrange(f"{PREFIX}listed"):
        id_ = fields[b"i"].decode()
        found = raw(store).hgetall(f"{PREFIX}send:{id_}")
        row = {name.decode(): value.decode() for name, value in found.items()}
        if row:
            yield row["lane"], (id_, row)


def _read_story(
    store: Store,
    contact: str,
    events: list[tuple[KeptEvent, Event]],
    send: tuple[str, dict[str, str]],
) -> Story:
    id_, row = send
    about: dict[str, Any] = {"send": id_, "row": row}
    about["reference"] = json.loads(row["row"]).get("reference", "") if row else ""
    for message in (event for _, event in events if isinstance(event, Message)):
        version, state = raw(store).hmget(f"{PREFIX}contact:{contact}", "version", "state")
        about |= {"wamid": message.id, "version": version, "state": state}
        if record := raw(store).get(f"{PREFIX}record:{record_id(message)}"):
            about |= {"record_id": record_id(message), "record": record}
    return Story(contact=contact, kept=tuple(kept for kept, _ in events), **about)
