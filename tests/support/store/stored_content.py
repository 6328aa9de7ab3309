"""Everything that a store holds, opened: what of it names a customer."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gateway.core.contacts.person import is_mentioned
from gateway.core.sending.compact_record import read_row
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.redis.client import Store
from tests.support.store.raw import raw


def find_mentions(store: Store, names: set[str], words: set[str], *keys: Bodies) -> list[str]:
    """Return the keys that name a customer, or hold one of these words, in a name or a value."""
    found = []
    for key in sorted(raw(store).keys("*")):
        content = [key, *_iter_values(store, key)]
        opened = [one for each in content for one in (each, *_opened(each, keys or (Bodies(),)))]
        if any(_names(one, names, words) for one in opened):
            found.append(re.sub(r"[0-9a-f]{32}|\d{7,}|[a-z2-7]{24}", "…", repr(key)))
    return found


def _names(content: bytes, names: set[str], words: set[str]) -> bool:
    return is_mentioned(names, content) or any(one.encode() in content for one in {*names, *words})


def _iter_values(store: Store, key: bytes) -> Iterator[bytes]:
    client = raw(store)
    match client.type(key):
        case b"string":
            yield client.get(key)
        case b"hash":
            yield from (part for pair in client.hgetall(key).items() for part in pair)
        case b"zset" | b"set" | b"list" as kind:
            ways = {b"zset": client.zrange, b"list": client.lrange}
            yield from ways[kind](key, 0, -1) if kind in ways else client.smembers(key)
        case b"stream":
            entries = client.xrange(key)
            yield from (part for _, fields in entries for pair in fields.items() for part in pair)
        case b"none":  # it has just expired
            return
        case other:
            raise AssertionError(f"{key!r} is a {other!r}, which is not looked into")


def _opened(content: Any, keys: tuple[Bodies, ...]) -> Iterator[bytes]:
    with suppress(ValueError, LookupError):  # a compact record has digits in half as many bytes
        yield repr(read_row(content)).encode()
    for one in keys:
        try:
            yield one.open(content)
        except UnknownRecordError:
            continue
