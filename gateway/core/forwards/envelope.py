"""Meta's envelope for a receiver: the bytes as they came, or with what is meant for it; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.events import Delivery
from gateway.core.forwards.payload import own_callback
from gateway.core.webhook.parser import list_raw_items

_CONTACT_IDS = ("wa_id", "user_id")
_PERSON_FIELDS = ("from", "from_user_id", "recipient_id", "recipient_user_id", "to", "to_user_id")


def build_envelope(
    delivery: Delivery, items: Collection[int], references: Mapping[str, str]
) -> bytes:
    """Return Meta's body with the events at some positions.

    It is the original, byte for byte, if these are all events and no status among them has callback
    data of ours; `references` has what callers gave in its place.
    """
    try:
        body = orjson.loads(delivery.body)
    except orjson.JSONDecodeError:
        return delivery.body
    raws = list_raw_items(delivery, body) if isinstance(body, dict) else []
    wanted = [raw for item, raw in enumerate(raws) if item in items]
    if len(wanted) == len(raws) and not any(_is_changed(raw, references) for raw in wanted):
        return delivery.body
    keep = _Keep(frozenset(map(id, raws)), frozenset(map(id, wanted)), references)
    return orjson.dumps({**body, "entry": keep.entries(body.get("entry", []))})


def _is_changed(raw: Any, references: Mapping[str, str]) -> bool:
    return own_callback(raw, references) is not raw


@dataclass(frozen=True, slots=True)
class _Keep:
    """Keeps what is wanted of a body; items are told by their identity."""

    items: frozenset[int]
    wanted: frozenset[int]
    references: Mapping[str, str] = field(repr=False)

    def entries(self, entries: list[Any]) -> list[Any]:
        return [kept for one in entries if (kept := self._entry(one)) is not None]

    def _entry(self, entry: Any) -> Any:
        if id(entry) in self.items:
            return entry if id(entry) in self.wanted else None
        kept = {name: self._list(name, value) for name, value in entry.items()}
        return kept if any(isinstance(value, list) and value for value in kept.values()) else None

    def _list(self, name: str, value: Any) -> Any:
        if name == "changes" and isinstance(value, list):
            return [kept for one in value if (kept := self._change(one)) is not None]
        return self._items(value)

    def _change(self, change: Any) -> Any:
        if id(change) in self.items:
            return change if id(change) in self.wanted else None
        value = change["value"]
        standby = value.get("standby")
        if isinstance(standby, dict):
            kept_value = {**value, "standby": self._value(standby)}
            return {**change, "value": kept_value} if self._has_wanted(standby) else None
        return {**change, "value": self._value(value)} if self._has_wanted(value) else None

    def _has_wanted(self, value: Mapping[str, Any]) -> bool:
        lists = (one for one in value.values() if isinstance(one, list))
        return any(id(item) in self.wanted for one in lists for item in one)

    def _value(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the wanted items, and of the customers those whom they name."""
        kept = {name: self._items(one) for name, one in value.items()}
        kept = {
            name: one for name, one in kept.items() if one != [] or not value[name]
        }  # a list of which nothing is wanted
        if isinstance(contacts := value.get("contacts"), list):
            people = {person for one in kept.values() for person in _people(one)}
            own = [one for one in contacts if not people.isdisjoint(_ids(one))]
            kept["contacts"] = own or contacts[:1]
        return kept

    def _items(self, value: Any) -> Any:
        if not isinstance(value, list) or not any(id(one) in self.items for one in value):
            return value
        return [own_callback(one, self.references) for one in value if id(one) in self.wanted]


def _people(items: Any) -> set[str]:
    rows = [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    named = (row.get(name) for row in rows for name in _PERSON_FIELDS)
    return {name for name in named if isinstance(name, str)}


def _ids(contact: Any) -> set[str]:
    named = (contact.get(name) for name in _CONTACT_IDS) if isinstance(contact, dict) else ()
    return {name for name in named if isinstance(name, str)}
