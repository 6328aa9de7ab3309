"""Application of the second address: its routes, and the errors that clients see."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web.health import HealthPages
from gateway.web.metrics import MetricsPage

# Each page asks Redis over a connection of its own, and many may be requested at once.
PAGES_AT_ONCE = 16

Page = Callable[[Request], Awaitable[Response]]


def create_api(health: HealthPages, metrics: MetricsPage) -> Starlette:
    """Build the application that answers on the second address."""
    limited = partial(_limit_concurrency, asyncio.Semaphore(PAGES_AT_ONCE))
    app = Starlette(
        routes=[
            Route("/healthz", health.live),
            Route("/readyz", limited(health.ready)),
            Route("/metrics", limited(metrics.show)),
        ]
    )
    app.router.redirect_slashes = False
    return app


def _limit_concurrency(free: asyncio.Semaphore, page: Page) -> Page:
    async def limited(request: Request) -> Response:
        async with free:
            return await page(request)

    return limited
