"""Guard of what is for this machine's own programs and pages: the control calls and the phone.

They have no password. A page of another site that a browser here has open must not reach them,
neither across sites nor by a name of its own that leads to this machine (DNS rebinding).
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.sandbox.wire import as_json

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
# What a browser says of a request that its own page, or the person at it, has caused.
# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
_OWN_SITES = frozenset({"same-origin", "none"})
_SAFE = frozenset({"GET", "HEAD"})
_FORBIDDEN = 403


class LoopbackGuard:
    """Middleware that answers 403 to what neither a program here nor the sandbox's pages ask."""

    def __init__(self, app: ASGIApp, guarded: tuple[str, ...]) -> None:
        """Guard the paths that begin with one of `guarded`."""
        self._app, self._guarded = app, guarded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it."""
        if scope["type"] == "http" and self._is_guarded(scope["path"]):
            refusal = find_refusal(scope["method"], Headers(scope=scope))
            if refusal:
                await as_json({"error": refusal}, _FORBIDDEN)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_guarded(self, path: str) -> bool:
        return any(path == one or path.startswith(f"{one}/") for one in self._guarded)


def find_refusal(method: str, headers: Headers) -> str:
    """Return why a request is refused, "" if it is not."""
    host = headers.get("host", "")
    if _name(host) not in LOOPBACK:
        return "Host must be localhost, 127.0.0.1 or [::1]."
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return "This is a page of another site."
    is_own = headers.get("sec-fetch-site", "none") in _OWN_SITES
    is_link = method in _SAFE and headers.get("sec-fetch-mode") == "navigate"
    return "" if is_own or is_link else "This is a page of another site."


def _name(host: str) -> str:
    """Return a host without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()
