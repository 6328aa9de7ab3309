"""Health pages: is the process up, and would it keep a delivery now?"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gateway.store.monitoring.problems import UNREADY, find_server_problems
from gateway.store.redis.client import ScriptError, StoreUnavailableError
from gateway.store.server.health import ServerHealth

Look = Callable[[], Awaitable[ServerHealth]]
Warn = Callable[[], Awaitable[list[str]]]


class HealthPages:
    """The two pages that orchestrators poll."""

    def __init__(self, look: Look, warn: Warn) -> None:
        """Take the look at the store, and the look for problems that stop no delivery."""
        self._look = look
        self._warn = warn

    async def live(self, _: Request) -> Response:
        """Answer that the process is up, whatever the store does."""
        return PlainTextResponse("ok")

    async def ready(self, _: Request) -> Response:
        """Answer whether a delivery would be kept now, and if not, why."""
        try:
            health = await self._look()
            warnings = await self._warn()
        except (StoreUnavailableError, ScriptError) as error:
            return _page(["The store does not answer."], [str(error)], ready=False)
        problems = [str(one) for one in find_server_problems(health) if one.kind in UNREADY]
        return _page(problems, [*health.warnings, *warnings], ready=not problems)


def _page(problems: list[str], warnings: list[str], *, ready: bool) -> Response:
    body = {"ready": ready, "problems": problems, "warnings": warnings}
    return JSONResponse(body, status_code=200 if ready else 503)
