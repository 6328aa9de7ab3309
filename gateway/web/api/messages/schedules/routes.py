"""Addresses of schedules."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import SEND, ApiKey
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.schedules.request import (
    SendingNumber,
    change_schedule,
    locate_in_message,
    number_of,
    read_schedule,
)
from gateway.core.api.schedules.schedule import Schedule, repeatable_id
from gateway.store.api.accept_calls import new_id
from gateway.store.api.pending_send import canonical, idempotency_of
from gateway.store.api.schedules.book import ScheduleBook, SchedulePage
from gateway.store.api.schedules.rows import StoredSchedule
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.lists.pages import Cursors, next_link
from gateway.web.api.messages.schedules.descriptions import DESCRIPTIONS, SCHEDULE, SCHEDULES
from gateway.web.api.messages.schedules.view import view_details, view_schedule, view_upcoming
from gateway.web.api.messages.sending import (
    MessageSending,
    check_idempotency_key,
    read_idempotency_key,
)
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query, read_dry_run, read_limit

LISTED, MOST_LISTED = 50, 200
MOST_TRIES = 5


@dataclass(frozen=True, slots=True)
class ScheduleRoutes:
    """Addresses of schedules; `read_numbers` also returns numbers that no account has any more."""

    sending: MessageSending
    book: ScheduleBook
    sender_of: Callable[[str], SendingNumber]
    read_numbers: Callable[[], Awaitable[Sequence[str]]]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["schedules"])
        for path, method, endpoint, summary in (
            (SCHEDULES, "POST", self.create, "Send a message again and again"),
            (SCHEDULES, "GET", self.list_all, "List schedules"),
            (SCHEDULE, "GET", self.show, "Show a schedule and its last sends"),
            (SCHEDULE, "PATCH", self.change, "Change, pause or resume a schedule"),
            (SCHEDULE, "DELETE", self.remove, "Remove a schedule"),
        ):
            router.add_api_route(
                path, endpoint, methods=[method], summary=summary, **DESCRIPTIONS[method, path]
            )
        return router

    async def create(self, request: Request) -> Response:
        """Answer 201 once the schedule is on disk; with dry_run=true only show its moments."""
        is_dry_run = read_dry_run(request)
        key, fields = request.state.key, await read_object(request)
        number = await self._read_number(key, fields)
        scope = f"{key.id} {SCHEDULES} {number}"
        given = check_idempotency_key(read_idempotency_key(request))
        known = idempotency_of(scope, given, canonical(fields))
        id_ = repeatable_id(scope, given) if known else new_id()
        fingerprint = known.fingerprint if known else ""
        # An earlier request counts as it was then.
        if known and (stored := await asyncio.to_thread(self.book.find, [number], id_)):
            return await self._show_known(key, stored, fingerprint)
        schedule, now = await self._read_new(fields, number)
        if is_dry_run:
            upcoming = view_upcoming(schedule, now)
            return json_response({"from": number, "zone": schedule.zone, "upcoming": upcoming})
        return await self._create(key, number, id_, replace(schedule, fingerprint=fingerprint), now)

    async def list_all(self, request: Request) -> Response:
        """Answer with a page of the schedules that the key may see."""
        query = check_query(request, "limit", "cursor")
        limit = read_limit(query, LISTED, MOST_LISTED)
        key: ApiKey = request.state.key
        args = (key, await self._seen_by(key), query.get("cursor", ""), limit)
        page, cursor = await asyncio.to_thread(self._read_page, *args)
        body = {"data": [view_schedule(one) for one in page.schedules], "next_cursor": cursor}
        link = {"link": next_link(SCHEDULES, query, cursor)} if cursor else {}
        return json_response(body, 200, **link)

    async def show(self, request: Request, id: str) -> Response:
        """Answer with a schedule."""
        check_query(request)
        return await self._show(request.state.key, await self._find(request.state.key, id))

    async def change(self, request: Request, id: str) -> Response:
        """Change what the body names, and answer with the schedule."""
        check_query(request)
        key, changes = request.state.key, await read_object(request)
        now = await asyncio.to_thread(self.book.now)
        for _ in range(MOST_TRIES):
            stored = await self._find(key, id)
            sender = self.sender_of(stored.number)
            schedule, errors = change_schedule(stored.schedule, changes, sender, now)
            if schedule is None:
                raise ApiError("invalid", errors=errors)
            if "message" in changes:
                await self._check_templates(stored.number, schedule)
            # None where it made a send at this moment, or another request changed it.
            if changed := await asyncio.to_thread(self.book.change, stored, schedule, now):
                return await self._show(key, changed)
        raise ApiError("conflict", "The schedule is being changed by others; repeat the request.")

    async def remove(self, request: Request, id: str) -> Response:
        """Remove a schedule; sends that it made already stay."""
        check_query(request)
        numbers = await self._seen_by(request.state.key)
        if len(id) > 64 or not await asyncio.to_thread(self.book.remove, numbers, id):
            raise _not_found()
        return json_response({"id": id, "outcome": "removed"})

    def _read_page(
        self, key: ApiKey, numbers: Sequence[str], cursor: str, limit: int
    ) -> tuple[SchedulePage, str | None]:
        cursors = Cursors(self.book.store, "schedules", key, "")
        page = self.book.page(numbers, cursors.read_name(cursor), limit)
        return page, cursors.write_name(page.end)

    async def _read_new(self, fields: Mapping[str, Any], number: str) -> tuple[Schedule, datetime]:
        """Return the schedule that a request asks for, and the server's time. Raises ApiError."""
        now = await asyncio.to_thread(self.book.now)
        schedule, errors = read_schedule(fields, self.sender_of(number), now)
        if schedule is None:
            raise ApiError("invalid", errors=errors)
        await self._check_templates(number, schedule)
        return schedule, now

    async def _check_templates(self, number: str, schedule: Schedule) -> None:
        """Raise ApiError where the message does not fit its templates, as far as they are known."""
        request = read_request(schedule.message)
        assert isinstance(request, MessageRequest)  # noqa: S101 - it was read a moment ago
        try:
            await self.sending.templates.check(number, schedule.message, request)
        except ApiError as error:
            raise ApiError(error.kind, errors=locate_in_message(error.errors)) from None

    async def _create(
        self, key: ApiKey, number: str, id_: str, schedule: Schedule, now: datetime
    ) -> Response:
        if not self.sending.is_ready():
            raise ApiError("unavailable", headers={"retry-after": "1"})
        numbers = await self.read_numbers()
        create = self.book.create
        outcome = await asyncio.to_thread(create, numbers, number, id_, schedule, now)
        if outcome == "full":
            detail = f"There are {self.book.most:,} schedules already: remove some."
            raise ApiError("conflict", detail)
        stored = await self._find(key, id_)
        if outcome == "changed":  # by the same request, at the same moment
            return await self._show_known(key, stored, schedule.fingerprint)
        return await self._show(key, stored, 201)

    async def _show_known(self, key: ApiKey, stored: StoredSchedule, fingerprint: str) -> Response:
        """Answer a repeated request with the schedule as it is by now."""
        if stored.schedule.fingerprint != fingerprint:
            raise ApiError("key-reused")
        return await self._show(key, stored, 201, idempotent_replayed="true")

    async def _read_number(self, key: ApiKey, fields: Mapping[str, Any]) -> str:
        """Return the number to send from, "" where none is named. Raises ApiError."""
        number = number_of(fields, self.sending.default_of(key))
        if number and not key.may_use(number):
            raise ApiError("forbidden", "The key is bound to other numbers.")
        default = self.sending.default_number()
        if number != default and number not in await self.sending.read_numbers():
            error = FieldError("#/message/from", "is none of our numbers")
            raise ApiError("invalid", errors=[error])
        return number

    async def _seen_by(self, key: ApiKey) -> list[str]:
        return [one for one in await self.read_numbers() if key.may_use(one)]

    async def _find(self, key: ApiKey, id_: str) -> StoredSchedule:
        """Return the schedule of an id. Raises ApiError where the key may see none of it."""
        numbers = await self._seen_by(key)
        if len(id_) <= 64 and (found := await asyncio.to_thread(self.book.find, numbers, id_)):
            return found
        raise _not_found()

    async def _show(
        self, key: ApiKey, stored: StoredSchedule, status: int = 200, **headers: str
    ) -> Response:
        sends = await asyncio.to_thread(self.book.read_sends, stored)
        if status == 201:
            headers["location"] = f"{SCHEDULES}/{stored.id}"
        shown = view_details(stored, sends, with_message=key.may(SEND))
        return json_response(shown, status, **headers)


def _not_found() -> ApiError:
    return ApiError("not-found", "No schedule has this id, or it is removed.")
