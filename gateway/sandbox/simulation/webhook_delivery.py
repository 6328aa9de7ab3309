"""Webhook delivery as Meta does it: signed, several at a time, repeated until the answer is 200."""

import asyncio
import hashlib
import hmac
import ssl
from collections.abc import Callable, Coroutine, Iterator

import httpx

from gateway.sandbox.config import AppConfig, Config
from gateway.sandbox.simulation.account import AppSetup
from gateway.sandbox.simulation.faults import Faults
from gateway.sandbox.simulation.traffic import WebhookTally
from gateway.sandbox.simulation.webhook_payloads import envelope
from gateway.sandbox.wire import Json, encode_escaped

SIGNATURE_HEADER = "X-Hub-Signature-256"
NO_ANSWER = 0

_TLS = ssl.create_default_context()
# Below the five seconds after which servers commonly close an idle connection.
_IDLE_S = 2.0

OnAttempt = Callable[[int], None]


def signature(app_secret: str, body: bytes) -> str:
    """Return the signature of a body in the header's form."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def retry_pauses(delays: tuple[float, ...], total_s: float) -> Iterator[float]:
    """Yield the pauses between attempts; the last one repeats until the total would be exceeded."""
    waited = 0.0
    for pause in delays:
        waited += pause
        if waited > total_s:
            return
        yield pause
    while delays and (waited := waited + delays[-1]) <= total_s:
        yield delays[-1]


class _Batch:
    """Updates that share one POST, and the listeners to its attempts."""

    def __init__(self) -> None:
        self.changes: list[Json] = []
        self.listeners: list[OnAttempt] = []
        self.full = asyncio.Event()
        self.settled = asyncio.Event()


class Webhooks:
    """Queue and client that bring the updates of one app to the business's endpoint."""

    def __init__(
        self,
        config: Config,
        app: AppConfig,
        account: AppSetup,
        faults: Faults,
        tally: WebhookTally,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare a client; nothing is posted before the first update."""
        self._config = config
        self.batch_max = config.batch_max
        self._app = app
        self._account = account
        self._faults = faults
        self._tally = tally
        self._transports = [transport or _open_transport() for _ in range(config.max_deliveries)]
        # The last used is the next used, so that a quiet sandbox keeps few connections open.
        self._idle: asyncio.LifoQueue[httpx.AsyncBaseTransport] = asyncio.LifoQueue()
        for one in self._transports:
            self._idle.put_nowait(one)
        self._tasks: set[asyncio.Task[None]] = set()
        self._batches: dict[str, _Batch] = {}

    def owe(self, updates: int, work: Coroutine[None, None, None]) -> None:
        """Start work that sends so many updates; each is pending until `send` is done with it.

        Beyond `pending_max` the updates are dropped and count as failed.
        """
        # A webhook that stays down must not use up all memory.
        if self._tally.pending + updates > self._config.pending_max:
            self._tally.failed += updates
            work.close()
            return
        self._tally.pending += updates
        self._start(work)

    async def send(self, change: Json, on_attempt: OnAttempt) -> None:
        """Post one owed update until it is accepted or given up; `on_attempt` gets each status.

        Without a subscribed app it is posted nowhere.
        """
        try:
            if not self._account.uri_for(change):
                self._tally.nowhere += 1
                return
            if self.batch_max == 1:
                await self._deliver([change], [on_attempt])
            else:
                await self._send_batched(change, on_attempt)
        finally:
            self._tally.pending -= 1

    async def aclose(self) -> None:
        """Drop what is still owed and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for one in self._transports:
            await one.aclose()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_batched(self, change: Json, on_attempt: OnAttempt) -> None:
        uri = self._account.uri_for(change)
        batch = self._batches.get(uri)
        if batch is None:
            batch = self._batches[uri] = _Batch()
            self._start(self._deliver_batch(uri, batch))
        batch.changes.append(change)
        batch.listeners.append(on_attempt)
        if len(batch.changes) >= self.batch_max:
            self._batches.pop(uri, None)
            batch.full.set()
        await batch.settled.wait()

    async def _deliver_batch(self, uri: str, batch: _Batch) -> None:
        try:
            await asyncio.wait_for(batch.full.wait(), self._config.batch_wait_s)
        except TimeoutError:
            if self._batches.get(uri) is batch:
                del self._batches[uri]
        await self._deliver(batch.changes, batch.listeners)
        batch.settled.set()

    async def _deliver(self, changes: list[Json], listeners: list[OnAttempt]) -> None:
        body = encode_escaped(envelope(self._app.waba_id, changes))
        if self._faults.take("duplicate"):
            self.owe(1, self._repeat(changes[0], body))
        status = await self._attempt(changes[0], body, listeners)
        for pause in retry_pauses(self._config.retry_pauses_s, self._config.retry_for_s):
            if status == httpx.codes.OK:
                return
            await asyncio.sleep(pause)
            status = await self._attempt(changes[0], body, listeners)

    async def _repeat(self, first: Json, body: bytes) -> None:
        try:
            await self._attempt(first, body, [])
        finally:
            self._tally.pending -= 1

    async def _attempt(self, first: Json, body: bytes, listeners: list[OnAttempt]) -> int:
        """Post to the update's present destination, which may change between attempts."""
        transport = await self._idle.get()
        try:
            status = await self._post(transport, self._account.uri_for(first), body)
        finally:
            self._idle.put_nowait(transport)
        self._tally.posted += 1
        if status == httpx.codes.OK:
            self._tally.ok += 1
        else:
            self._tally.failed += 1
        for listener in listeners:
            listener(status)
        return status

    async def _post(self, transport: httpx.AsyncBaseTransport, uri: str, body: bytes) -> int:
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: signature(self._app.app_secret, body),
        }
        try:
            async with asyncio.timeout(self._config.webhook_timeout_s):
                # Without a client around it, which would cost two thirds as much again.
                request = httpx.Request("POST", uri, content=body, headers=headers)
                answer = await transport.handle_async_request(request)
                try:
                    await answer.aread()
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, TimeoutError):
            return NO_ANSWER
        return answer.status_code


def _open_transport() -> httpx.AsyncHTTPTransport:
    """Return one connection; a shared pool of many costs three times as much a POST."""
    limits = httpx.Limits(max_connections=1, keepalive_expiry=_IDLE_S)
    return httpx.AsyncHTTPTransport(verify=_TLS, limits=limits)
