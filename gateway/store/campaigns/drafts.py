"""Drafts of campaigns: made, and once for each request that may be repeated.

All of it may raise StoreUnavailableError or ScriptError.
"""

import base64
import secrets
from typing import Any

from gateway.core.campaigns.definition import Definition
from gateway.core.campaigns.recipient_state import CAMPAIGN_ID_LENGTH
from gateway.core.campaigns.stored_definition import pack_definition
from gateway.store import number_list
from gateway.store.api.pending_send import Idempotency, KeyReusedError
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.campaigns import (
    ALL,
    LIVES,
    LIVES_MS,
    campaign_key,
    find_number,
    server_ms,
)
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.sending.lookup import run_commands

MOST_CAMPAIGNS = 1_000
TOO_MANY = (
    f"There are {MOST_CAMPAIGNS:,} campaigns, the most that are kept; one is forgotten "
    f"{LIVES.days} days after its last phase."
)
ASKED = "asked"  # the fingerprint of the request that made it


class TooManyCampaignsError(Exception):
    """There is no room for another campaign."""


def create_campaign(
    store: Store,
    bodies: Bodies,
    number: str,
    definition: Definition,
    id_: str = "",
    asked: str = "",
) -> str:
    """Store a draft; return its id. Raises TooManyCampaignsError.

    With an id a campaign that is there already stays as it is, and its number too.
    """
    id_ = id_ or new_id(secrets.token_bytes(8))
    if not number_list.add_number(store, number):
        raise StoreUnavailableError("the list of numbers is full")
    count: Any = store.run(lambda client: client.hlen(ALL))
    if count >= MOST_CAMPAIGNS and not _forget_old(store):
        raise TooManyCampaignsError
    store.run(lambda client: client.hsetnx(ALL, id_, number))
    key, now = campaign_key(number, id_), server_ms(store)
    row: dict[str, Any] = {
        "definition": bodies.pack(pack_definition(definition)),
        "phase": "draft",
        "created": now,
        "changed": now,
    }
    if asked:
        row[ASKED] = asked

    def write(client: Any) -> None:
        pipe = client.pipeline(transaction=True)
        for field_name, value in row.items():
            # Every row for this id has these fields, so one that is there already stays as it is.
            pipe.hsetnx(key, field_name, value)
        pipe.pexpire(key, LIVES_MS)
        pipe.execute()

    store.run(write)
    return id_


def create_once(
    store: Store, bodies: Bodies, number: str, definition: Definition, request: Idempotency
) -> str:
    """Store the draft of a request that may be repeated; return its id, which the request says.

    Of two different requests with the same key, at the same moment, one is refused.
    Raises TooManyCampaignsError or KeyReusedError.
    """
    id_ = _id_of(request)
    if find_number(store, id_) not in ("", number):
        _forget_old(store)  # or else it is of another request, which `find_created` says
    create_campaign(store, bodies, number, definition, id_, request.fingerprint)
    if not find_created(store, request):
        # Another process took its name for that of a forgotten one before its row was there.
        raise StoreUnavailableError("the campaign was not stored whole")
    return id_


def find_created(store: Store, request: Idempotency) -> str:
    """Return the id of the campaign that a request made before, "" where it made none.

    Raises KeyReusedError where another request with the same key did.
    """
    id_ = _id_of(request)
    number = find_number(store, id_)
    asked: Any = number and store.run(lambda client: client.hget(campaign_key(number, id_), ASKED))
    if not asked:
        return ""
    if asked.decode() != request.fingerprint:
        raise KeyReusedError
    return id_


def new_id(seed: bytes) -> str:
    """Return the id of a campaign from at least eight bytes."""
    return base64.b32encode(seed[:8]).decode().lower()[:CAMPAIGN_ID_LENGTH]


def _id_of(request: Idempotency) -> str:
    return new_id(bytes.fromhex(request.name))


def _forget_old(store: Store) -> bool:
    """Drop the names of campaigns whose rows are gone; return whether there were any."""
    numbers: Any = store.run(lambda client: client.hgetall(ALL))
    named = [(id_.decode(), number.decode()) for id_, number in numbers.items()]
    there = run_commands(store, *(("EXISTS", campaign_key(number, id_)) for id_, number in named))
    gone = [id_ for (id_, _), is_there in zip(named, there, strict=True) if not is_there]
    if gone:
        store.run(lambda client: client.hdel(ALL, *gone))
    return bool(gone)
