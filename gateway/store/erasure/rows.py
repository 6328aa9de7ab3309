"""Rows of a customer with keys of their own: sends, schedules, calls, forwards and more.

They are found by a scan of all keys, since not every one is in a list. May raise
StoreUnavailableError or ScriptError.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.core.contacts.erasure import StagePage
from gateway.store import keys
from gateway.store.body_codec import UnknownRecordError
from gateway.store.erasure.reports import erase_calls, erase_forwards, erase_notifications
from gateway.store.erasure.search import PersonSearch
from gateway.store.erasure.sends import erase_sends
from gateway.store.redis.client import Store
from gateway.store.redis.key_scan import scan_keys
from gateway.store.sending.lookup import read_each

_OF_NUMBERS = f"{keys.SPACE}{{n*"
# What is read of a key, by how its name begins after the number's prefix.
_READS: Mapping[bytes, Callable[[bytes], Sequence[Any]]] = {
    b"send:": lambda key: ("HMGET", key, "lane", "row"),
    b"members:": lambda key: ("HKEYS", key),
    b"dead:event:": lambda key: ("GET", key),
    b"unreadable:event:": lambda key: ("GET", key),
    b"notification:": lambda key: ("HGET", key, "payload"),
    b"call:": lambda key: ("HGET", key, "payload"),
    b"forward:": lambda key: ("HMGET", key, "contact", "copy"),
    b"schedule:": lambda key: ("HGET", key, "definition"),
    b"timer": lambda key: ("HGETALL", key),
}


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row of the customer's: which key of which number, and what was read of it."""

    prefix: str
    kind: str  # how the key begins
    name: str | bytes  # what follows that
    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class RowPage:
    """The customer's rows of one page, how much of it cannot be opened here, and the next place."""

    found: tuple[FoundRow, ...]
    unopened: int
    position: str


def find_rows(search: PersonSearch, position: str) -> RowPage:
    """Return the rows of one page of keys that are the customer's."""
    page = scan_keys(search.store, _OF_NUMBERS, position)
    wanted = [(key, *split) for key in page.names if (split := _split(search, key))]
    values = read_each(search.store, [_READS[kind](key) for key, _, kind, _ in wanted])
    found, unopened = [], 0
    for (_, prefix, kind, name), value in zip(wanted, values, strict=True):
        if value is None:  # it is gone, or damaged
            continue
        try:
            found += _own_rows(search, prefix, kind, name, value)
        except UnknownRecordError:
            unopened += 1
    return RowPage(tuple(found), unopened, page.position)


def erase_rows(search: PersonSearch, position: str, erasure: str) -> StagePage:
    """Erase the customer's rows of one page of keys."""
    page = find_rows(search, position)
    erased: dict[str, int] = {}
    under_way = 0
    for prefix in dict.fromkeys(one.prefix for one in page.found):
        here = [one for one in page.found if one.prefix == prefix]
        result = erase_sends(search.store, prefix, _names(here, "send:"), erasure)
        under_way += len(result.under_way)
        counts = {
            "messages": result.erased,
            "notifications": erase_notifications(
                search.store, prefix, _names(here, "notification:")
            ),
            "calls": erase_calls(search.store, prefix, _names(here, "call:")),
            "forwards": erase_forwards(search.store, prefix, _names(here, "forward:")),
            "dead_letters": _erase_letters(search.store, prefix, here),
            "schedules": _erase_schedules(search.store, prefix, _names(here, "schedule:")),
            "timers": _erase_fields(search.store, prefix, here),
        }
        erased = {kind: erased.get(kind, 0) + count for kind, count in counts.items()}
        # A schedule may have made a send on a page that was read before: the next pass finds it.
        under_way += counts["schedules"]
    return StagePage(page.position, erased, messages=under_way, unopened=page.unopened)


def _split(search: PersonSearch, key: bytes) -> tuple[str, bytes, bytes] | None:
    """Return the prefix of a key's number, how it goes on, and its own name; None for others."""
    head, brace, rest = key.partition(b"}:")
    prefix = (head + brace).decode()
    if not search.includes(prefix):
        return None
    if rest == b"timer":
        return prefix, b"timer", b""
    for kind in _READS:
        if kind != b"timer" and rest.startswith(kind):
            return prefix, kind, rest.removeprefix(kind)
    return None


