"""Templates: listed with what is known of each, and fetched again from Meta."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.accounts.account import Accounts, OwnNumber
from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.keys import ApiKey
from gateway.core.api.message_content import read_template
from gateway.core.messages.rendering.renderer import ChatMessage, render_page
from gateway.core.templates.check import find_mismatches
from gateway.core.templates.choice import read_use
from gateway.core.templates.parameters import read_parameters
from gateway.core.templates.sync_schedule import LEAST_PAUSE
from gateway.core.templates.template import MetaTemplate, template_key
from gateway.core.templates.view import choose_keys, view_list, view_template
from gateway.store.redis.client import Store
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import SyncResult, fetch_list
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.lists.pages import Cursors, next_link
from gateway.web.api.operations.template_descriptions import PREVIEW, SYNC, TEMPLATE, TEMPLATES
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query, read_limit

PATH = "/v1/templates"
USUAL, MOST = 50, 200
SYNC_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class TemplateRoutes:
    """Addresses of templates; each is about the account of one number."""

    store: Store
    accounts: Callable[[], Accounts]
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    graph_url: str
    # A long list takes a minute, and must not take the threads that answer other requests.
    fetching: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "templates"))

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["templates"])
        for path, method, endpoint, summary, described in (
            (PATH, "GET", self.list_some, "List templates, and how old the list is", TEMPLATES),
            (f"{PATH}/sync", "POST", self.sync, "Fetch the list from Meta now", SYNC),
            (f"{PATH}/preview", "POST", self.preview, "Draw a template with values", PREVIEW),
            (f"{PATH}/{{name}}/{{language}}", "GET", self.show, "Show a template", TEMPLATE),
        ):
            router.add_api_route(path, endpoint, methods=[method], summary=summary, **described)
        return router

    async def list_some(self, request: Request) -> Response:
        """Answer with a page of templates, by name."""
        number = await self._number(request, "status", "q", "limit", "cursor")
        query, key = dict(request.query_params), request.state.key
        limit = read_limit(query, USUAL, MOST)
        body = await asyncio.to_thread(self._read_page, key, number.waba, query, limit)
        cursor = body["next_cursor"]
        link = {"link": next_link(PATH, query, cursor)} if cursor else {}
        return json_response(body, 200, **link)

    async def show(self, request: Request, name: str, language: str) -> Response:
        """Answer with one template."""
        number = await self._number(request)
        found = await asyncio.to_thread(self._find, number, template_key(name, language))
        if not found:
            raise ApiError("not-found", "The account has no such template in this language.")
        return json_response(view_template(found[0]))

    async def preview(self, request: Request) -> Response:
        """Answer with a template as the chat shows it, and with what of the values does not fit."""
        number = await self._number(request)
        reader = FieldReader(await read_object(request))
        reader.refuse_unknown(frozenset({"template"}))
        body = read_template(reader, "template")
        if reader.errors or body is None:
            raise ApiError("invalid", errors=reader.errors)
        use = read_use(body, "#/template", _params_of(reader.fields))
        assert use is not None  # noqa: S101 - a template in the short form is one
        found = await asyncio.to_thread(self._find, number, use.key)
        if not found:
            raise ApiError("not-found", "The account has no such template in this language.")
        template, parameters = found[0], read_parameters(found[0])
        wrong = find_mismatches(use.components, parameters, base=use.base, point=use.point)
        message = ChatMessage(body, template={"components": list(template.components or ())})
        errors = [{"pointer": one.pointer, "detail": one.detail} for one in wrong]
        page = render_page([message], f"{use.name} ({use.language})")
        return json_response({"html": page, "errors": errors})

    def _read_page(
        self, key: ApiKey, waba: str, query: Mapping[str, str], limit: int
    ) -> dict[str, Any]:
        registry = TemplateRegistry(self.store, waba)
        status, part = query.get("status", ""), query.get("q", "")
        cursors = Cursors(self.store, "templates", key, f"{waba}|{len(status)}:{status}|{part}")
        after = cursors.read_name(query.get("cursor", ""))
        chosen = choose_keys(registry.read_words(), status, part)
        page = [name for name in chosen if name > after][: limit + 1]
        state, now = registry.read_state()
        return {
            "data": [view_template(one) for one in registry.read(page[:limit], state)],
            "next_cursor": cursors.write_name(page[limit - 1] if len(page) > limit else None),
            "list": view_list(state, now),
        }

    def _find(self, number: OwnNumber, key: str) -> list[MetaTemplate]:
        registry = TemplateRegistry(self.store, number.waba)
        state, _ = registry.read_state()
        return registry.read([key], state)

    async def sync(self, request: Request) -> Response:
        """Fetch the list, at most once a minute, and answer with its age."""
        number = await self._number(request)
        if not number.waba:
            detail = "The id of the WhatsApp account is not set (META_WABA_ID)."
            raise ApiError("conflict", detail)
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self.fetching, self._sync, number)
        if result.step == "too_soon":
            wait_s = str(int(LEAST_PAUSE.total_seconds()))
            detail = "The list was fetched, or tried, within the last minute."
            raise ApiError("rate", detail, headers={"retry-after": wait_s})
        if result.step == "failed":
            raise ApiError("upstream", result.error)
        return json_response({"step": result.step, "list": view_list(result.state, result.now)})

    def _sync(self, number: OwnNumber) -> SyncResult:
        args = (self.store, self.graph_url, number.waba, number.credentials)
        return fetch_list(*args, wait_s=SYNC_WAIT_S)

    async def _number(self, request: Request, *known: str) -> OwnNumber:
        """Return the number whose account's templates are meant. Raises ApiError."""
        check_query(request, "from", *known)
        accounts, key = self.accounts(), request.state.key
        own = key.numbers[0] if len(key.numbers) == 1 else accounts.default_number
        named = request.query_params.get("from", "") or own
        number = accounts.number(named)
        if named != accounts.default_number and named not in await self.read_numbers():
            number = None
        if number is None:
            detail = "must be one of our numbers; there is no default account"
            raise ApiError("invalid", errors=[FieldError("#/from", detail)])
        if not key.may_use(named):
            raise ApiError("forbidden", "The key is bound to other numbers.")
        return number


def _params_of(fields: Mapping[str, Any]) -> Any:
    return fields["template"].get("params", [])
