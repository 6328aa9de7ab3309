"""Wake-up mark of a cluster: its key is on another server, so it is set apart from the writes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from gateway.store.redis.driver import AsyncClient, AsyncPipe, InboxBell


class ClusterBell(InboxBell):
    """A mark that is set once for everything written meanwhile."""

    def __init__(
        self, client: AsyncClient, key: str, lifetime_ms: int, ring: Callable[[], None]
    ) -> None:
        """Take the client to set the key with."""
        super().__init__(key, lifetime_ms, ring)
        self._redis = client
        self._is_requested = False
        self._task: asyncio.Task[None] | None = None

    def add_to(self, pipe: AsyncPipe) -> None:
        """Leave the pipe alone."""

    def take_answer(self, answers: list[Any]) -> list[Any]:
        """Return all answers, as none is that of the mark."""
        return answers

    def ring(self) -> None:
        """Request that the key is set."""
        self._is_requested = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="bell")

    async def close(self) -> None:
        """Ring for the last request, then end."""
        if self._task:
            await self._task

    async def _run(self) -> None:
        while self._is_requested:
            self._is_requested = False
            await self._notify()

    async def _notify(self) -> None:
        try:
            first = await self._redis.set(self._key, 1, nx=True, px=self._lifetime_ms)
        except RedisError:
            first = True  # the state is unknown, and one wake-up too many does no harm
        with suppress(Exception):  # the sweep rings where this failed
            if first:
                self._ring()
