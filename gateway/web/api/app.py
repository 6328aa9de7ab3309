"""Application of the second address: its routes, and the errors that clients see."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp

from gateway import __version__
from gateway.core.api.field_errors import parse_whole
from gateway.core.sending.error_codes import ERROR_POLICIES, find_policy
from gateway.store.api.message_status import ERROR_PAGES
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.web.api.problems import PAGES, TYPES, ApiError
from gateway.web.api.reference import document, pages
from gateway.web.api.server.busy_routes import BusyRoutes, Endpoint
from gateway.web.api.server.gate import FindKey, Gate, TakeRequest
from gateway.web.api.server.graph_errors import error_response
from gateway.web.health import HealthPages
from gateway.web.metrics import MetricsPage

# Each page asks Redis over a connection of its own, and many may be requested at once.
PAGES_AT_ONCE = 16
_KINDS = {404: "not-found", 405: "method"}

_OTHER_METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")

Page = Callable[[Request], Awaitable[Response]]


def create_api(
    health: HealthPages,
    metrics: MetricsPage,
    routers: Sequence[APIRouter],
    busy: Mapping[tuple[str, str], Endpoint],
    direct: Sequence[Route],
    find_key: FindKey,
    take_request: TakeRequest,
    route_console: Callable[[ASGIApp], Sequence[BaseRoute]],
) -> Starlette:
    """Build the application that answers on the second address.

    The endpoints that are `busy`, by method and path, are found before any router is asked; the
    document describes no route that is `direct`. The console is routed with the API that it calls.
    """
    limited = partial(_limit_concurrency, asyncio.Semaphore(PAGES_AT_ONCE))
    described = create_routes(routers)
    app = Starlette(
        routes=[
            *_show_only("/healthz", health.live),
            *_show_only("/readyz", limited(health.ready)),
            *_show_only("/metrics", limited(metrics.show)),
            *_show_only(PAGES, list_problem_types),
            *_show_only(f"{PAGES}/{{kind}}", show_problem_type),
            *_show_only(ERROR_PAGES, list_meta_codes),
            *_show_only(f"{ERROR_PAGES}/{{code}}", show_meta_code),
            *_show_only(pages.ADDRESS, partial(show_reference, described)),
            *direct,
            *route_console(described),
            Mount("/", described),
        ],
        middleware=[
            Middleware(Gate, find_key=find_key, take_request=take_request),
            Middleware(BusyRoutes, endpoints=busy, handlers=_HANDLERS),
        ],
        exception_handlers=_EXCEPTION_HANDLERS,
    )
    app.router.redirect_slashes = False
    return app


def _show_only(address: str, page: Page) -> tuple[Route, Route]:
    """Return the route of a page, and one for all methods that it does not serve.

    The router would ask what is mounted behind it, which knows no such page.
    """
    return Route(address, page), Route(address, _refuse_method, methods=_OTHER_METHODS)


async def _refuse_method(_: Request) -> Response:
    raise ApiError("method", headers={"allow": "GET, HEAD"})


def create_routes(routers: Sequence[APIRouter]) -> FastAPI:
    """Build the part that the OpenAPI document describes; it is mounted into the other."""
    routes = [one for each in routers for one in each.routes if isinstance(one, APIRoute)]
    handlers = _EXCEPTION_HANDLERS | {HTTPException: partial(_show_method_error, routes)}
    app = FastAPI(
        title="WhatsApp gateway",
        version=__version__,
        openapi_url=document.ADDRESS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=handlers,
        generate_unique_id_function=document.name_operation,
    )
    for router in routers:
        app.include_router(router)
    app.openapi = partial(document.build_document, app)  # type: ignore[method-assign]
    return app


async def show_reference(app: FastAPI, _: Request) -> Response:
    """Answer with the page that shows every address of the API."""
    return pages.render_reference(app.openapi())


async def list_meta_codes(request: Request) -> Response:
    """Answer with what each of Meta's error codes means for a message, and what to do."""
    sections = [(f"Meta's error {code}", one.advice) for code, one in ERROR_POLICIES.items()]
    return pages.render_text(request, "Meta's error codes", sections)


async def show_meta_code(request: Request) -> Response:
    """Answer with what one of Meta's error codes means for a message, and what to do."""
    code = parse_whole(request.path_params["code"])
    if code is None or (policy := find_policy(code)) is None:
        raise ApiError("not-found")
    return pages.render_text(request, "WhatsApp gateway", [(f"Meta's error {code}", policy.advice)])


async def list_problem_types(request: Request) -> Response:
    """Answer with what each kind of error means and what to do about it."""
    sections = [(f"{one.title} (HTTP {one.status})", one.advice) for one in TYPES.values()]
    return pages.render_text(request, "Errors of the API", sections)


async def show_problem_type(request: Request) -> Response:
    """Answer with what an error means and what to do about it."""
    if not (about := TYPES.get(request.path_params["kind"])):
        raise ApiError("not-found")
    heading = f"{about.title} (HTTP {about.status})"
    return pages.render_text(request, "WhatsApp gateway", [(heading, about.advice)])


def _show_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101 - narrows the type
    return _respond(request, error)


def _show_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type
    kind = _KINDS.get(error.status_code, "malformed")
    return _respond(request, ApiError(kind, headers=error.headers))


def _show_method_error(routes: Sequence[APIRoute], request: Request, error: Exception) -> Response:
    """Answer as for any error of HTTP; the router names the methods of one route only."""
    if not isinstance(error, HTTPException) or error.status_code != 405:
        return _show_http_error(request, error)
    here = [one for one in routes if one.matches(request.scope)[0] is not Match.NONE]
    methods = sorted({method for one in here for method in one.methods or ()})
    if not methods:  # the document's own address
        named = Headers(error.headers).get("allow", "").split(", ")
        methods = sorted(one for one in named if one)
    return _respond(request, ApiError("method", headers={"allow": ", ".join(methods)}))


def _show_unavailable(request: Request, _: Exception) -> Response:
    return _respond(request, ApiError("unavailable", headers={"retry-after": "1"}))


def _show_internal(request: Request, _: Exception) -> Response:
    return _respond(request, ApiError("internal"))


def _respond(request: Request, error: ApiError) -> Response:
    return error_response(error, request.method, request.url.path)


_HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Response]] = {
    ApiError: _show_error,
    StoreUnavailableError: _show_unavailable,
    ScriptError: _show_internal,
}
_EXCEPTION_HANDLERS: dict[Any, Any] = {
    **_HANDLERS,
    HTTPException: _show_http_error,
    Exception: _show_internal,
}


def _limit_concurrency(free: asyncio.Semaphore, page: Page) -> Page:
    async def limited(request: Request) -> Response:
        async with free:
            return await page(request)

    return limited
