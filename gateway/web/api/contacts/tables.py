"""Addresses of tables of contacts: many are imported from a file, tagged, and exported."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.core.api.contact_request import MOST_TAG, MOST_TAGS
from gateway.core.api.field_errors import FieldError
from gateway.core.api.keys import ApiKey
from gateway.core.tables.contact_rows import split_tags
from gateway.store.planning.contact_import import (
    ImportOptions,
    ImportResult,
    NoRoomError,
    import_path,
)
from gateway.store.planning.contact_scan import iter_contacts, list_variables
from gateway.store.redis.client import Store
from gateway.tables.contact_table import iter_csv
from gateway.tables.text_table import MOST_BYTES
from gateway.web.api.contacts.descriptions import EXPORT_TABLE, IMPORT_TABLE
from gateway.web.api.json_body import json_response
from gateway.web.api.lists.pages import choose_numbers
from gateway.web.api.problems import ApiError
from gateway.web.api.server.file_uploads import TABLES, FileUploads, read_media_type
from gateway.web.api.server.gate import IMPORT
from gateway.web.api.server.query import check_query

EXPORT = "/v1/contacts/export.csv"


@dataclass(frozen=True, slots=True)
class ContactTableRoutes:
    """Imports and exports the contacts of one of our numbers."""

    store: Store
    uploads: FileUploads
    default_number: Callable[[], str]
    country_of: Callable[[str], str]
    read_numbers: Callable[[], Awaitable[Sequence[str]]]
    limit_bytes: int  # of the store's memory where the server has no limit of its own

    def router(self) -> APIRouter:
        """Return the routes, which go before those with the id of a contact."""
        router = APIRouter(tags=["contacts"])
        router.add_api_route(IMPORT, self.import_table, methods=["POST"], **IMPORT_TABLE)
        router.add_api_route(EXPORT, self.export_table, methods=["GET"], **EXPORT_TABLE)
        return router

    async def import_table(self, request: Request) -> Response:
        """Answer with what a file changed; one that cannot be read changes nothing."""
        check_query(request, "number", "tag", "untag", "encoding")
        number = await self._number(request)
        query = request.query_params
        options = ImportOptions(
            tags=_read_tags(request, "tag"),
            without_tags=_read_tags(request, "untag"),
            country=self.country_of(number),
            encoding=query.get("encoding", ""),
        )
        read_media_type(request, TABLES, "A table of contacts")
        async with self.uploads.received(request, MOST_BYTES) as path:
            result = await self._import(number, path, options)
        if result.error:
            raise ApiError("invalid", errors=[FieldError("#", result.error)])
        return json_response(result.view())

    async def _import(self, number: str, path: Path, options: ImportOptions) -> ImportResult:
        try:
            return await self.uploads.run(import_path, number, path, options, self.limit_bytes)
        except NoRoomError as error:
            raise ApiError("unavailable", str(error)) from None

    async def export_table(self, request: Request) -> Response:
        """Answer with a line for each contact, or for those with a tag."""
        check_query(request, "number", "tag")
        number = await self._number(request)
        tag = request.query_params.get("tag", "").strip()
        headers = {"content-disposition": 'attachment; filename="contacts.csv"'}
        lines = self._iter_lines(number, tag)
        return StreamingResponse(lines, media_type="text/csv", headers=headers)

    def _iter_lines(self, number: str, tag: str) -> Iterator[str]:
        variables = list_variables(self.store, number, tag)
        yield from iter_csv(iter_contacts(self.store, number, tag), variables)

    async def _number(self, request: Request) -> str:
        key: ApiKey = request.state.key
        wanted: Any = request.query_params.get("number") or self.default_number()
        if not wanted:
            detail = "is missing, and there is no default account"
            raise ApiError("invalid", errors=[FieldError("#/number", detail)])
        (number,) = choose_numbers(await self.read_numbers(), key, "number", wanted)
        return number


def _read_tags(request: Request, name: str) -> tuple[str, ...]:
    """Return the tags of a parameter, with ; between them. Raises ApiError."""
    tags = split_tags(request.query_params.get(name, ""))
    if len(tags) > MOST_TAGS or not all(len(tag) <= MOST_TAG for tag in tags):
        detail = f"must be up to {MOST_TAGS} tags of up to {MOST_TAG} characters, with ; between"
        raise ApiError("invalid", errors=[FieldError(f"#/{name}", detail)])
    return tags
