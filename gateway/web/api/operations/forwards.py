"""Forwards through the API: how each receiver is, and what the operator does with one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.config.receiver_secrets import ReceiverSecretError
from gateway.core.api.field_errors import FieldReader
from gateway.core.api.keys import ApiKey
from gateway.core.api.message_request import read_moment
from gateway.core.forwards.receiver import Receiver
from gateway.http_out.receiver_posts import post_trial
from gateway.store.body_codec import Bodies
from gateway.store.outgoing.forward_replay import ForwardReplay
from gateway.store.outgoing.forwards import pause_receiver, resume_receiver
from gateway.store.outgoing.receiver_states import (
    ReceiverState,
    read_receiver_states,
    state_to_dict,
)
from gateway.store.redis.client import Store
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.operations.forward_descriptions import FORWARD, FORWARDS, REPLAY, TEST
from gateway.web.api.operations.named_receivers import NamedReceivers
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

PATH = "/v1/forwards"
# What one request for a replay reads; it says where to go on.
REPLAY_LASTS_S = 10.0
AT_ONCE = 2
Change = Callable[[Store, str, str], bool]


@dataclass(frozen=True, slots=True)
class ForwardRoutes:
    """Addresses of receivers that have or had an event."""

    store: Store
    bodies: Bodies
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    receivers: NamedReceivers
    # Tests and replays hold a thread for up to 15 seconds.
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["forwards"])
        lists = FORWARDS | {"summary": "List receivers of forwards, and what waits for each"}
        router.add_api_route(PATH, self.list_all, methods=["GET"], **lists)
        for word, endpoint in (("pause", self.pause), ("resume", self.resume)):
            changes: dict[str, Any] = FORWARD | {"summary": f"{word.title()} a receiver"}
            path = f"{PATH}/{{receiver}}/{word}"
            router.add_api_route(path, endpoint, methods=["POST"], **changes)
        tests = TEST | {"summary": "Post a test event to a receiver now"}
        router.add_api_route(f"{PATH}/{{receiver}}/test", self.test, methods=["POST"], **tests)
        replays = REPLAY | {"summary": "Let a receiver get the events of a range once more"}
        router.add_api_route(
            f"{PATH}/{{receiver}}/replay", self.replay, methods=["POST"], **replays
        )
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

    async def test(self, request: Request, receiver: str) -> Response:
        """Post a test event from this process, signed as events are."""
        reader = await _read_fields(request, frozenset({"number"}))
        number, found = await self._named(request, reader, receiver)
        try:
            async with self.free:
                trial = await asyncio.to_thread(post_trial, found)
        except ReceiverSecretError as error:
            raise ApiError("conflict", f"{error}, so nothing can be signed.") from None
        answer = {"status": trial.status, "error": trial.error, "ms": trial.ms}
        return json_response({"receiver": receiver, "number": number, **answer})

    async def replay(self, request: Request, receiver: str) -> Response:
        """Queue the events of a range for a receiver once more, each under the same id."""
        reader = await _read_fields(request, frozenset({"number", "since", "until", "dry_run"}))
        since, until = read_moment(reader, "since"), read_moment(reader, "until")
        is_trial, number = reader.flag("dry_run"), reader.text("number", 32)
        if since is None and not reader.errors:
            reader.add("since", "must say from when on events are posted once more")
        _refuse_wrong(reader)
        numbers = await self._numbers(request, number)
        found = await self.receivers.find(receiver, numbers)
        again = ForwardReplay(self.store, self.bodies, found.get, since, until, number)
        async with self.free:
            result = await asyncio.to_thread(
                again.run, receiver, is_trial=is_trial, lasts_s=REPLAY_LASTS_S
            )
        counts = {"found": result.found, "queued": result.queued, "unopened": result.unopened}
        return json_response(counts | {"next_since": result.next_at})

    async def _named(
        self, request: Request, reader: FieldReader, name: str
    ) -> tuple[str, Receiver]:
        number = reader.text("number", 32)
        _refuse_wrong(reader)
        found = await self.receivers.find(name, await self._numbers(request, number))
        return next(iter(found.items()))

    async def _numbers(self, request: Request, wanted: str) -> list[str]:
        """Return the numbers that are asked for, of those that the key may use."""
        key: ApiKey = request.state.key
        known = await self.read_numbers()
        return [one for one in known if key.may_use(one) and (not wanted or one == wanted)]

    async def _change(self, request: Request, receiver: str, change: Change) -> Response:
        check_query(request)
        found = [one for one in await self._read(request) if one.receiver == receiver]
        if not found:
            raise ApiError("not-found", "No receiver of this name has had an event yet.")
        for one in found:
            await asyncio.to_thread(change, self.store, one.number, receiver)
        changed = [one for one in await self._read(request) if one.receiver == receiver]
        return self._answer(changed)

    async def _read(self, request: Request) -> Sequence[ReceiverState]:
        numbers = await self._numbers(request, "")
        return await asyncio.to_thread(self._read_states, numbers)

    def _read_states(self, numbers: Sequence[str]) -> Sequence[ReceiverState]:
        states = read_receiver_states(self.store, numbers)
        return self.receivers.mark_unnamed(states) if states else ()

    def _answer(self, states: Sequence[ReceiverState]) -> Response:
        return json_response({"data": [state_to_dict(one) for one in states]})


async def _read_fields(request: Request, known: frozenset[str]) -> FieldReader:
    check_query(request)
    reader = FieldReader(await read_object(request))
    reader.refuse_unknown(known)
    return reader


def _refuse_wrong(reader: FieldReader) -> None:
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
