"""Messages: sent, asked for, cancelled and moved."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.field_errors import FieldReader, parse_whole
from gateway.core.api.keys import ApiKey
from gateway.core.api.message_request import MOST_AHEAD, read_moment
from gateway.core.messages.price_list import PriceList
from gateway.core.sending.preflight import is_window_open
from gateway.store.api import sent_messages
from gateway.store.api.message_status import FINAL, status_of
from gateway.store.api.pending_send import AcceptedSend
from gateway.store.api.sent_messages import SentMessage
from gateway.store.api.waiting.stage_watch import StageWatch
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.web.api.descriptions import DESCRIPTIONS
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.messages.damage_log import DamageLog
from gateway.web.api.messages.sending import (
    MESSAGES,
    MessageSending,
    answer_of,
    read_idempotency_key,
    view_accepted,
)
from gateway.web.api.messages.view import view_message
from gateway.web.api.problems import ApiError
from gateway.web.api.server.busy_routes import Endpoint
from gateway.web.api.server.query import check_query, read_dry_run

MOST_IN_BATCH = 1_000
READ_AT_ONCE = 8  # messages of a batch; the webhook shares the event loop
MOST_WAIT_S = 20.0

# A message of a batch on its way to the disk, or why it goes nowhere.
SubmittedItem = asyncio.Future[AcceptedSend] | ApiError
MOST_TASK_ID = 255
_OUR_ID = re.compile(r"[a-z2-7]{24}")


@dataclass(frozen=True, slots=True)
class MessageLookup:
    """Finds messages for whoever may see them."""

    store: Store
    bodies: Bodies
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    watch: StageWatch
    damage_log: DamageLog

    async def find(self, key: ApiKey, id_: str) -> SentMessage:
        """Return the message of an id. Raises ApiError where the key may see none of it."""
        numbers = [one for one in await self.read_numbers() if key.may_use(one)]
        find = sent_messages.find_message
        if len(id_) <= 64 and (
            found := await asyncio.to_thread(find, self.store, self.bodies, numbers, id_)
        ):
            if not found.send.damage:
                return found
            self.damage_log.report(found)
            raise ApiError("not-found", "The stored row of this message is damaged.")
        raise ApiError("not-found", "No message has this id, or it is forgotten.")

    async def find_task(self, key: ApiKey, task: str) -> SentMessage:
        """Return the message of a task: of our id, or of that of a Celery task. Raises ApiError."""
        if _OUR_ID.fullmatch(task) or len(task) > MOST_TASK_ID:
            return await self.find(key, task)
        numbers = [one for one in await self.read_numbers() if key.may_use(one)]
        find = sent_messages.find_id_of_task
        return await self.find(key, await asyncio.to_thread(find, self.store, numbers, task))

    async def wait(self, key: ApiKey, id_: str, within_s: float) -> SentMessage:
        """Return the message once its status has changed, or the time is over."""
        message = await self.find(key, id_)
        if within_s <= 0 or status_of(message.send) in FINAL:
            return message
        await self.watch.wait(message.number, id_, message.send.stage, within_s)
        return await self.find(key, id_)


@dataclass(frozen=True, slots=True)
class MessageRoutes:
    """Addresses of messages."""

    sending: MessageSending
    lookup: MessageLookup
    prices: PriceList

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["messages"])
        for path, method, endpoint, summary in (
            (MESSAGES, "POST", self.send, "Send a message, now or at a time"),
            (f"{MESSAGES}/batch", "POST", self.send_batch, "Send up to 1,000 messages"),
            (f"{MESSAGES}/{{id}}", "GET", self.show, "Ask what became of a message"),
            (f"{MESSAGES}/{{id}}", "DELETE", self.cancel, "Cancel a message"),
            (f"{MESSAGES}/{{id}}", "PATCH", self.move, "Move a scheduled message"),
        ):
            router.add_api_route(
                path, endpoint, methods=[method], summary=summary, **DESCRIPTIONS[method, path]
            )
        return router

    def busy(self) -> Mapping[tuple[str, str], Endpoint]:
        """Return the endpoints that send, by method and path, to be found before any router."""
        return {("POST", MESSAGES): self.send, ("POST", f"{MESSAGES}/batch"): self.send_batch}

    async def send(self, request: Request) -> Response:
        """Answer 202 once the message is on disk; with dry_run=true only show it."""
        is_dry_run = read_dry_run(request)
        key, fields = request.state.key, await read_object(request)
        if is_dry_run:
            return json_response(await self._dry_run(key, fields))
        given = read_idempotency_key(request)
        accepted = await self.sending.accept(key, fields, given)
        headers = {"location": f"{MESSAGES}/{accepted.id}"}
        if accepted.is_replay:
            headers["idempotent_replayed"] = "true"
        return json_response(view_accepted(accepted), 202, **headers)

    async def send_batch(self, request: Request) -> Response:
        """Store many messages in one write, and answer each of them."""
        check_query(request)
        if "idempotency-key" in request.headers:
            raise ApiError("malformed", "In a batch each message has a key of its own, as key.")
        key, items = request.state.key, _read_items(await read_object(request))
        results = await self._accept_items(key, items)
        return json_response({"results": [{"index": i, **one} for i, one in enumerate(results)]})

    async def show(self, request: Request, id: str) -> Response:
        """Answer with the message, after its next change if wait names how many seconds."""
        message = await self.lookup.wait(request.state.key, id, _wait_s(request))
        return json_response(self._view(message))

    async def cancel(self, request: Request, id: str) -> Response:
        """Cancel the message unless its first attempt began; answer with it."""
        check_query(request)
        message = await self.lookup.find(request.state.key, id)
        args = (self.lookup.store, message.number, id)
        _check_change(message, await asyncio.to_thread(sent_messages.cancel, *args))
        return await self._show_now(request, id)

    async def move(self, request: Request, id: str) -> Response:
        """Give a scheduled message another time; it lives as long after it as before."""
        check_query(request)
        reader = FieldReader(await read_object(request))
        reader.refuse_unknown(frozenset({"send_at"}))
        due_at, now = read_moment(reader, "send_at"), datetime.now(UTC)
        if due_at is None and not reader.errors:
            reader.add("send_at", "is missing")
        if due_at and not now < due_at <= now + MOST_AHEAD:
            reader.add("send_at", f"must be within the next {MOST_AHEAD.days} days")
        if due_at is None or reader.errors:
            raise ApiError("invalid", errors=reader.errors)
        message = await self.lookup.find(request.state.key, id)
        await self._move(message, due_at)
        return await self._show_now(request, id)

    async def _move(self, message: SentMessage, due_at: datetime) -> None:
        send = message.send
        if send.state.due_at is None or send.expires_at is None:
            raise _too_late(message)
        expires_at = due_at + (send.expires_at - send.state.due_at)
        args = (self.lookup.store, message.number, send.id, due_at, expires_at)
        _check_change(message, await asyncio.to_thread(sent_messages.move, *args))

    async def _show_now(self, request: Request, id_: str) -> Response:
        message = await self.lookup.find(request.state.key, id_)
        return json_response(self._view(message))

    def _view(self, message: SentMessage) -> dict[str, Any]:
        return view_message(message, datetime.now(UTC), self.prices)

    async def _accept_items(self, key: ApiKey, items: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the answers in order; between few messages other requests have their turn."""
        submitted = []
        for item in items:
            submitted.append(await self._submit_item(key, item))
            if len(submitted) % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        return [await _answer_item(one) for one in submitted]

    async def _submit_item(self, key: ApiKey, item: Any) -> SubmittedItem:
        """Let one message of a batch be stored, or return its problem."""
        try:
            if not isinstance(item, dict):
                raise ApiError("malformed", "A message must be a JSON object.")
            given = item.get("key")
            fields = {name: value for name, value in item.items() if name != "key"}
            if given is not None and not isinstance(given, str):
                raise ApiError("malformed", "A key must be a text.")
            return await self.sending.submit(key, fields, given, f"{MESSAGES}/batch")
        except ApiError as error:
            return error

    async def _dry_run(self, key: ApiKey, fields: dict[str, Any]) -> dict[str, Any]:
        """Return what would be posted, without storing anything."""
        number, send, contact, now = await self.sending.plan(key, fields)
        opened_at = contact.window_opened_at
        return {
            "from": number,
            "body": send.body,
            "priority": send.priority,
            "window_open": is_window_open(contact, now),
            "template": await self.sending.templates.describe(number, send.body),
            "window_opened_at": opened_at,
            "opted_out": contact.opted_out_at is not None,
            "send_at": send.due_at,
            "expires_at": send.expires_at,
        }


