"""Console: its routes, who may use each, and what anybody else sees."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from gateway.accounts.account import Accounts
from gateway.config.settings import Settings
from gateway.core.console.users import LOOK, ConsoleUser
from gateway.store.body_codec import Bodies
from gateway.store.monitoring import snapshot
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.web.api.problems import ApiError
from gateway.web.console import assets, rendering
from gateway.web.console.desk.api_calls import ApiCalls, ApiRefusalError
from gateway.web.console.desk.desk import ConsoleDesk
from gateway.web.console.desk.jobs import JobRunner
from gateway.web.console.desk.state_history import StateHistory
from gateway.web.console.forms import MOST_SIGNED_IN_BYTES, read_form
from gateway.web.console.live import LiveStreams
from gateway.web.console.page import (
    ROOT,
    Build,
    PageError,
    PageVisit,
    Redirection,
    not_found,
)
from gateway.web.console.page_table import ACTIONS, PAGES, TOPICS
from gateway.web.console.session.access import SAFE_METHODS, check_same_origin, find_user
from gateway.web.console.session.signing_in import SigningIn

_AWAY = PageError(
    503,
    "The store does not answer.",
    "This page tries again by itself. Meta delivers again what could not be kept meanwhile.",
    tries_again=True,
)
# A page that tried again would ask for it in another way, and take the text from who wrote it.
_UNCERTAIN = PageError(
    503,
    "The store did not answer, so it may be done or not.",
    "Go back, look at the page again, and send the form again if it was not.",
)
_DAMAGED = PageError(500, "What is stored of this is damaged.", "gateway doctor says more.")
_FAILED = PageError(500, "An error of the gateway.", "The log of the web process says more.")
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Console:
    """The application below /console."""

    desk: ConsoleDesk
    live: LiveStreams

    @classmethod
    def build(cls, settings: Settings, accounts: Callable[[], Accounts]) -> "Console":
        """Build the console; nothing is read yet."""
        store, bodies = Store(settings.redis_url), Bodies(settings.encryption_keys)
        most = settings.gateway_store_bytes
        history = StateHistory(lambda letters: snapshot.read(store, most, accounts(), letters))
        desk = ConsoleDesk(
            settings, store, bodies, ApiCalls(accounts), accounts, history, JobRunner(store)
        )
        return cls(desk, LiveStreams(desk, TOPICS))

    def routes(self, api: ASGIApp) -> Sequence[BaseRoute]:
        """Return the console as a part of the second address; its actions call this API."""
        self.desk.api.app = api
        signing_in = SigningIn(self.desk)
        routes = [
            Route("/", _lead_to_overview),
            Route("/assets/{name}", assets.show_asset),
            Route("/sign-in", signing_in.show),
            Route("/sign-in", signing_in.sign_in, methods=["POST"]),
            Route("/sign-out", signing_in.sign_out, methods=["POST"]),
            Route("/live", self._require(LOOK, self.live.stream)),
        ]
        for page in PAGES:
            shown = self._require(page.role, partial(self._answer, page.build))
            # An id may hold a point, so the address of the JSON is tried first.
            routes += [Route(f"{page.path}.json", shown), Route(page.path, shown)]
        for action in ACTIONS:
            answer = self._answer_upload if action.is_upload else self._answer
            acted = self._require(action.role, partial(answer, action.act))
            routes.append(Route(action.path, acted, methods=["POST"]))
        app = Starlette(routes=routes, exception_handlers=dict.fromkeys(_ERRORS, self._show_error))
        app.router.redirect_slashes = False
        # People type the address without a slash, which a mount leaves to others.
        return Route(ROOT, _lead_to_overview), Mount(ROOT, app)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the connections of the console until the context ends."""
        try:
            yield
        finally:
            self.live.end()
            self.desk.close()

    def _require(
        self,
        role: str,
        endpoint: Callable[[Request, ConsoleUser, str], Awaitable[Response]],
    ) -> Endpoint:
        """Let only users with a role ask; anybody else is led to sign in."""

        async def guarded(request: Request) -> Response:
            if request.method not in SAFE_METHODS:
                check_same_origin(request)
            found = await find_user(request, self.desk)
            if found is None:
                return _ask_to_sign_in(request)
            user, sign_in = found
            request.state.user = user
            if not user.may(role):
                advice = f"It needs the role {role}, and yours is {user.role}."
                raise PageError(403, "Your role may not do this.", advice)
            return await endpoint(request, user, sign_in)

        return guarded

    async def _answer(
        self, build: Build, request: Request, user: ConsoleUser, sign_in: str
    ) -> Response:
        is_look = request.method in SAFE_METHODS
        form = {} if is_look else await read_form(request, MOST_SIGNED_IN_BYTES)
        query = dict(request.query_params)
        visit = PageVisit(user, sign_in, self.desk, request.path_params, query, form)
        return await self._show(build, visit, request)

    async def _answer_upload(
        self, build: Build, request: Request, user: ConsoleUser, sign_in: str
    ) -> Response:
        query = dict(request.query_params)
        visit = PageVisit(user, sign_in, self.desk, request.path_params, query, request=request)
        return await self._show(build, visit, request)

    async def _show(self, build: Build, visit: PageVisit, request: Request) -> Response:
        try:
            answer = await build(visit)
        except ApiRefusalError as refusal:
            raise PageError(refusal.status, "The API refuses this.", refusal.sentence) from None
        except ApiError as error:
            advice = error.to_dict()["detail"]
            raise PageError(422, "The request has errors.", advice) from None
        if isinstance(answer, Redirection):
            return RedirectResponse(answer.address, 303, rendering.HEADERS)
        if request.url.path.endswith(".json"):
            return rendering.render_json(answer)
        return rendering.render_page(answer, visit.user, PAGES, request.url.path)

    async def _show_error(self, request: Request, error: Exception) -> Response:
        user = getattr(request.state, "user", None)
        if isinstance(error, StoreUnavailableError) and request.method not in SAFE_METHODS:
            error = _UNCERTAIN
        return rendering.render_error(_to_page_error(error), user, PAGES, request.url.path)


_ERRORS = (PageError, StoreUnavailableError, ScriptError, HTTPException, Exception)


def _to_page_error(error: Exception) -> PageError:
    match error:
        case PageError():
            return error
        case StoreUnavailableError():
            return _AWAY
        case ScriptError():
            return _DAMAGED
        case HTTPException(status_code=405):
            return PageError(405, "This address is asked for in another way.", "Use the console.")
        case HTTPException():
            return not_found("There is no such page.")
        case _:
            return _FAILED


async def _lead_to_overview(_: Request) -> Response:
    return RedirectResponse(f"{ROOT}/overview", 303, rendering.HEADERS)


def _ask_to_sign_in(request: Request) -> Response:
    path = request.url.path
    if path.endswith((".json", "/live")) or request.method not in SAFE_METHODS:
        raise PageError(401, "You are not signed in.", "Sign in, then do it again.")
    wanted = quote(path + (f"?{request.url.query}" if request.url.query else ""), safe="/")
    return RedirectResponse(f"{ROOT}/sign-in?next={wanted}", 303, rendering.HEADERS)
