"""Open requests: those whose answer their client has not read, which the same request joins.

A request is open from the moment when its send is stored, by its idempotency row. Its answer closes
it, and so does taking back the send; otherwise the row ends by itself.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.api.pending_send import Idempotency
from gateway.store.inbox.batching import Batcher
from gateway.store.redis.async_scripts import run_call, run_calls
from gateway.store.redis.client import Call, StoreUnavailableError, translate_error
from gateway.store.redis.driver import AsyncClient


@dataclass(slots=True)
class _ClosingRequest:
    """A request whose answer was read, until the store knows it."""

    number: str
    send: str
    name: str
    future: asyncio.Future[None]
    size: int = field(default=0, init=False)


class OpenRequests:
    """Closes requests, all that were answered at once, and says which are open."""

    def __init__(self, client: AsyncClient) -> None:
        """Take the client to write with."""
        self._redis = client
        self._batcher = Batcher[_ClosingRequest](self._store)
        self._closing: dict[tuple[str, str], asyncio.Future[None]] = {}

    def start(self) -> None:
        """Start to close requests; call it inside the event loop."""
        self._batcher.start()

    async def end(self) -> None:
        """Close those that were answered, then end."""
        await self._batcher.close()

    def close(self, number: str, send: str, known: Idempotency) -> None:
        """Close a request whose answer was read; the store hears of it beside the requests.

        Until then the same request in this process waits for it, and others ask `is_open`.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing[number, known.name] = future
        future.add_done_callback(partial(self._forget, (number, known.name)))
        self._batcher.add(_ClosingRequest(number, send, known.name, future))

    async def wait_for_end(self, number: str, known: Idempotency) -> None:
        """Return once no request of this kind is being closed."""
        while future := self._closing.get((number, known.name)):
            with suppress(StoreUnavailableError):
                await asyncio.shield(future)

    async def is_open(self, number: str, known: Idempotency, send: str) -> bool:
        """Say whether a request still leads to a send. Raises StoreUnavailableError."""
        try:
            row: Any = await self._redis.get(f"{keys.number(number)}idempotent:{known.name}")
        except RedisError as error:
            raise translate_error(error) from error
        return isinstance(row, bytes) and row.decode().startswith(send)

    async def withdraw(self, number: str, send: str, known: Idempotency | None) -> bool:
        """Take back a send of which Meta has nothing, and close its request; say whether it is.

        Raises StoreUnavailableError or ScriptError.
        """
        args = [send, "withdraw", 0, 0, known.name if known else ""]
        reply = await run_call(self._redis, Call("change_send", keys.number(number), args))
        return bool(reply == b"done")

    async def _store(self, batch: Sequence[_ClosingRequest]) -> None:
        calls = [
            Call("change_send", keys.number(one.number), [one.send, "forget", 0, 0, one.name])
            for one in batch
        ]
        await run_calls(self._redis, calls)
        for one in batch:
            if not one.future.done():
                one.future.set_result(None)

    def _forget(self, name: tuple[str, str], future: asyncio.Future[None]) -> None:
        if self._closing.get(name) is future:
            del self._closing[name]
        if not future.cancelled():
            future.exception()  # where the store is away the row ends by itself
