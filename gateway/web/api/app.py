"""Application of the second address: its routes, and the errors that clients see."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.web.api.gate import FindKey, Gate, TakeRequest
from gateway.web.api.problems import PAGES, ApiError, describe_type
from gateway.web.health import HealthPages
from gateway.web.metrics import MetricsPage

# Each page asks Redis over a connection of its own, and many may be requested at once.
PAGES_AT_ONCE = 16
_KINDS = {404: "not-found", 405: "method"}

Page = Callable[[Request], Awaitable[Response]]


def create_api(
    health: HealthPages, metrics: MetricsPage, find_key: FindKey, take_request: TakeRequest
) -> Starlette:
    """Build the application that answers on the second address."""
    limited = partial(_limit_concurrency, asyncio.Semaphore(PAGES_AT_ONCE))
    app = Starlette(
        routes=[
            Route("/healthz", health.live),
            Route("/readyz", limited(health.ready)),
            Route("/metrics", limited(metrics.show)),
            Route(f"{PAGES}/{{kind}}", show_problem_type),
        ],
        middleware=[Middleware(Gate, find_key=find_key, take_request=take_request)],
        exception_handlers={
            ApiError: _show_error,
            HTTPException: _show_http_error,
            StoreUnavailableError: _show_unavailable,
            ScriptError: _show_internal,
            Exception: _show_internal,
        },
    )
    app.router.redirect_slashes = False
    return app


async def show_problem_type(request: Request) -> Response:
    """Answer with what an error means and what to do about it."""
    if (page := describe_type(request.path_params["kind"])) is None:
        raise ApiError("not-found")
    return PlainTextResponse(page)


def _show_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - narrows the type
    return error.response()


def _show_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type
    kind = _KINDS.get(error.status_code, "malformed")
    return ApiError(kind, headers=error.headers).response()


def _show_unavailable(_: Request, __: Exception) -> Response:
    return ApiError("unavailable", headers={"retry-after": "1"}).response()


def _show_internal(_: Request, __: Exception) -> Response:
    return ApiError("internal").response()


def _limit_concurrency(free: asyncio.Semaphore, page: Page) -> Page:
    async def limited(request: Request) -> Response:
        async with free:
            return await page(request)

    return limited
