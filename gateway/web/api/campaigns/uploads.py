"""Uploads of audiences: a body of any size goes to a file, and a process of its own reads it."""

import asyncio
import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request

from gateway.core.api.field_errors import FieldReader
from gateway.store.campaigns.known_customers import KnownCustomers, read_known_customers
from gateway.store.campaigns.repetition import Scope
from gateway.store.campaigns.upload import (
    Home,
    UploadResult,
    repeat_by_id,
    store_known_by_id,
    store_path,
)
from gateway.tables.text_table import MOST_BYTES
from gateway.tables.workbook import MEDIA_TYPE as XLSX
from gateway.web.api.problems import ApiError

log = structlog.get_logger(__name__)

T = TypeVar("T")
WITHIN_S = 600.0
JSON = "application/json"
MOST_JSON = 1024**2
MEDIA_TYPES = ("text/csv", "application/x-ndjson", XLSX, JSON)


class AudienceUploads:
    """Takes one upload after the other: each may fill a disk and use a core for a minute."""

    def __init__(self, redis_url: str, keys: Sequence[bytes]) -> None:
        """Take what a process needs to open the store; none starts before it is needed."""
        self._store_args = (redis_url, tuple(keys))
        self._turn = asyncio.Semaphore(1)

    async def take(self, request: Request, id_: str, encoding: str, home: Home) -> UploadResult:
        """Store the audience in a request's body. Raises ApiError."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise ApiError("media-type", f"An audience is {' or '.join(MEDIA_TYPES)}.")
        is_object = media_type == JSON
        async with self._turn:
            with tempfile.TemporaryDirectory(prefix="audience-") as folder:
                path = Path(folder) / "audience"
                await _receive(request, path, MOST_JSON if is_object else MOST_BYTES)
                if is_object:
                    customers = _read_customers(await asyncio.to_thread(path.read_bytes))
                    return await self.run(store_known_by_id, id_, customers, home)
                return await self.run(store_path, id_, path, encoding, home)

    async def repeat(self, id_: str, scope: Scope, codes: Sequence[int], zone: str) -> str:
        """Make the repetition of a campaign; return its id, "" where it is forgotten."""
        async with self._turn:
            return await self.run(repeat_by_id, id_, scope, codes, zone)

    async def run(self, work: Callable[..., T], id_: str, *args: Any) -> T:
        """Work in a process of its own, which ends when nobody waits for it any more."""
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        run = asyncio.get_running_loop().run_in_executor
        try:
            return await run(pool, work, *self._store_args, id_, *args)
        except asyncio.CancelledError:
            # The web process ends, and would wait for its children.
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        except BrokenProcessPool:
            log.error("audience_reader_ended", campaign=id_)
            detail = "The process that read the audience was ended; nothing counts. Repeat it."
            raise ApiError("unavailable", detail, headers={"retry-after": "60"}) from None
        finally:
            # To wait here would hold up the event loop, and the webhook with it.
            pool.shutdown(wait=False, cancel_futures=True)


def _read_customers(body: bytes) -> KnownCustomers:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ApiError("malformed", "The body must be a JSON object.")
    reader = FieldReader(value)
    customers = read_known_customers(reader)
    if reader.errors:
        raise ApiError("invalid", errors=reader.errors)
    return customers


async def _receive(request: Request, path: Path, most: int) -> None:
    size = 0
    try:
        async with asyncio.timeout(WITHIN_S):
            with path.open("wb") as file:
                async for part in request.stream():
                    size += len(part)
                    if size > most:
                        raise ApiError("too-large", f"This audience may have {most:,} bytes.")
                    await asyncio.to_thread(file.write, part)
    except TimeoutError:
        raise ApiError("timeout", headers={"connection": "close"}) from None
    except ClientDisconnect:
        raise ApiError("malformed", "The request broke off.") from None
