"""The web application as data: routes, and a table from what goes wrong to what strangers see."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.config.settings import Settings
from gateway.core.webhook.signature import SignatureError
from gateway.store.body_encryption import Bodies
from gateway.store.inbox.writer import InboxWriter
from gateway.store.monitoring.counters import Counters
from gateway.store.planning import rulebooks
from gateway.store.redis.client import StoreUnavailableError, connect_async
from gateway.store.sending import pauses
from gateway.store.server.health import Pressure
from gateway.web.background import Alive
from gateway.web.connection_limits import Bounds
from gateway.web.connections import Door
from gateway.web.health import HealthPages
from gateway.web.metrics import MetricsPage
from gateway.web.refusals import REASONS, Refusals
from gateway.web.webhook import HandshakeError, TooLargeError, Webhook

# Strangers get the status of the reason and an empty body, whatever went wrong.
REFUSED: Mapping[type[Exception], str] = {
    TooLargeError: "too_large",
    SignatureError: "signature",
    HandshakeError: "handshake",
    StoreUnavailableError: "store",
    ClientDisconnect: "disconnected",
}


# Each asks Redis over a connection of its own, and strangers may ask for thousands at once.
PAGES_AT_ONCE = 16

Page = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Guarded:
    """Keeps deliveries, unless the store has said that it is full or cannot keep."""

    keeper: InboxWriter
    pressure: Pressure

    async def keep(self, body: bytes, *, secret: str) -> None:
        """Return once the body is on disk. Raises StoreUnavailableError."""
        if not self.pressure.health.ready:
            raise StoreUnavailableError("not ready")
        await self.keeper.keep(body, secret=secret)


def create_app(
    settings: Settings, ring: Callable[[], None], bounds: Bounds | None = None
) -> Starlette:
    """Put the web process together; `ring` returns at once, and some worker hears of it.

    The lifespan yields the Door that BoundedHttpProtocol asks for.
    """
    client = connect_async(settings.redis_url)
    keeper = InboxWriter(client, Bodies(settings.encryption_keys), ring)
    pressure = Pressure(client, settings.gateway_store_bytes, settings.gateway_results)
    counters = Counters(client)
    alive = Alive(counters)
    refusals = Refusals(counters, alive.refused)
    door = Door(refusals.add, bounds or Bounds())
    webhook = Webhook(
        Guarded(keeper, pressure),
        settings.app_secrets,
        settings.meta_verify_token.get_secret_value(),
    )
    few = partial(_one_of_few, asyncio.Semaphore(PAGES_AT_ONCE))
    health = HealthPages(
        pressure.look, partial(pauses.sentences, client), partial(rulebooks.warnings, client)
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Door]]:
        with contextlib.suppress(StoreUnavailableError):
            await pressure.look()
        keeper.start()
        runs = (pressure.watch(), refusals.run(), alive.run(), door.run())
        beside = [asyncio.create_task(run) for run in runs]
        yield {"door": door}
        door.close()
        await keeper.close()
        await _end(beside)
        await refusals.flush()
        await alive.beat()  # what was refused since the last one, while others may go on
        door.abort()
        await client.aclose()

    made = Starlette(
        routes=[
            Route("/webhook", webhook.receive, methods=["POST"]),
            Route("/webhook", webhook.shake_hands, methods=["GET"]),
            Route("/healthz", health.live),
            Route("/readyz", few(health.ready)),
            Route("/metrics", few(MetricsPage(counters).show)),
        ],
        exception_handlers=_handlers(refusals),
        lifespan=lifespan,
    )
    made.router.redirect_slashes = False  # Meta follows no redirect, and no stranger needs one
    return made


def _one_of_few(free: asyncio.Semaphore, page: Page) -> Page:
    async def wait(request: Request) -> Response:
        async with free:
            return await page(request)

    return wait


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until it is heard: a driver that is connecting may take a cancellation for itself."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=0.1)
        tasks = list(left)


def _handlers(refusals: Refusals) -> dict[Any, Any]:
    def answer(_: Request, error: Exception) -> Response:
        reason = REFUSED[type(error)]
        if isinstance(error, SignatureError):
            reason = f"signature_{error.reason}"
        refusals.add(reason)
        return Response(status_code=REASONS[reason].status)

    def elsewhere(_: Request, error: HTTPException) -> Response:
        return Response(status_code=error.status_code, headers=error.headers)

    def bug(_: Request, __: Exception) -> Response:
        return Response(status_code=500)

    return dict.fromkeys(REFUSED, answer) | {HTTPException: elsewhere, Exception: bug}
