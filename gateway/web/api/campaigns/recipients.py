"""Addresses that say what became of each recipient of a campaign, and of each row of its file."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.lists.list_request import read_number
from gateway.core.campaigns.recipient_state import CELLS, MOST_CODE
from gateway.core.campaigns.view import view_recipient
from gateway.store.body_codec import Bodies
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.recipients.export import iter_export
from gateway.store.campaigns.recipients.page import (
    RecipientFilter,
    RecipientPage,
    read_recipient_page,
)
from gateway.store.campaigns.uploads.problems import iter_problem_lines
from gateway.store.redis.client import Store
from gateway.web.api.campaigns.lookup import CampaignLookup
from gateway.web.api.campaigns.recipient_descriptions import (
    DESCRIPTIONS,
    EXPORT,
    PROBLEMS,
    RECIPIENTS,
)
from gateway.web.api.lists.ordered_lists import PageRequest, read_page_request
from gateway.web.api.lists.pages import Cursors
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import read_query

PAGES_AT_ONCE = 2  # a page may open 200 chunks, and the webhook shares the process


@dataclass(slots=True)
class CampaignRecipientRoutes:
    """Addresses of the recipients of a campaign."""

    store: Store
    bodies: Bodies
    lookup: CampaignLookup
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["campaigns"])
        for path, endpoint, summary in (
            (RECIPIENTS, self.list_recipients, "List recipients, and what became of each"),
            (EXPORT, self.export, "Export what became of each recipient"),
            (PROBLEMS, self.export_problems, "Export the rows of a file that were left out"),
        ):
            about = DESCRIPTIONS[path]
            router.add_api_route(path, endpoint, methods=["GET"], summary=summary, **about)
        return router

    async def list_recipients(self, request: Request, id: str) -> Response:
        """Answer with a page of the recipients in some cells, or with a code of Meta's."""
        campaign = await self.lookup.find(request, id, "status", "code", "limit", "cursor")
        reader = FieldReader(read_query(request))
        wanted = _read_filter(reader)
        # An audience that takes the place of another has other rows.
        filters = f"{id}|{campaign.audience}|{sorted(wanted.cells)}|{wanted.code}"
        cursors = Cursors(self.store, "recipients", request.state.key, filters)
        path = RECIPIENTS.format(id=id)
        page = read_page_request(request, path, cursors, "status", "code", wrong=reader.errors)
        async with self._free:
            found, cursor = await asyncio.to_thread(self._read_page, campaign, wanted, page)
        return page.respond([view_recipient(one) for one in found.recipients], cursor)

    async def export(self, request: Request, id: str) -> Response:
        """Answer with a line for each recipient."""
        return await self._answer_table(request, id, iter_export, "campaign")

    async def export_problems(self, request: Request, id: str) -> Response:
        """Answer with a line for each row of the audience's file that was left out."""
        return await self._answer_table(request, id, iter_problem_lines, "problems")

    async def _answer_table(
        self, request: Request, id_: str, iter_lines: Callable[..., Iterator[str]], name: str
    ) -> Response:
        campaign = await self.lookup.find(request, id_, "excel")
        lines = iter_lines(self.store, self.bodies, campaign, for_excel=_read_excel(request))
        headers = {"content-disposition": f'attachment; filename="{name}-{campaign.id}.csv"'}
        return StreamingResponse(lines, media_type="text/csv", headers=headers)

    def _read_page(
        self, campaign: Campaign, wanted: RecipientFilter, page: PageRequest
    ) -> tuple[RecipientPage, str | None]:
        first = int(page.cursors.read_name(page.query.get("cursor", "")) or 0)
        args = (self.store, self.bodies, campaign, wanted, first, page.limit)
        found = read_recipient_page(*args)
        place = None if found.next_row is None else str(found.next_row)
        return found, page.cursors.write_name(place)


def _read_filter(reader: FieldReader) -> RecipientFilter:
    """Return which recipients a query asks for; the reader notes what is wrong with it."""
    text = reader.text("status", 200)
    cells = frozenset(text.split(",")) if text else frozenset()
    if not cells <= frozenset(CELLS):
        reader.add("status", f"must be one of {', '.join(CELLS)}, or several with commas")
    return RecipientFilter(cells, read_number(reader, "code", 1, MOST_CODE) or 0)


def _read_excel(request: Request) -> bool:
    """Return whether a table is for Excel. Raises ApiError."""
    text = request.query_params.get("excel", "0")
    if text not in ("0", "1"):
        raise ApiError("invalid", errors=[FieldError("#/excel", "must be 0 or 1")])
    return text == "1"
