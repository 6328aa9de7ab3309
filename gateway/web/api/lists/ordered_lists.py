"""Ordered lists: bounded ones that are read whole, and answered page by page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.lists.list_request import LISTED, MOST_LISTED, read_number
from gateway.web.api.json_body import json_response
from gateway.web.api.lists.pages import Cursors, next_link
from gateway.web.api.problems import ApiError
from gateway.web.api.server.query import check_query

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page of an ordered list a query asks for."""

    path: str
    query: Mapping[str, str]
    cursors: Cursors
    limit: int

    def cut(self, rows: Iterable[Row], place_of: Callable[[Row], str]) -> "OrderedPage[Row]":
        """Return the page of rows, which are in the order of their places.

        Raises ApiError for another list's cursor, StoreUnavailableError or ScriptError.
        """
        behind = self.cursors.read_name(self.query.get("cursor", ""))
        placed = sorted((place_of(row), i, row) for i, row in enumerate(rows))
        placed = [one for one in placed if one[0] > behind]
        page = placed[: self.limit]
        end = page[-1][0] if len(placed) > self.limit else None
        return OrderedPage([row for _, _, row in page], self.cursors.write_name(end))

    def respond(self, data: Sequence[Any], cursor: str | None, **more: Any) -> Response:
        """Answer with a page, and a link to the next one."""
        link = {"link": next_link(self.path, self.query, cursor)} if cursor else {}
        return json_response({"data": data, **more, "next_cursor": cursor}, 200, **link)


@dataclass(frozen=True, slots=True)
class OrderedPage(Generic[Row]):
    """A page of an ordered list, and the cursor of the next one, None on the last."""

    rows: Sequence[Row]
    cursor: str | None


def read_page_request(
    request: Request,
    path: str,
    cursors: Cursors,
    *filters: str,
    usual: int = LISTED,
    most: int = MOST_LISTED,
    wrong: Sequence[FieldError] = (),
) -> PageRequest:
    """Return which page a query asks for. Raises ApiError, with what is `wrong` besides."""
    query = check_query(request, "limit", "cursor", *filters)
    reader = FieldReader(query, "#", [*wrong])
    limit = read_number(reader, "limit", 1, most)
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    return PageRequest(path, query, cursors, limit or usual)
