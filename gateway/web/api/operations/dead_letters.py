"""Dead letters through the API: listed, redriven and dropped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.field_errors import FieldReader
from gateway.core.api.keys import ApiKey
from gateway.core.api.lists.list_request import LISTED, MOST_LISTED, read_number, read_period
from gateway.core.dead_letters.dead_letter import DeadEvent, DeadForward, DeadSend
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store.api.lists.paging import MOST_EXAMINED
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.dead_letters.dead_letters import DeadLetter
from gateway.store.dead_letters.list_entries import AT_ONCE
from gateway.store.redis.client import Store
from gateway.web.api.descriptions import LETTER, LETTERS, REDRIVE
from gateway.web.api.json_body import json_response, read_object
from gateway.web.api.lists.pages import Cursors, choose_numbers, next_link
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query, read_query

PATH = "/v1/dead-letters"
_KINDS = {DeadSend: "message", DeadEvent: "event", DeadForward: "forward"}
_FIELDS = frozenset({"number", "cause", "code", "since", "until", "limit", "cursor"})
# Why a letter was not redriven, in words for a client.
_OBSTACLES = {
    "accepted": "Meta had it after all; drop it.",
    "unconfirmed": "Meta may have had it: ask with unconfirmed to send it twice at worst.",
    "changed": "It is no longer what it was; ask again.",
    "trimmed": "Its delivery is no longer kept.",
    "textless": "Its content is no longer kept.",
    "unopened": "Its content cannot be opened with the keys that are set here.",
    "too_often": "It was redriven as often as it may be.",
}


@dataclass(frozen=True, slots=True)
class DeadLetterRoutes:
    """Addresses of dead letters."""

    store: Store
    bodies: Bodies
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    ring: Callable[[str, str], None]

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(tags=["dead letters"])
        lists = LETTERS | {"summary": "List what failed for good, the newest first"}
        router.add_api_route(PATH, self.list_newest, methods=["GET"], **lists)
        redrives = REDRIVE | {"summary": "Start a dead letter again"}
        router.add_api_route(f"{PATH}/{{id}}/redrive", self.redrive, methods=["POST"], **redrives)
        drops = LETTER | {"summary": "Drop a dead letter"}
        router.add_api_route(f"{PATH}/{{id}}", self.drop, methods=["DELETE"], **drops)
        return router

    async def list_newest(self, request: Request) -> Response:
        """Answer with the newest dead letters of the numbers that the key may see."""
        query = read_query(request)
        wanted, limit = _read_filter(query)
        key: ApiKey = request.state.key
        allowed = choose_numbers(await self.read_numbers(), key, "number", query.get("number", ""))
        wanted = replace(wanted, number=query.get("number"), numbers=frozenset(allowed))
        args = (key, wanted, query.get("cursor", ""), limit)
        page, cursor = await asyncio.to_thread(self._read_page, *args)
        link = {"link": next_link(PATH, query, cursor)} if cursor else {}
        body = {"data": [view_letter(one) for one in page], "next_cursor": cursor}
        return json_response(body, 200, **link)

    async def redrive(self, request: Request, id: str) -> Response:
        """Start a letter again: a send in its lane, an event with its delivery."""
        check_query(request)
        reader = FieldReader(await read_object(request))
        reader.refuse_unknown(frozenset({"unconfirmed"}))
        unconfirmed = reader.flag("unconfirmed")
        if reader.errors:
            raise ApiError("invalid", errors=reader.errors)
        letter = await self._find(request, id)
        outcome = await asyncio.to_thread(self._redrive, letter, unconfirmed)
        if outcome != "redriven":
            raise ApiError("conflict", _OBSTACLES[outcome])
        if isinstance(letter, DeadSend):
            self.ring(letter.number, letter.priority)
        return json_response({"id": id, "outcome": outcome})

    async def drop(self, request: Request, id: str) -> Response:
        """Drop a letter, which nobody has to look at any more."""
        check_query(request)
        letter = await self._find(request, id)
        if not await asyncio.to_thread(dead_letters.drop, self.store, letter):
            raise ApiError("conflict", _OBSTACLES["changed"])
        return json_response({"id": id, "outcome": "dropped"})

    async def _find(self, request: Request, id_: str) -> DeadLetter:
        """Return a letter that the key may see. Raises ApiError."""
        key: ApiKey = request.state.key
        numbers = [one for one in await self.read_numbers() if key.may_use(one)]
        if len(id_) <= 64 and numbers:
            args = (self.store, id_, numbers, self.bodies)
            if found := await asyncio.to_thread(dead_letters.find, *args):
                return found
        raise ApiError("not-found", "No dead letter has this id.")

    def _read_page(
        self, key: ApiKey, wanted: DeadLetterFilter, cursor: str, limit: int
    ) -> tuple[Sequence[DeadLetter], str | None]:
        filters = f"{sorted(wanted.causes)}|{sorted(wanted.codes)}|{wanted.since}|{wanted.until}"
        if wanted.number:
            filters += f"|{wanted.number}"
        cursors = Cursors(self.store, "dead-letters", key, filters)
        died, _, last = cursors.read_name(cursor).partition("|")
        if died:
            wanted = replace(wanted, until=datetime_from_ms(int(died)))
        # Without a filter a page needs the rows that it shows, and one to go on from.
        is_filtered = wanted.causes or wanted.codes
        at_once = AT_ONCE if is_filtered else min(limit + 1, AT_ONCE)
        of_all = replace(wanted, causes=frozenset(), codes=frozenset())
        letters = dead_letters.iter_dead_letters(self.store, of_all, at_once=at_once)
        letters = _skip_to(letters, int(died), last) if died else letters
        page, end = _fill_page(letters, wanted, limit)
        return page, cursors.write_name(f"{end.died_ms}|{end.id}" if end else None)

    def _redrive(self, letter: DeadLetter, unconfirmed: bool) -> str:
        return dead_letters.redrive(self.store, letter, unconfirmed=unconfirmed, bodies=self.bodies)


def _fill_page(
    letters: Iterator[DeadLetter], wanted: DeadLetterFilter, limit: int
) -> tuple[Sequence[DeadLetter], DeadLetter | None]:
    """Return up to `limit` wanted letters, fewer where many are not wanted.

    Then return the letter behind which the next page begins, None at the end.
    """
    page = list[DeadLetter]()
    last = None
    for letter in islice(letters, MOST_EXAMINED):
        if wanted.matches(letter):
            if len(page) == limit:
                return page, last
            page.append(letter)
        last = letter
    return page, last if next(letters, None) else None


def _skip_to(letters: Iterator[DeadLetter], died_ms: int, last: str) -> Iterator[DeadLetter]:
    """Yield the letters behind the last one of a page.

    Where that one was redriven or dropped, all that died in its millisecond are yielded.
    """
    ties = list[DeadLetter]()
    for letter in letters:
        if letter.died_ms != died_ms:
            yield from ties
            yield letter
            yield from letters
            return
        ties.append(letter)
        if letter.id == last:
            ties.clear()
    yield from ties


def view_letter(letter: DeadLetter) -> Mapping[str, Any]:
    """Return what a client sees of a dead letter: no text and no customer."""
    return {
        "id": letter.id,
        "kind": _KINDS[type(letter)],
        "number": letter.number,
        "died_at": letter.at,
        "cause": letter.cause,
        "code": letter.code,
        "advice": letter.advice,
        "attempts": letter.attempts,
    }


def _read_filter(query: Mapping[str, str]) -> tuple[DeadLetterFilter, int]:
    """Return what is asked for in the query, and how many at most. Raises ApiError."""
    reader = FieldReader(query)
    reader.refuse_unknown(_FIELDS)
    cause = reader.text("cause", 64)
    code = read_number(reader, "code", 0, 10**7)
    limit = read_number(reader, "limit", 1, MOST_LISTED)
    since, until = read_period(reader)
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    causes = frozenset({cause} - {""})
    codes = frozenset() if code is None else frozenset({code})
    return DeadLetterFilter(causes=causes, codes=codes, since=since, until=until), limit or LISTED
