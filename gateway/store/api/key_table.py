"""Key table of a web process: the keys of the environment, and those that are stored."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from gateway.core.api.keys import ApiKey, bind_accounts, find_key, hash_key
from gateway.store.api.api_keys import ROWS, parse_keys
from gateway.store.redis.client import StoreUnavailableError, translate_error
from gateway.store.redis.driver import AsyncClient

# A revoked key is of no use after so long.
FRESH_S = 1.0


class KeyTable:
    """Finds the key that a request names; stored keys are read again at most once a second."""

    def __init__(
        self,
        client: AsyncClient,
        given: Sequence[ApiKey],
        numbers_of: Callable[[str], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the keys of the environment, which need no store.

        `numbers_of` returns the numbers that an account has now, none for an unknown one.
        """
        self._redis = client
        self._given = tuple(given)
        self._numbers_of = numbers_of
        self._clock = clock
        self._stored: tuple[ApiKey, ...] = ()
        self._read_at: float | None = None
        self._lock = asyncio.Lock()

    async def find(self, text: str) -> ApiKey | None:
        """Return the key of this text unless it has expired; None if there is none.

        While the store is unavailable the keys that were read last go on to count. Raises
        StoreUnavailableError where none were read yet, unless a key of the environment fits.
        """
        digest = hash_key(text)
        if key := find_key(self._given, digest):
            return key
        if self._is_stale():
            async with self._lock:
                if self._is_stale():
                    await self._read()
        key = find_key(self._stored, digest)
        if key is None or key.is_expired(datetime.now(UTC)):
            return None
        return bind_accounts(key, self._numbers_of)

    def _is_stale(self) -> bool:
        return self._read_at is None or self._clock() - self._read_at > FRESH_S

    async def _read(self) -> None:
        try:
            rows: Any = await self._redis.hgetall(ROWS)
        except RedisError as error:
            if self._read_at is None:
                raise StoreUnavailableError(str(translate_error(error))) from error
        else:
            self._stored = tuple(parse_keys(rows))
        self._read_at = self._clock()
