"""Audiences of campaigns: a customer's row is emptied, and keeps its place among the recipients.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from gateway.core.contacts.erasure import StagePage
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.erasure.search import PersonSearch, read_each
from gateway.store.redis.key_scan import scan_keys

_CHUNKS = f"{keys.SPACE}{{n*}}:campaign:*:chunk:*"
ERASED: tuple[str, Mapping[str, str]] = ("", {})


def erase_audiences(search: PersonSearch, position: str) -> StagePage:
    """Erase the customer from one page of chunks of recipients."""
    page = scan_keys(search.store, _CHUNKS, position)
    own = [name for name in page.names if search.includes(_prefix_of(name))]
    values = read_each(search.store, [("GET", name) for name in own])
    erased, unopened = 0, 0
    for name, packed in zip(own, values, strict=True):
        if packed is None:
            continue
        try:
            rows: list[Any] = orjson.loads(search.bodies.open(packed))
        except UnknownRecordError:
            unopened += 1
            continue
        kept = [ERASED if search.person.is_named(phone) else (phone, of) for phone, of in rows]
        if count := sum(1 for (phone, _), (old, _) in zip(kept, rows, strict=True) if phone != old):
            _replace(search, name, search.bodies, kept)
            erased += count
    return StagePage(page.position, {"recipients": erased}, unopened=unopened)


def _prefix_of(name: bytes) -> str:
    return f"{name.decode().partition('}:')[0]}}}:"


def _replace(search: PersonSearch, name: bytes, bodies: Bodies, rows: Sequence[Any]) -> None:
    packed = bodies.pack(orjson.dumps(rows))
    search.store.run(lambda client: client.set(name, packed, keepttl=True, xx=True))
