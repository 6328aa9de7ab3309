"""Ownership in the store: the owner is written at the first start, and read by every process."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from redis.exceptions import RedisError, ResponseError

from gateway.core.alerts import HealthProblem
from gateway.core.storage.ownership import (
    Installation,
    StoreOwner,
    settle_owner,
    stranger_problem,
)
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.lua.scripts import source
from gateway.store.redis.client import Store
from gateway.store.redis.driver import AsyncClient
from gateway.store.server.health import ServerHealth

FIELD = "owner"
MOST_SWAPS = 5  # each process that starts at the same moment may be faster once
STORE_EMPTIED = HealthProblem(
    "store_emptied",
    "The store was emptied, or replaced by another, while the gateway ran: opt-outs, tags and "
    "everything that waited are gone.",
    "Restore the backup (docs/operations.md), and find out who emptied it; deliveries are kept "
    "meanwhile.",
)


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """Owner of the store as it was read, its bytes, and the server's time in ms."""

    owner: StoreOwner | None
    raw: bytes
    now_ms: int

    def settle(self, mine: Installation, seen_ids: Collection[str]) -> StoreOwner:
        """Return the owner that the store should have now."""
        return settle_owner(self.owner, mine, seen_ids, _new_owner(mine), self.now_ms)


def read_owner(store: Store) -> OwnerRow:
    """Return whose the store is. Raises StoreUnavailableError or ScriptError."""
    return _parse_row(store.call("read_owner", keys.OWNER))


def claim_store(
    store: Store, mine: Installation, seen_ids: Collection[str] = frozenset()
) -> OwnerRow:
    """Make a store without an owner this installation's, and return whose it is now.

    `seen_ids` are the ids under which this process has seen the store. Raises
    StoreUnavailableError or ScriptError.
    """
    row = read_owner(store)
    for _ in range(MOST_SWAPS):
        wanted = row.settle(mine, seen_ids)
        if wanted == row.owner or _replace_owner(store, row, wanted):
            return replace(row, owner=wanted)
        row = read_owner(store)
    return row


def adopt_store(store: Store, mine: Installation) -> StoreOwner:
    """Make a store this installation's, whoever owned it. Raises StoreUnavailableError."""
    while True:
        row = read_owner(store)
        wanted = replace(row.owner or _new_owner(mine), installation=mine)
        if _replace_owner(store, row, wanted):
            return wanted


def find_stranger(store: Store, mine: Installation) -> str:
    """Return why this installation may not write to the store, "" if it may; writes nothing."""
    return stranger_problem(read_owner(store).owner, mine)


def find_emptied(owner: StoreOwner | None, now_ms: int) -> HealthProblem | None:
    """Return the problem that the store was found emptied within the last day."""
    if owner is None or not owner.is_emptied(now_ms):
        return None
    at = datetime_from_ms(owner.emptied_ms)
    return replace(STORE_EMPTIED, observed=f"found at {at:%Y-%m-%d %H:%M:%S} UTC")


def judge_owner(health: ServerHealth, row: OwnerRow, mine: Installation) -> ServerHealth:
    """Add to the health of a server what its owner means for this installation."""
    stranger = stranger_problem(row.owner, mine)
    emptied = find_emptied(row.owner, row.now_ms)
    return replace(
        health,
        fatal=(*health.fatal, stranger) if stranger else health.fatal,
        warnings=(*health.warnings, str(emptied)) if emptied else health.warnings,
        owner_id=row.owner.id if row.owner else "",
    )


class OwnerMonitor:
    """Looks whose the store is, for a web process, beside its requests."""

    def __init__(self, client: AsyncClient, mine: Installation) -> None:
        """Take the installation that this process belongs to."""
        self._redis, self._mine = client, mine
        self._seen_ids: set[str] = set()
        self._row: OwnerRow | None = None  # as it was read last

    async def judge(self, health: ServerHealth) -> ServerHealth:
        """Add to the health what the owner means; one that cannot be read now is as before.

        A store without an owner is claimed. Raises RedisError.
        """
        try:
            self._row = await self._settle()
        except RedisError as error:
            if not self._redis.is_partial(error):
                raise
        return judge_owner(health, self._row, self._mine) if self._row is not None else health

    async def _settle(self) -> OwnerRow:
        row = _parse_row(await self._run("read_owner"))
        wanted = row.settle(self._mine, self._seen_ids)
        if wanted != row.owner:
            try:
                args = (FIELD, row.raw, wanted.pack())
                if not await self._run("compare_and_swap", *args):
                    return row  # another process was faster: the next look sees what it wrote
            except ResponseError:
                return row  # the server takes no writes now, which its health says
        self._seen_ids.add(wanted.id)
        return replace(row, owner=wanted)

    async def _run(self, script: str, *args: Any) -> Any:
        return await self._redis.eval(source(script), 1, keys.OWNER, *args)


def _replace_owner(store: Store, row: OwnerRow, wanted: StoreOwner) -> bool:
    return bool(store.call("compare_and_swap", keys.OWNER, FIELD, row.raw, wanted.pack()))


def _parse_row(answer: tuple[bytes, int]) -> OwnerRow:
    raw, now_ms = answer
    return OwnerRow(StoreOwner.unpack(raw), raw, int(now_ms))


def _new_owner(mine: Installation) -> StoreOwner:
    return StoreOwner(secrets.token_hex(8), mine, keys.FORMAT)
