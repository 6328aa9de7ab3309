"""Numbers: their pace, whether they send, and the operator's holds."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.accounts.account import Accounts
from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.keys import ApiKey
from gateway.core.sending.pauses import NumberPauses
from gateway.store import number_list
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from gateway.web.api.descriptions import HOLD, NUMBER, NUMBERS
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.lists.ordered_lists import read_page_request
from gateway.web.api.lists.pages import Cursors
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

PATH = "/v1/numbers"
MOST_WHY, MOST_RULE = 200, 200


@dataclass(frozen=True, slots=True)
class NumberRoutes:
    """Addresses of our numbers."""

    store: Store
    accounts: Callable[[], Accounts]
    read_numbers: Callable[[], Awaitable[Sequence[str]]]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["numbers"])
        lists = NUMBERS | {"summary": "List our numbers, and whether they send"}
        router.add_api_route(PATH, self.list_all, methods=["GET"], **lists)
        shows = NUMBER | {"summary": "Show one of our numbers"}
        router.add_api_route(f"{PATH}/{{id}}", self.show, methods=["GET"], **shows)
        for word, endpoint in (("hold", self.hold), ("release", self.release)):
            changes = HOLD | {"summary": f"{word.title()} a number, or the sends of one rule"}
            router.add_api_route(f"{PATH}/{{id}}/{word}", endpoint, methods=["POST"], **changes)
        return router

    async def list_all(self, request: Request) -> Response:
        """Answer with a page of the numbers that the key may see, in the order of their ids."""
        key: ApiKey = request.state.key
        wanted = read_page_request(request, PATH, Cursors(self.store, "numbers", key, ""))
        ids = [one for one in await self.read_numbers() if key.may_use(one)]
        page = await asyncio.to_thread(wanted.cut, ids, str)
        return wanted.respond(await self._views(page.rows), page.cursor)

    async def show(self, request: Request, id: str) -> Response:
        """Answer with one number."""
        check_query(request)
        await self._check(request, id)
        return json_response((await self._views([id]))[0])

    async def hold(self, request: Request, id: str) -> Response:
        """Stop a number, or the sends of one rule, as `gateway hold` does."""
        rule, why = await self._read_change(request, id, "why")
        await asyncio.to_thread(number_list.add_number, self.store, id)
        if await asyncio.to_thread(pauses.hold, self.store, [id], rule, why):
            raise ApiError("conflict", "The number holds as many rules as it may.")
        return json_response((await self._views([id]))[0])

    async def release(self, request: Request, id: str) -> Response:
        """Let a number, or the sends of one rule, go on."""
        rule, _ = await self._read_change(request, id, "")
        await asyncio.to_thread(pauses.release, self.store, [id], rule)
        return json_response((await self._views([id]))[0])

    async def _read_change(self, request: Request, id_: str, needed: str) -> tuple[str, str]:
        """Return the rule, "" for all that the number sends, and why. Raises ApiError."""
        check_query(request)
        reader = FieldReader(await read_object(request))
        reader.refuse_unknown(frozenset({"rule", needed} - {""}))
        rule, why = reader.text("rule", MOST_RULE), reader.text("why", MOST_WHY)
        if needed and not why and not reader.errors:
            reader.errors.append(FieldError("#/why", "is missing: operators are shown it"))
        if reader.errors:
            raise ApiError("invalid", errors=reader.errors)
        await self._check(request, id_)
        return rule, why

    async def _check(self, request: Request, id_: str) -> None:
        """Raise ApiError unless the key may see a number of ours with this id."""
        if not request.state.key.may_use(id_) or id_ not in await self.read_numbers():
            raise ApiError("not-found", "None of our numbers has this id.")

    async def _views(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        found = await asyncio.to_thread(pauses.pauses_by_number, self.store, ids)
        return [self._view(one, found[one]) for one in ids]

    def _view(self, id_: str, state: NumberPauses) -> Mapping[str, Any]:
        accounts = self.accounts()
        own, pause = accounts.number(id_), state.pause
        return {
            "id": id_,
            "account": accounts.name_of(id_) or None,
            "pace": own.pace if own else None,
            "sends": not pause and all(one.rule for one in state.holds),
            "paused": {"since": pause.since, "probe_at": pause.probe_at, **pause.error}
            if pause
            else None,
            "held": [
                {"rule": one.rule or None, "since": one.since, "why": one.why}
                for one in state.holds
            ],
        }