def _own_rows(
    search: PersonSearch, prefix: str, kind: bytes, name: bytes, value: Any
) -> list[FoundRow]:
    """Return the rows of a key that are the customer's, none where it is gone."""
    person, word = search.person, kind.decode()
    match word:
        case "send:":
            lane, row = value
            is_own = lane is not None and (person.is_named(lane.decode()) or _is_to(search, row))
        case "members:":
            own = [one for one in value if person.is_named(one.decode(errors="replace"))]
            return [FoundRow(prefix, word, name.decode(), own)] if own else []
        case "dead:event:":
            letter = _parse(value)
            is_own = person.has(letter.get("raw"))
        case "unreadable:event:":
            is_own = person.is_mentioned(search.bodies.open(value))
        case "schedule:":
            is_own = person.has(_parse(search.bodies.open(value)).get("message"))
        case "forward:":
            contact, copy = value
            is_own = contact is not None and person.is_named(contact.decode())
            is_own = is_own or (bool(copy) and person.is_mentioned(search.bodies.open(copy)))
        case "notification:" | "call:":
            is_own = person.has(_parse(value)) or person.is_mentioned(_event_of(value))
        case _:
            own = [timer for timer, row in value.items() if person.has(_parse(row))]
            return [FoundRow(prefix, word, timer, value[timer]) for timer in own]
    is_text = word in ("send:", "notification:", "call:", "schedule:", "forward:")
    return [FoundRow(prefix, word, name.decode() if is_text else name, value)] if is_own else []


def _is_to(search: PersonSearch, row: bytes | None) -> bool:
    """Say whether the body of a send goes to the customer, whatever its lane."""
    body = _parse(row).get("body")
    return isinstance(body, dict) and search.person.has(
        {name: body.get(name) for name in ("to", "recipient")}
    )


def _event_of(payload: bytes | None) -> bytes:
    """Return the key of the event of a notification, which holds Meta's id of the message."""
    return str(_parse(payload).get("event", "")).encode()


def _parse(content: bytes | None) -> Mapping[str, Any]:
    try:
        parsed = orjson.loads(content) if content else {}
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _names(rows: Sequence[FoundRow], kind: str) -> list[str]:
    return [str(one.name) for one in rows if one.kind == kind]


def _erase_schedules(store: Store, prefix: str, ids: Sequence[str]) -> int:
    """Erase recurring sends; return how many there were."""

    def remove(client: Any) -> int:
        pipe = client.pipeline(transaction=True)
        pipe.zrem(f"{prefix}schedules", *ids)
        pipe.delete(*(f"{prefix}schedule:{one}" for one in ids))
        return int(pipe.execute()[-1])

    return store.run(remove) if ids else 0


def _erase_letters(store: Store, prefix: str, rows: Sequence[FoundRow]) -> int:
    """Erase dead letters of events, with their bytes; the entry of the list goes last."""
    kinds = ("dead:event:", "unreadable:event:")
    digests = [one.name for one in rows if one.kind in kinds]
    members = {b"event:" + one for one in digests if isinstance(one, bytes)}

    def remove(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        start = prefix.encode()
        for member in members:
            pipe.delete(*(start + kind + member for kind in (b"dead:", b"deaths:", b"unreadable:")))
        pipe.zrem(f"{prefix}unreadable", *members)
        pipe.zrem(f"{prefix}dead", *members)
        pipe.execute()

    if members:
        store.run(remove)
    return len(members)


def _erase_fields(store: Store, prefix: str, rows: Sequence[FoundRow]) -> int:
    """Erase timers, and the customer's progress in messages to groups; return how many timers."""
    timers = [one.name for one in rows if one.kind == "timer"]
    members = [(str(one.name), one.value) for one in rows if one.kind == "members:"]

    def remove(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        if timers:
            pipe.zrem(f"{prefix}timers", *timers)
            pipe.hdel(f"{prefix}timer", *timers)
        for send, names in members:
            pipe.hdel(f"{prefix}members:{send}", *names)
        pipe.execute()

    if timers or members:
        store.run(remove)
    return len(timers)
