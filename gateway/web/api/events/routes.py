"""Events: what came in, what was planned for it and why, and what followed from it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.keys import ApiKey
from gateway.core.api.lists.list_request import ListRequest, read_event_list
from gateway.store.api.lists.event_list import EventFilter, EventList, ListedEvent
from gateway.store.api.lists.paging import Page
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.records import DamagedRecordError
from gateway.store.tracing.trace import Trace
from gateway.store.tracing.traces import Traces
from gateway.web.api.events.trace_data import TraceData
from gateway.web.api.events.view import view_event
from gateway.web.api.json_body import json_response
from gateway.web.api.lists import descriptions
from gateway.web.api.lists.pages import Cursors, choose_numbers, next_link
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query, read_query

EVENTS = "/v1/events"
READS_AT_ONCE = 2  # one may read a thousand rows, and the webhook shares the process
_RECORD, _WAMID = re.compile(r"[0-9a-f]{32}"), re.compile(r"wamid\.[!-~]{1,250}")


@dataclass(slots=True)
class EventRoutes:
    """Addresses of events."""

    store: Store
    bodies: Bodies
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    account_of: Callable[[str], str]
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READS_AT_ONCE))

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["events"])
        lists = descriptions.EVENTS | {"summary": "List events, the newest first"}
        router.add_api_route(EVENTS, self.show_page, methods=["GET"], **lists)
        shows = descriptions.EVENT | {"summary": "Show what followed from an event"}
        router.add_api_route(f"{EVENTS}/{{id}}", self.show, methods=["GET"], **shows)
        return router

    async def show_page(self, request: Request) -> Response:
        """Answer with a page of the events that the key may see."""
        key, query = request.state.key, read_query(request)
        wanted = read_event_list(query)
        if not isinstance(wanted, ListRequest):
            raise ApiError("invalid", errors=wanted)
        numbers = choose_numbers(await self.read_numbers(), key, "number", wanted.number)
        async with self._free:
            page, cursor = await asyncio.to_thread(self._read, key, wanted, numbers)
        body = {"data": [self._view(one) for one in page.items], "next_cursor": cursor}
        link = {"link": next_link(EVENTS, query, cursor)} if cursor else {}
        return json_response(body, 200, **link)

    async def show(self, request: Request, id: str) -> Response:
        """Answer with the trace of an event, by its id or by the wamid of a message."""
        check_query(request)
        numbers = choose_numbers(await self.read_numbers(), request.state.key, "number", "")
        async with self._free:
            try:
                trace = await asyncio.to_thread(self._find, numbers, id)
            except DamagedRecordError:
                raise ApiError("not-found", "The record of this event is damaged.") from None
        if trace is None:
            raise ApiError("not-found", "No event has this id, or it is forgotten.")
        return json_response(self._data().event(trace))

    def _read(
        self, key: ApiKey, wanted: ListRequest, numbers: Sequence[str]
    ) -> tuple[Page[ListedEvent], str | None]:
        cursors = Cursors(self.store, "events", key, wanted.describe_filters())
        after = cursors.read(wanted.cursor)
        filtered = EventFilter(wanted.name, wanted.kind, wanted.since, wanted.until)
        page = EventList(self.store, numbers, filtered).read_page(after, wanted.limit)
        return page, cursors.write(page.end)

    def _find(self, numbers: Sequence[str], id_: str) -> Trace | None:
        traces = Traces(self.store, self.bodies)
        if _RECORD.fullmatch(id_):
            return next(filter(None, (traces.find_by_record(one, id_) for one in numbers)), None)
        if not _WAMID.fullmatch(id_):
            return None
        return next(
            (one for one in traces.find_by_wamid(id_).traces if one.number in numbers), None
        )

    def _view(self, event: ListedEvent) -> dict[str, Any]:
        return view_event(event, self._data())

    def _data(self) -> TraceData:
        return TraceData(Masking(), self.account_of)
