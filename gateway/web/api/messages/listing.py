"""Lists of messages: by time, person or reference, in pages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.keys import ApiKey
from gateway.core.api.lists.list_request import ListRequest, read_message_list
from gateway.core.messages.price_list import PriceList
from gateway.store.api.lists.message_list import MessageList
from gateway.store.api.lists.paging import Page
from gateway.store.api.sent_messages import SentMessage
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from gateway.web.api.json_body import json_response
from gateway.web.api.lists import descriptions
from gateway.web.api.lists.pages import Cursors, choose_numbers, next_link
from gateway.web.api.messages.damage_log import DamageLog
from gateway.web.api.messages.sending import MESSAGES
from gateway.web.api.messages.view import to_filter, view_listed
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import read_query

PAGES_AT_ONCE = 2  # a page may read a thousand rows, and the webhook shares the process


@dataclass(slots=True)
class MessageListRoutes:
    """The address of the list of messages."""

    store: Store
    bodies: Bodies
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    country_of: Callable[[str], str]
    damage_log: DamageLog
    prices: PriceList
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["messages"])
        about = descriptions.MESSAGES | {"summary": "List messages, the newest first"}
        router.add_api_route(MESSAGES, self.show, methods=["GET"], **about)
        return router

    async def show(self, request: Request) -> Response:
        """Answer with a page of the messages that the key may see."""
        key: ApiKey = request.state.key
        query = read_query(request)
        wanted = read_message_list(query, self.country_of(query.get("from", "")))
        if not isinstance(wanted, ListRequest):
            raise ApiError("invalid", errors=wanted)
        numbers = choose_numbers(await self.read_numbers(), key, "from", wanted.number)
        async with self._free:
            page, cursor = await asyncio.to_thread(self._read, key, wanted, numbers)
        for one in page.items:
            if one.send.damage:
                self.damage_log.report(one)
        now = datetime.now(UTC)
        data = [view_listed(one, now, self.prices) for one in page.items]
        body = {"data": data, "next_cursor": cursor}
        link = {"link": next_link(MESSAGES, query, cursor)} if cursor else {}
        return json_response(body, 200, **link)

    def _read(
        self, key: ApiKey, wanted: ListRequest, numbers: Sequence[str]
    ) -> tuple[Page[SentMessage], str | None]:
        cursors = Cursors(self.store, "messages", key, wanted.describe_filters())
        after = cursors.read(wanted.cursor)
        found = MessageList(self.store, self.bodies, numbers, to_filter(wanted))
        page = found.read_page(after, wanted.limit)
        return page, cursors.write(page.end)
