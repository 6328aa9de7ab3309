"""Audience of a campaign in the store: chunks of a thousand recipients, compressed and encrypted.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import orjson

from gateway.core.campaigns.audience import (
    RowProblem,
)
from gateway.core.campaigns.recipient_state import (
    CELLS,
    RECIPIENT_BYTES,
    RecipientState,
    iter_states,
)
from gateway.core.planning.campaign_answers import WAYS
from gateway.store import keys
from gateway.store.body_codec import Bodies, UnknownRecordError
from gateway.store.campaigns.campaigns import LIVES_MS, Campaign, campaign_key
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands

CHUNK = 1_000
UPLOAD_LIVES_MS = keys.DAY_MS  # of chunks that no draft has yet
PROBLEMS_LIVE_MS = 7 * keys.DAY_MS
CHUNKS_AT_ONCE = 20  # of which a few rows are shown


@dataclass(frozen=True, slots=True)
class AudienceMember:
    """One recipient: the position in the audience, who it is, and the values."""

    row: int
    phone: str  # digits, or a user id; "" for a customer who was erased
    values: Mapping[str, str]


def read_recipients(
    store: Store, bodies: Bodies, campaign: Campaign, first: int, most: int
) -> list[AudienceMember]:
    """Return recipients from a position on; of one chunk only, so perhaps fewer than asked for."""
    chunk = first // CHUNK
    key = chunk_key(campaign, campaign.audience, chunk)
    packed: Any = store.run(lambda client: client.get(key))
    if packed is None:
        return []
    rows = _open_chunk(bodies, packed)
    start = first - chunk * CHUNK
    return [
        AudienceMember(first + i, phone, values)
        for i, (phone, values) in enumerate(rows[start : start + most])
    ]


def read_first(store: Store, bodies: Bodies, campaign: Campaign) -> AudienceMember | None:
    """Return the first recipient who was not erased, None without one in the first chunk."""
    members = read_recipients(store, bodies, campaign, 0, CHUNK)
    return next((one for one in members if one.phone), None)


def iter_recipients(
    store: Store, bodies: Bodies, campaign: Campaign, *, passes_damage: bool = False
) -> Iterator[tuple[AudienceMember, RecipientState]]:
    """Yield all recipients with what became of each, and "" for what of that is lost.

    Raises UnknownRecordError for a chunk that cannot be opened, unless that is passed as lost.
    """
    for first in range(0, campaign.recipients, CHUNK):
        count = min(CHUNK, campaign.recipients - first)
        try:
            members = read_recipients(store, bodies, campaign, first, count)
        except UnknownRecordError:
            if not passes_damage:
                raise
            members = []
        members += [AudienceMember(first + i, "", {}) for i in range(len(members), count)]
        states = read_states(store, campaign, first, count)
        states += [RecipientState("", 0)] * (count - len(states))
        yield from zip(members, states, strict=True)


def read_states(store: Store, campaign: Campaign, first: int, count: int) -> list[RecipientState]:
    """Return what became of some recipients; those never written to are in the cell of the end."""
    packed, rest = read_packed_states(store, campaign, first, count), campaign.rest or CELLS[0]
    return [RecipientState(rest, 0) if one.cell == CELLS[0] else one for one in iter_states(packed)]


def read_packed_states(store: Store, campaign: Campaign, first: int, count: int) -> bytes:
    """Return the states of some recipients as they are stored; of whole ones."""
    key = f"{campaign_key(campaign.number, campaign.id)}:recipients"
    start, end = first * RECIPIENT_BYTES, (first + count) * RECIPIENT_BYTES - 1
    packed: Any = store.run(lambda client: client.getrange(key, start, end))
    whole: bytes = packed[: len(packed) // RECIPIENT_BYTES * RECIPIENT_BYTES]
    return whole


def read_phones(
    store: Store, bodies: Bodies, campaign: Campaign, rows: Iterable[int]
) -> dict[int, str]:
    """Return digits or user ids of recipients by rows; one that is lost or damaged has none."""
    by_chunk = {
        chunk: list(some) for chunk, some in groupby(sorted(rows), lambda row: row // CHUNK)
    }
    chunks, phones = list(by_chunk), dict[int, str]()
    for i in range(0, len(chunks), CHUNKS_AT_ONCE):
        part = chunks[i : i + CHUNKS_AT_ONCE]
        gets = (("GET", chunk_key(campaign, campaign.audience, chunk)) for chunk in part)
        for chunk, packed in zip(part, run_commands(store, *gets), strict=True):
            members = _open_or_pass(bodies, packed) if packed else ()
            places = ((row, row - chunk * CHUNK) for row in by_chunk[chunk])
            phones |= {row: members[place][0] for row, place in places if place < len(members)}
    return phones


def read_answered(store: Store, campaign: Campaign, first: int, count: int) -> list[frozenset[str]]:
    """Return in which ways some recipients answered."""
    key = campaign_key(campaign.number, campaign.id)
    start, end = first // 8, (first + count - 1) // 8
    packed = run_commands(store, *(("GETRANGE", f"{key}:{way}", start, end) for way in WAYS))
    return [
        frozenset(
            way for way, bits in zip(WAYS, packed, strict=True) if _is_set(bits, i - start * 8)
        )
        for i in range(first, first + count)
    ]


def read_answered_rows(
    store: Store, campaign: Campaign, rows: Sequence[int]
) -> list[frozenset[str]]:
    """Return in which ways recipients answered who do not stand side by side."""
    key = campaign_key(campaign.number, campaign.id)
    names = [(f"{key}:{way}", row) for row in rows for way in WAYS]
    bits = iter(run_commands(store, *(("GETBIT", name, row) for name, row in names)))
    return [frozenset(way for way in WAYS if next(bits)) for _ in rows]


def _is_set(bits: bytes, place: int) -> bool:
    """Return a bit of a text of bits, which Redis counts from the highest of each byte on."""
    at, bit = divmod(place, 8)
    return at < len(bits) and bool(bits[at] & 128 >> bit)


def prolong_audience(store: Store, campaign: Campaign) -> None:
    """Let the audience live as long as the campaign from now on."""
    chunks = range(count_chunks(campaign.recipients))
    names = (chunk_key(campaign, campaign.audience, chunk) for chunk in chunks)
    run_commands(store, *(("PEXPIRE", name, LIVES_MS) for name in names))


def read_problems(store: Store, bodies: Bodies, campaign: Campaign) -> Sequence[Mapping[str, Any]]:
    """Return the rows of the audience's file that were left out, the first ten thousand.

    After some days only the first hundred are known. Raises UnknownRecordError.
    """
    key = problems_key(campaign, campaign.audience)
    packed: Any = store.run(lambda client: client.get(key))
    if packed is None:
        return campaign.problems
    rows = orjson.loads(bodies.open(packed))
    return [RowProblem(*row)._asdict() for row in rows]


def _open_or_pass(bodies: Bodies, packed: bytes) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Return the rows of a chunk, none of one that cannot be opened."""
    try:
        return _open_chunk(bodies, packed)
    except UnknownRecordError:
        return ()


@lru_cache(maxsize=4)
def _open_chunk(bodies: Bodies, packed: bytes) -> Sequence[tuple[str, Mapping[str, str]]]:
    """Return the rows of a chunk; one is read again until all its recipients are queued."""
    rows: Sequence[tuple[str, Mapping[str, str]]] = orjson.loads(bodies.open(packed))
    return rows


def count_chunks(recipients: int) -> int:
    """Return how many chunks so many recipients fill."""
    return -(-recipients // CHUNK)


def chunk_key(campaign: Campaign, token: str, chunk: int) -> str:
    """Return the key of a chunk of an audience."""
    return f"{campaign_key(campaign.number, campaign.id)}:chunk:{token}:{chunk}"


def problems_key(campaign: Campaign, token: str) -> str:
    """Return the key of what was left out of an audience."""
    return f"{campaign_key(campaign.number, campaign.id)}:problems:{token}"
