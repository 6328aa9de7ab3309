"""Busy routes: addresses under load, answered before any router is asked."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class BusyRoutes:
    """ASGI middleware that answers some addresses by itself, and passes all others on.

    Routers and their layers cost such a request a fifth of its time, FastAPI's half of it.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[tuple[str, str], Endpoint],
        handlers: Mapping[type[Exception], Callable[[Request, Exception], Response]],
    ) -> None:
        """Take the endpoints by method and path, and what answers each kind of error of theirs."""
        self._app = app
        self._endpoints = endpoints
        self._handlers = handlers
        self._handled = tuple(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or let the router do it; an error that no handler has is raised."""
        endpoint = self._endpoints.get((scope.get("method", ""), scope.get("path", "")))
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except self._handled as error:
            handle = next(one for kind, one in self._handlers.items() if isinstance(error, kind))
            response = handle(request, error)
        await response(scope, receive, send)
