"""Stage watch: lets requests wait until the stage of a send changes; one look for all that wait."""

import asyncio
from contextlib import suppress
from typing import NamedTuple

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.redis.driver import AsyncClient

LOOK_EVERY_S = 0.1
# A request that waits holds its place in the server, also after its client has gone.
MOST_WAITING = 128


class _Watched(NamedTuple):
    number: str
    send: str
    stage: str


class StageWatch:
    """Waits for stages, while anybody does."""

    def __init__(self, client: AsyncClient) -> None:
        """Take the client to look with."""
        self._redis = client
        self._waiting: dict[asyncio.Future[None], _Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    async def wait(self, number: str, send: str, stage: str, within_s: float) -> None:
        """Return when the send has another stage, when the time is over, or at the end.

        At once where too many wait, so that health checks on the same address are answered.
        """
        if self._closing or len(self._waiting) >= MOST_WAITING:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = _Watched(number, send, stage)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="stages")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await future
        finally:
            self._waiting.pop(future, None)

    async def close(self) -> None:
        """Let all that wait go on, and end."""
        self.release()
        if self._task:
            await self._task

    def release(self) -> None:
        """Let all that wait go on at once; nothing waits from now on."""
        self._closing = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def _run(self) -> None:
        while self._waiting and not self._closing:
            with suppress(RedisError):  # a store that is away changes nothing
                await self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        waiting = list(self._waiting.items())
        pipe = self._redis.pipeline(transaction=False)
        for _, one in waiting:
            pipe.hget(f"{keys.number(one.number)}send:{one.send}", "stage")
        for (future, one), stage in zip(waiting, await pipe.answers(), strict=True):
            if isinstance(stage, bytes) and stage.decode() == one.stage:
                continue
            if not isinstance(stage, Exception) and not future.done():
                future.set_result(None)
