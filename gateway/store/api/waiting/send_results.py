"""Results of sends, for requests that wait: each is woken when its send is over, and none polls.

The script that settles a send publishes its id on the channel of the process that waits. A lost
wake-up costs a second: whoever was not woken looks again after that time.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from redis.exceptions import RedisError

from gateway.core.api.cloud_api.send_result import SendResult
from gateway.store import keys
from gateway.store.inbox.batching import Batcher
from gateway.store.redis.client import StoreUnavailableError
from gateway.store.redis.driver import AsyncClient

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 1.0
MOST_EARLY = 1_000  # wake-ups that come before the request waits are remembered
CONNECT_S = 2.5  # longer than the driver tries
LISTEN_S = 1.0  # at a time; between them the driver notices a connection that is gone


@dataclass(slots=True)
class _PendingRead:
    """A look at one send."""

    number: str
    send: str
    future: asyncio.Future[SendResult]
    size: int = field(default=0, init=False)


class SendResults:
    """Waits for what becomes of sends, for all requests of a process."""

    def __init__(self, client: AsyncClient) -> None:
        """Take the client to listen and to look with."""
        self._redis = client
        self.waiter = secrets.token_hex(6)  # the name under which sends know this process
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._early: dict[str, None] = {}
        self._reads = Batcher[_PendingRead](self._read)
        self._listener: asyncio.Task[None] | None = None
        self._is_ending = self._is_closed = False
        self._has_tried = asyncio.Event()  # to listen, with or without success

    def start(self) -> None:
        """Start to listen; call it inside the event loop."""
        self._reads.start()
        self._listener = asyncio.create_task(self._listen(), name="send results")

    async def close(self) -> None:
        """End; whoever still waits is answered as if the store were unavailable."""
        self.release()
        self._is_closed = True
        if self._listener:
            # A connection that is being made when its task is cancelled is never closed.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_tried.wait(), CONNECT_S)
        # Again and again: a driver that is connecting may swallow a cancellation.
        while self._listener and not self._listener.done():
            self._listener.cancel()
            await asyncio.wait([self._listener], timeout=0.1)
        await self._reads.close()

    def release(self) -> None:
        """Let all that wait go on with what is known now, as the process ends."""
        self._is_ending = True
        self._wake_all()

    def count(self) -> int:
        """Return for how many sends requests wait."""
        return len(self._waiting)

    def is_waited_for(self, send: str) -> bool:
        """Say whether a request of this process waits for the result of a send."""
        return send in self._waiting

    async def wait(
        self,
        number: str,
        send: str,
        within_s: float,
        *,
        is_new: bool = False,
        also_at_end: bool = False,
    ) -> SendResult:
        """Return the result once it is settled, or as it is when the time is over.

        Also as it is once the process ends, unless `also_at_end`. A send that `is_new` for this
        request is looked at only after a wake-up. Raises StoreUnavailableError if the store is
        unavailable for the whole time.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        future = self._expect(send)
        is_new = is_new and send not in self._early and not self._is_ending
        self._early.pop(send, None)
        try:
            while True:
                if is_new:
                    is_new = False
                else:
                    result = await self._look(number, send, until)
                    is_over = loop.time() >= until or (self._is_ending and not also_at_end)
                    if result.is_settled or is_over:
                        return result
                await self._pause(future, until)
                self._forget(send, future)
                future = self._expect(send)
        finally:
            self._forget(send, future)

    async def _pause(self, future: asyncio.Future[None], until: float) -> None:
        """Return at a wake-up, when it is time for the next look, or when the time is over."""
        left_s = until - asyncio.get_running_loop().time()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0, min(left_s, LOOK_EVERY_S))):
                await future

    async def _look(self, number: str, send: str, until: float) -> SendResult:
        """Return the result as it is now; a store that is away is asked again until the end."""
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            future: asyncio.Future[SendResult] = loop.create_future()
            self._reads.add(_PendingRead(number, send, future))
            try:
                return await future
            except StoreUnavailableError:
                if self._is_ending or loop.time() + LOOK_EVERY_S > until:
                    raise
                await asyncio.sleep(LOOK_EVERY_S)
        raise StoreUnavailableError("closing")

    async def _read(self, batch: Sequence[_PendingRead]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for one in batch:
            pipe.hgetall(f"{keys.number(one.number)}send:{one.send}")
        for one, row in zip(batch, await pipe.answers(), strict=True):
            if one.future.done():
                continue
            if isinstance(row, Exception):
                one.future.set_exception(StoreUnavailableError(type(row).__name__))
            else:
                one.future.set_result(_parse_result(row))

    def _expect(self, send: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(send, set()).add(future)
        return future

    def _forget(self, send: str, future: asyncio.Future[None]) -> None:
        futures = self._waiting.get(send, set())
        futures.discard(future)
        if not futures:
            self._waiting.pop(send, None)

    def _wake(self, send: str) -> None:
        if send not in self._waiting:
            self._early[send] = None
            while len(self._early) > MOST_EARLY:
                del self._early[next(iter(self._early))]
        for future in self._waiting.get(send, ()):
            if not future.done():
                future.set_result(None)

    def _wake_all(self) -> None:
        for send in list(self._waiting):
            self._wake(send)

    async def _listen(self) -> None:
        """Listen until cancelled; while the store is away, whoever waits looks by itself."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(f"{keys.WAITERS}{self.waiter}")
                    self._has_tried.set()
                    self._wake_all()  # what was published meanwhile is lost
                    await self._hear(channel)
            except (RedisError, OSError) as error:
                self._has_tried.set()
                log.warning("send_results_unheard", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _hear(self, channel: Any) -> None:
        """Wake whoever waits for what is published. Raises RedisError or OSError."""
        while True:
            message = await channel.get_message(timeout=LISTEN_S)
            if message is not None and message["type"] == "message":
                self._wake(message["data"].decode(errors="replace"))


def _parse_result(row: Mapping[bytes, bytes]) -> SendResult:
    """Return the result in a row; an empty row is that of a send that is forgotten."""
    fields = {name.decode(): value.decode(errors="replace") for name, value in row.items()}
    if "stage" not in fields:
        return SendResult("")
    note = _parse_object(fields.get(f"attempt:{fields.get('attempts', '')}"))
    body = _parse_object(fields.get("row")).get("body")
    return SendResult(
        stage=fields["stage"],
        wamid=fields.get("wamid", ""),
        address=str(body.get("to", "")) if isinstance(body, dict) else "",
        message_status=str(note.get("message_status") or ""),
        error=_parse_object(fields.get("error")),
        latest_refusal=_parse_object(fields.get("last_error")),
        is_repeatable=fields.get("repeatable") == "1",
    )


def _parse_object(text: str | None) -> Mapping[str, Any]:
    try:
        value = orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        value = {}
    return value if isinstance(value, dict) else {}
