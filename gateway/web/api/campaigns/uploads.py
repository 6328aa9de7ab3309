"""Uploads of audiences: a file, or the customers that a JSON object names."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson
from starlette.requests import Request

from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.campaigns.audience import read_column_map
from gateway.core.campaigns.retry_source import Scope
from gateway.store.campaigns.uploads.known_customers import KnownCustomers, read_known_customers
from gateway.store.campaigns.uploads.upload import (
    Home,
    TableForm,
    UploadResult,
    repeat_by_id,
    store_known_by_id,
    store_path,
)
from gateway.tables.text_table import MOST_BYTES
from gateway.web.api.problems import ApiError
from gateway.web.api.server.file_uploads import TABLES, FileUploads, read_media_type

JSON = "application/json"
MOST_JSON = 1024**2


class AudienceUploads:
    """Gives drafts the audience in the body of a request."""

    def __init__(self, files: FileUploads) -> None:
        """Take what receives files, and runs what reads them."""
        self._files = files

    async def take(
        self, request: Request, id_: str, needed: frozenset[str], home: Home
    ) -> UploadResult:
        """Store the audience in a request's body, with the columns it needs. Raises ApiError."""
        form = _read_form(request, needed)
        is_object = read_media_type(request, (*TABLES, JSON), "An audience") == JSON
        if is_object and form.column_map:
            raise ApiError("invalid", errors=[FieldError("#/map", "is for the columns of a file")])
        async with self._files.received(request, MOST_JSON if is_object else MOST_BYTES) as path:
            if is_object:
                customers = _read_customers(await asyncio.to_thread(path.read_bytes))
                return await self._files.run(store_known_by_id, id_, customers, home)
            return await self._files.run(store_path, id_, path, form, home)

    async def repeat(self, id_: str, scope: Scope, codes: Sequence[int], zone: str) -> str:
        """Make the repetition of a campaign; return its id, "" where it is forgotten."""
        return await self._files.run_in_turn(repeat_by_id, id_, scope, codes, zone)


def _read_form(request: Request, needed: frozenset[str]) -> TableForm:
    """Return how the query says that a file is to be read. Raises ApiError."""
    query = request.query_params
    fields = _parse_object(query.get("map") or "{}")
    if fields is None:
        detail = 'must be a JSON object such as {"phone": "Handynummer"}'
        raise ApiError("invalid", errors=[FieldError("#/map", detail)])
    reader = FieldReader(fields, "#/map")
    column_map = read_column_map(reader, needed)
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    return TableForm(query.get("encoding", ""), column_map)


def _read_customers(body: bytes) -> KnownCustomers:
    fields = _parse_object(body)
    if fields is None:
        raise ApiError("malformed", "The body must be a JSON object.")
    reader = FieldReader(fields)
    customers = read_known_customers(reader)
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    return customers


def _parse_object(text: bytes | str) -> dict[str, Any] | None:
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(text)
        return value if isinstance(value, dict) else None
    return None
