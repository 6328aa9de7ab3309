"""Audiences of campaigns: a customer's row is emptied, and keeps its place among the recipients.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from gateway.core.campaigns.stored_definition import pack_definition, unpack_definition
from gateway.core.contacts.erasure import Erasure, StagePage
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import UnknownRecordError
from gateway.store.campaigns.audience import CHUNK
from gateway.store.campaigns.campaigns import ALL as CAMPAIGNS_BY_ID
from gateway.store.campaigns.campaigns import campaign_key, server_ms
from gateway.store.campaigns.uploads.lease import count_uploads
from gateway.store.erasure.search import PersonSearch
from gateway.store.redis.key_scan import scan_keys
from gateway.store.sending.lookup import read_each

_CHUNKS = f"{keys.SPACE}{{n*}}:campaign:*:chunk:*"
ERASED: tuple[str, Mapping[str, str]] = ("", {})


@dataclass(frozen=True, slots=True)
class FoundRecipient:
    """A row of the customer's in the audience of a campaign."""

    number: str  # as keys name it
    campaign: str
    phone: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)


def iter_recipients(search: PersonSearch) -> Iterator[FoundRecipient]:
    """Yield the rows of the customer in all audiences."""
    position, is_first = "", True
    while position or is_first:
        page = _read_page(search, position)
        for name, _, rows in page.chunks:
            prefix, _, rest = name.decode().partition("}:campaign:")
            number, campaign = prefix.removeprefix(f"{keys.SPACE}{{n"), rest.partition(":")[0]
            own = (row for row in rows if search.person.is_named(row[0]))
            yield from (FoundRecipient(number, campaign, *row) for row in own)
        position, is_first = page.position, False


def erase_audiences(search: PersonSearch, position: str) -> StagePage:
    """Erase the customer from one page of chunks of recipients.

    The next pass finds what another process was faster with, and the send that a worker of a
    release before may have made of a chunk which it had read.
    """
    missed = 0 if position else _erase_from_notices(search)
    page = _read_page(search, position)
    erased = sum(_erase_from(search, *chunk) for chunk in page.chunks)
    messages = missed + len(page.chunks)
    counts = {"recipients": erased}
    return StagePage(page.position, counts, messages=messages, unopened=page.unopened)


def find_uploads(search: PersonSearch, erasure: Erasure) -> StagePage:
    """Count audiences that were being read in this pass, and may have the customer again."""
    at = datetime_from_ms(server_ms(search.store))
    numbers, following = search.number_page(erasure.position)
    began_before = erasure.read_until or at
    count = count_uploads(search.store, numbers, erasure.pass_began, began_before)
    return StagePage(following, audiences=count, at=at)


def _erase_from_notices(search: PersonSearch) -> int:
    """Let no campaign report its end to the customer's phone any more.

    Return with how many another process was faster.
    """
    missed = 0
    named: Any = search.store.run(lambda client: client.hgetall(CAMPAIGNS_BY_ID))
    for id_, number in named.items():
        if not search.includes(f"{keys.number(number.decode())}"):
            continue
        key = campaign_key(number.decode(), id_.decode())
        (packed,) = read_each(search.store, [("HGET", key, "definition")])
        try:
            content = search.bodies.open(packed) if packed else b""
        except UnknownRecordError:
            continue  # its audience is counted as unopened
        if not search.person.is_mentioned(content):
            continue
        definition = unpack_definition(content)
        if definition.notice.to and search.person.is_named(definition.notice.to):
            kept = replace(definition, notice=replace(definition.notice, to="", template={}))
            fresh = search.bodies.pack(pack_definition(kept))
            missed += not search.store.call("compare_and_swap", key, "definition", packed, fresh)
    return missed


@dataclass(frozen=True, slots=True)
class _ChunkPage:
    """Chunks of one page that hold a row of the customer's: key, content as read, and all rows."""

    chunks: Sequence[tuple[bytes, bytes, Sequence[Any]]]
    unopened: int
    position: str


def _read_page(search: PersonSearch, position: str) -> _ChunkPage:
    page = scan_keys(search.store, _CHUNKS, position)
    own = [name for name in page.names if search.includes(_prefix_of(name))]
    values = read_each(search.store, [("GET", name) for name in own])
    found, unopened = [], 0
    for name, packed in zip(own, values, strict=True):
        try:
            content = search.bodies.open(packed) if packed else b""
        except UnknownRecordError:
            unopened += 1
            continue
        rows = orjson.loads(content) if search.person.is_mentioned(content) else []
        if any(search.person.is_named(phone) for phone, _ in rows):
            found.append((name, packed, rows))
    return _ChunkPage(found, unopened, page.position)


def _prefix_of(name: bytes) -> str:
    return f"{name.decode().partition('}:')[0]}}}:"


def _erase_from(search: PersonSearch, chunk: bytes, before: bytes, rows: Sequence[Any]) -> int:
    """Erase the customer from a chunk as it was read; return of how many rows.

    It is 0 where another process was faster, and a chunk that was dropped meanwhile stays gone.
    """
    prefix, _, rest = chunk.decode().partition("campaign:")
    campaign, _, audience, ordinal = rest.split(":")
    own = [i for i, (phone, _) in enumerate(rows) if search.person.is_named(phone)]
    kept = [ERASED if i in own else row for i, row in enumerate(rows)]
    places = [int(ordinal) * CHUNK + i for i in own]
    args = [chunk, before, search.bodies.pack(orjson.dumps(kept)), campaign, audience, len(own)]
    names = sorted(search.person.names)
    return len(own) * int(search.store.call("erase_recipients", prefix, *args, *places, *names))
