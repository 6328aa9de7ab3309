"""Busy addresses are answered before any router, others by the router, and errors as everywhere."""

from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.web.api.server.busy_routes import BusyRoutes

pytestmark = pytest.mark.anyio


class KnownError(Exception):
    """Has a handler."""


class SpecialError(KnownError):
    """Is handled as what it derives from."""


async def router(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("router")(scope, receive, send)


async def answer(request: Request) -> Response:
    return PlainTextResponse(f"busy {(await request.body()).decode()}")


async def fail(_: Request) -> Response:
    raise SpecialError


async def crash(_: Request) -> Response:
    raise ZeroDivisionError


def handle(_: Request, error: Exception) -> Response:
    return PlainTextResponse(type(error).__name__, 503)


def client(**options: Any) -> httpx.AsyncClient:
    endpoints = {("POST", "/busy"): answer, ("POST", "/fails"): fail, ("POST", "/odd"): crash}
    app = BusyRoutes(router, endpoints, {KnownError: handle})
    transport = httpx.ASGITransport(app, **options)
    return httpx.AsyncClient(transport=transport, base_url="http://busy.test")


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "/busy", 200, "busy body"),
        ("PUT", "/busy", 200, "router"),
        ("POST", "/busy/", 200, "router"),
        ("POST", "/fails", 503, "SpecialError"),
    ],
)
async def test_an_address_is_answered_by_whom_it_belongs_to(
    method: str, path: str, status: int, text: str
) -> None:
    async with client() as calls:
        found = await calls.request(method, path, content=b"body")

    assert (found.status_code, found.text) == (status, text)


async def test_an_error_without_a_handler_is_for_the_layers_above() -> None:
    async with client() as calls:
        with pytest.raises(ZeroDivisionError):
            await calls.post("/odd")
