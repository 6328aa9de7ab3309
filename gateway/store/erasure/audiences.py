"""Audiences of campaigns: a customer's row is emptied, and keeps its place among the recipients.

May raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from gateway.core.campaigns.recipient_state import slot_by_contact
from gateway.core.campaigns.stored_definition import pack_definition, unpack_definition
from gateway.core.contacts.erasure import Erasure, StagePage
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.body_codec import UnknownRecordError
from gateway.store.campaigns.campaigns import ALL as CAMPAIGNS_BY_ID
from gateway.store.campaigns.campaigns import campaign_key, server_ms
from gateway.store.campaigns.uploads.lease import count_uploads
from gateway.store.erasure.search import PersonSearch
from gateway.store.redis.key_scan import scan_keys
from gateway.store.sending.lookup import read_each, run_commands

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

    A worker that read a chunk before may make one more send of it, which the next pass finds, and
    so it does with a chunk that another process replaces at this moment.
    """
    if not position:
        _erase_from_notices(search)
    page = _read_page(search, position)
    erased = found = 0
    for name, packed, rows in page.chunks:
        kept = [ERASED if search.person.is_named(phone) else (phone, of) for phone, of in rows]
        _forget_contact(search, name)  # first, since the chunk leads here
        count = sum(search.person.is_named(phone) for phone, _ in rows)
        found += count
        erased += count if _replace(search, name, packed, kept) else 0
    counts = {"recipients": erased}
    return StagePage(page.position, counts, messages=found, unopened=page.unopened)


def find_uploads(search: PersonSearch, erasure: Erasure) -> StagePage:
    """Count audiences that were being read in this pass, and may have the customer again."""
    at = datetime_from_ms(server_ms(search.store))
    numbers, following = search.number_page(erasure.position)
    began_before = erasure.read_until or at
    count = count_uploads(search.store, numbers, erasure.pass_began, began_before)
    return StagePage(following, audiences=count, at=at)


def _erase_from_notices(search: PersonSearch) -> None:
    """Let no campaign report its end to the customer's phone any more."""
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
            search.store.call("compare_and_swap", key, "definition", packed, fresh)


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


def _forget_contact(search: PersonSearch, chunk: bytes) -> None:
    """Forget that a campaign reached the customer, by any of their names."""
    campaign = chunk.partition(b":chunk:")[0].decode()
    recipients: Any = search.store.run(lambda client: client.hget(campaign, "recipients"))
    slots = (slot_by_contact(campaign, int(recipients or 0), one) for one in search.person.names)
    run_commands(search.store, *(("HDEL", *slot) for slot in slots))


def _prefix_of(name: bytes) -> str:
    return f"{name.decode().partition('}:')[0]}}}:"


def _replace(search: PersonSearch, name: bytes, before: bytes, rows: Sequence[Any]) -> bool:
    """Write a chunk in place of the one that was read; one that is dropped meanwhile stays gone."""
    packed = search.bodies.pack(orjson.dumps(rows))
    return bool(search.store.call("replace_text", name.decode(), before, packed))