async def _answer_item(submitted: SubmittedItem) -> dict[str, Any]:
    """Return the answer to one message of a batch, or its problem."""
    try:
        if isinstance(submitted, ApiError):
            raise submitted
        return view_accepted(await answer_of(submitted))
    except ApiError as error:
        return {"problem": error.to_dict()}


def _check_change(message: SentMessage, obstacle: str) -> None:
    if obstacle == "forgotten":
        raise ApiError("not-found", "No message has this id, or it is forgotten.")
    if obstacle:
        raise _too_late(message)


def _too_late(message: SentMessage) -> ApiError:
    return ApiError("conflict", f"The message has the status {status_of(message.send)}.")


def _read_items(fields: dict[str, Any]) -> list[Any]:
    """Return the messages of a batch. Raises ApiError."""
    reader = FieldReader(fields)
    reader.refuse_unknown(frozenset({"messages"}))
    items = fields.get("messages")
    if not isinstance(items, list) or not 0 < len(items) <= MOST_IN_BATCH:
        reader.add("messages", f"must be a list of 1 to {MOST_IN_BATCH:,} messages")
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    assert isinstance(items, list)  # noqa: S101 - narrows the type
    return items


def _wait_s(request: Request) -> float:
    seconds = parse_whole(check_query(request, "wait").get("wait", "0"))
    if seconds is None or seconds > MOST_WAIT_S:
        reader = FieldReader({})
        reader.add("wait", f"must be a whole number of seconds from 0 to {MOST_WAIT_S:.0f}")
        raise ApiError("invalid", errors=reader.errors)
    return float(seconds)
