"""Lists of contacts: customers that a person answers, and those with a tag."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.contact_request import MOST_TAG
from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store.planning.contact_scan import read_tagged
from gateway.store.planning.handed_over import HandedOverContact, find_handed_over
from gateway.store.redis.client import Store
from gateway.web.api.contacts.view import view_contact, view_hand_over
from gateway.web.api.lists.ordered_lists import PageRequest, read_page_request
from gateway.web.api.lists.pages import Cursors, choose_numbers
from gateway.web.api.problems import ApiError

CONTACTS = "/v1/contacts"
MOST_LISTED, LISTED, MOST_HANDED_OVER = 1_000, 100, 10_000


@dataclass(frozen=True, slots=True)
class ContactLists:
    """Lists contacts of the numbers that a key may see."""

    store: Store
    read_numbers: Callable[[], Awaitable[Sequence[str]]]

    async def answer(self, request: Request) -> Response:
        """Answer with the customers that a person answers, or with those that have a tag.

        Of the former those that wait longest are first; the latter are in no order.
        """
        if "tag" in request.query_params:
            return await self._list_tagged(request)
        return await self._list_handed_over(request)

    async def _list_tagged(self, request: Request) -> Response:
        key, query = request.state.key, request.query_params
        tag, number = query.get("tag", ""), query.get("number", "")
        cursors = Cursors(self.store, "tagged", key, f"{len(tag)}:{tag}|{number}")
        wrong = () if 0 < len(tag) <= MOST_TAG else (FieldError("#/tag", "must be one tag"),)
        wanted = read_page_request(request, CONTACTS, cursors, "tag", "number", wrong=wrong)
        numbers = choose_numbers(await self.read_numbers(), key, "number", number)
        if len(numbers) != 1:
            detail = "is needed: which of our numbers knows them"
            raise ApiError("invalid", errors=[FieldError("#/number", detail)])
        return await asyncio.to_thread(self._show_tagged, numbers[0], tag, wanted)

    def _show_tagged(self, number: str, tag: str, wanted: PageRequest) -> Response:
        place = wanted.cursors.read_name(wanted.query.get("cursor", ""))
        found = read_tagged(self.store, number, tag, place, wanted.limit)
        now = datetime.now(UTC)
        data = [view_contact(number, one, now) for one in found.contacts]
        return wanted.respond(data, wanted.cursors.write_name(found.place or None))

    async def _list_handed_over(self, request: Request) -> Response:
        key: ApiKey = request.state.key
        number = request.query_params.get("number", "")
        cursors = Cursors(self.store, "handed_over", key, number)
        wanted = read_page_request(
            request,
            CONTACTS,
            cursors,
            *("handed_over", "number"),
            usual=LISTED,
            most=MOST_LISTED,
            wrong=_refuse_others(request.query_params.get("handed_over")),
        )
        numbers = choose_numbers(await self.read_numbers(), key, "number", number)
        return await asyncio.to_thread(self._show_handed_over, numbers, wanted)

    def _show_handed_over(self, numbers: Sequence[str], wanted: PageRequest) -> Response:
        found = {one: find_handed_over(self.store, one, MOST_HANDED_OVER) for one in numbers}
        contacts = [(number, one) for number, each in found.items() for one in each.contacts]
        page = wanted.cut(contacts, _place_of)
        data = [
            {"number": number, "id": one.key, "hand_over": view_hand_over(one.hand_over)}
            for number, one in page.rows
        ]
        unreadable = sum(each.unreadable for each in found.values())
        return wanted.respond(data, page.cursor, unreadable=unreadable)


def _refuse_others(handed_over: str | None) -> Sequence[FieldError]:
    if handed_over == "true":
        return ()
    detail = "must be true, or left out beside a tag"
    return (FieldError("#/handed_over", detail),)


def _place_of(one: tuple[str, HandedOverContact]) -> str:
    """Return the place of a customer in the list, which cursors show: so without their number."""
    number, contact = one
    digest = sha256(contact.key.encode()).hexdigest()[:16]
    return f"{ms_from_datetime(contact.hand_over.since):014d} {number} {digest}"
