"""Deliveries of a thousand mixed items, as after a broadcast, and what became of them."""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.core.events import Delivery, Event
from gateway.core.sending.send import send_id
from gateway.core.webhook.parser import split
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.lease_renewal import LeaseRenewal
from gateway.store.planning.contacts import load
from tests.support.factories import NUMBER, message_item, status_item
from tests.support.tasks.worker_state import counted, raw

ITEMS = 1_000
MESSAGES = 300
ASKING = 60  # of the messages
KINDS = ("message", "status", "notice")


@dataclass(frozen=True)
class Large:
    """One delivery: messages of many customers, statuses of many more, and a notice between them.

    Some of the messages ask for a reply. Customers who do not are those of other deliveries too.
    """

    name: str
    items: int = ITEMS
    messages: int = MESSAGES
    asking: int = ASKING
    poison: str = ""  # the text of one message in the middle, that ends whoever plans it

    @property
    def statuses(self) -> int:
        return self.items - self.messages - (1 if self.messages else 0)

    def body(self) -> bytes:
        half = self.messages // 2
        messages = [self._message(i) for i in range(self.messages)]
        statuses = [self._status(i) for i in range(self.statuses)]
        changes = [_change((), statuses[half:])]
        if messages:
            first = _change(messages[:half], statuses[:half])
            changes[:0] = [first, _notice(self.name), _change(messages[half:], ())]
        entry = {"id": "1", "changes": changes}
        return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()

    def asked(self) -> list[str]:
        """Return the wamids of the messages that ask for a reply."""
        return [self._wamid(i) for i in range(self.messages) if self._asks(i)]

    @property
    def poison_key(self) -> str:
        return f"message|{NUMBER}|{self._wamid(self.messages // 2 + 1)}"

    def _asks(self, i: int) -> bool:
        return bool(self.asking) and i % (self.messages // self.asking) == 0

    def _wamid(self, i: int) -> str:
        return f"wamid.{self.name}.{i}"

    def _message(self, i: int) -> Any:
        # Whoever asks does so once, or it would look like a program that answers ours.
        sender = f"35{_digits(self.name)}{i:05d}" if self._asks(i) else f"3519{i % 70:08d}"
        text = "which color?" if self._asks(i) else "hi"
        if self.poison and i == self.messages // 2 + 1:
            text = self.poison
        return message_item(self._wamid(i), text, sender)

    def _status(self, i: int) -> Any:
        to = f"3518{(i + int(_digits(self.name))) % 400:08d}"
        return status_item(f"wamid.of.{self.name}.{i}", "delivered", to=to)


def _digits(name: str) -> str:
    return f"{zlib.crc32(name.encode()) % 10**5:05d}"


def _change(messages: Sequence[Any], statuses: Sequence[Any]) -> Any:
    metadata = {"display_phone_number": "15550001111", "phone_number_id": NUMBER}
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    if messages:
        value["contacts"] = [
            {"profile": {"name": "Ana"}, "wa_id": sender}
            for sender in dict.fromkeys(item["from"] for item in messages)
        ]
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    return {"field": "messages", "value": value}


def _notice(name: str) -> Any:
    return {"field": "account_update", "value": {"event": "VERIFIED_ACCOUNT", "of": name}}


def events_of(bodies: Sequence[bytes]) -> list[Event]:
    """Split deliveries as a worker does."""
    now = datetime.now(UTC)
    return [event for body in bodies for event in split(Delivery("0:1-0", now, body))]


def kinds_of(bodies: Sequence[bytes]) -> Counter[str]:
    return Counter(event.kind for event in events_of(bodies))


def counted_kinds(store: Any) -> Counter[str]:
    """Return how often the store counted an effect of each kind, of whichever number."""
    counts = {kind: [counted(store, f"events.{kind}", of) for of in (NUMBER, "")] for kind in KINDS}
    return +Counter({kind: sum(each) for kind, each in counts.items()})


def unknown(store: Any, bodies: Sequence[bytes]) -> set[str]:
    """Return the keys of the events that had no effect yet."""
    numbers: dict[str, list[Event]] = {}
    for event in events_of(bodies):
        numbers.setdefault(event.number, []).append(event)
    found = {event.key for events in numbers.values() for event in events}
    for view in load(store, numbers):
        found -= view.known
    return found


def dead_letters(store: Any) -> int:
    return sum(raw(store).zcard(f"{keys.number(of)}dead") for of in (NUMBER, ""))


def suspects(store: Any) -> int:
    """Return how many deliveries and events somebody is thought to have died over."""
    names = (f"{keys.partition(i)}suspects" for i in range(keys.PARTITIONS))
    return sum(raw(store).hlen(name) for name in names)


def assert_each_had_its_effect_once(store: Any, bodies: Sequence[bytes]) -> None:
    """Judge deliveries that are worked off: nothing lost, doubled, buried, suspected or stuck."""
    standings = Inbox(store, Bodies()).partition_states()
    assert [one.index for one in standings if one.waiting] == []
    assert unknown(store, bodies) == set()
    found, wanted = counted_kinds(store), kinds_of(bodies)
    assert found == wanted, f"{found}, not {wanted}"
    assert dead_letters(store) == 0
    assert not any(one.deferred for one in standings)


def replies_to(larges: Sequence[Large], rule: str = "colour") -> set[str]:
    """Return the ids of the sends that answer all who ask."""
    asked = [wamid for one in larges for wamid in one.asked()]
    return {send_id(f"message|{NUMBER}|{wamid}", rule, 0) for wamid in asked}


@contextmanager
def without_renewal(monkeypatch: Any) -> Iterator[None]:
    """Let leases end however their holders fare, so that two who live hold the same."""
    with monkeypatch.context() as patched:
        patched.setattr(LeaseRenewal, "follow", lambda *_: None)
        yield
