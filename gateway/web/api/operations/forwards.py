"""Forwards through the API: how each receiver is, and the operator's pauses."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.store.outgoing.forwards import pause_receiver, resume_receiver
from gateway.store.outgoing.receiver_states import (
    ReceiverState,
    read_receiver_states,
    state_to_dict,
)
from gateway.store.redis.client import Store
from gateway.web.api.json_body import json_response
from gateway.web.api.operations.forward_descriptions import FORWARD, FORWARDS
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

PATH = "/v1/forwards"
Change = Callable[[Store, str, str], bool]


@dataclass(frozen=True, slots=True)
class ForwardRoutes:
    """Addresses of receivers that have or had an event."""

    store: Store
    read_numbers: Callable[[], Awaitable[Sequence[str]]]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["forwards"])
        lists = FORWARDS | {"summary": "List receivers of forwards, and what waits for each"}
        router.add_api_route(PATH, self.list_all, methods=["GET"], **lists)
        for word, endpoint in (("pause", self.pause), ("resume", self.resume)):
            changes: dict[str, Any] = FORWARD | {"summary": f"{word.title()} a receiver"}
            path = f"{PATH}/{{receiver}}/{word}"
            router.add_api_route(path, endpoint, methods=["POST"], **changes)
        return router

    async def list_all(self, request: Request) -> Response:
        """Answer with the receivers of every number that the key may see."""
        check_query(request)
        return self._answer(await self._read(request))

    async def pause(self, request: Request, receiver: str) -> Response:
        """Let a receiver get nothing for now, from all numbers that the key may use."""
        return await self._change(request, receiver, pause_receiver)

    async def resume(self, request: Request, receiver: str) -> Response:
        """Let a receiver get what waits."""
        return await self._change(request, receiver, resume_receiver)

    async def _change(self, request: Request, receiver: str, change: Change) -> Response:
        check_query(request)
        found = [one for one in await self._read(request) if one.receiver == receiver]
        if not found:
            raise ApiError("not-found", "No receiver of this name has had an event yet.")
        for one in found:
            await asyncio.to_thread(change, self.store, one.number, receiver)
        changed = [one for one in await self._read(request) if one.receiver == receiver]
        return self._answer(changed)

    async def _read(self, request: Request) -> list[ReceiverState]:
        key = request.state.key
        numbers = [one for one in await self.read_numbers() if key.may_use(one)]
        return await asyncio.to_thread(read_receiver_states, self.store, numbers)

    def _answer(self, states: Sequence[ReceiverState]) -> Response:
        return json_response({"data": [state_to_dict(one) for one in states]})
