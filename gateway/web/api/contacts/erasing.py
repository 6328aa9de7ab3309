"""Export and erasure of customers through the API: asked for, and how far it is."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.core.api.keys import ApiKey
from gateway.core.contacts.erasure import Erasure
from gateway.store.body_codec import Bodies
from gateway.store.erasure.eraser import Eraser
from gateway.store.erasure.open_erasures import TooManyErasuresError, find_erasure
from gateway.store.redis.client import Store
from gateway.web.api.contacts.descriptions import ERASE, ERASURE, EXPORT
from gateway.web.api.contacts.erasure_view import view_erasure
from gateway.web.api.contacts.export import write_export
from gateway.web.api.contacts.routes import ONE, read_scope
from gateway.web.api.json_body import json_response
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

ERASURES = "/v1/erasures"
# A small store is done within this; ticks go on with a large one.
ANSWER_WITHIN_S = 1.0
UNLISTED = ""  # what belongs to no number of ours is only for keys that are bound to none


@dataclass(frozen=True, slots=True)
class ErasureRoutes:
    """Addresses of erasures."""

    store: Store
    bodies: Bodies
    retention: timedelta
    read_numbers: Callable[[], Awaitable[Sequence[str]]]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["contacts"])
        erases = ERASE | {"summary": "Erase a customer from all that is stored"}
        router.add_api_route(ONE, self.erase, methods=["DELETE"], **erases)
        exports = EXPORT | {"summary": "Export all that is stored of a customer"}
        router.add_api_route(f"{ONE}/export", self.export, methods=["GET"], **exports)
        asks = ERASURE | {"summary": "Ask how far an erasure is"}
        router.add_api_route(f"{ERASURES}/{{id}}", self.show, methods=["GET"], **asks)
        return router

    async def erase(self, request: Request, id: str) -> Response:
        """Erase at once what can be, and go on with the rest; repeating it asks how far it is."""
        name, numbers = await read_scope(request, id, self.read_numbers)
        key: ApiKey = request.state.key
        is_limited = not key.may_use(UNLISTED) or "number" in request.query_params
        erasure = await asyncio.to_thread(self._erase, name, numbers if is_limited else None)
        headers = {"location": f"{ERASURES}/{erasure.id}"}
        status = 200 if erasure.finished_at else 202
        return json_response(view_erasure(erasure), status, **headers)

    async def export(self, request: Request, id: str) -> Response:
        """Answer with all that is stored of the customer, while it is read."""
        name, numbers = await read_scope(request, id, self.read_numbers)
        parts = write_export(self.store, self.bodies, name, numbers, datetime.now(UTC))
        first = await asyncio.to_thread(next, parts)
        return StreamingResponse(chain([first], parts), media_type="application/json")

    async def show(self, request: Request, id: str) -> Response:
        """Answer with what was erased, and what it waits for; of whom, it does not say."""
        check_query(request)
        key: ApiKey = request.state.key
        found = await asyncio.to_thread(find_erasure, self.store, id) if len(id) <= 64 else None
        if found is None or not _may_see(key, found):
            raise ApiError("not-found", "No erasure has this id, or it is forgotten.")
        return json_response(view_erasure(found))

    def _erase(self, name: str, numbers: Sequence[str] | None) -> Erasure:
        eraser = Eraser(self.store, self.bodies, self.retention)
        try:
            erasure = eraser.begin(name, numbers)
        except TooManyErasuresError:
            raise ApiError("conflict", "As many erasures are open as may be: repeat it.") from None
        eraser.run(ANSWER_WITHIN_S, only=erasure.id)
        return find_erasure(self.store, erasure.id) or erasure


def _may_see(key: ApiKey, erasure: Erasure) -> bool:
    if erasure.numbers is None:
        return key.may_use(UNLISTED)
    return all(key.may_use(one) for one in erasure.numbers)
