"""Uploads of files: a body of any size goes to a file, and a process of its own reads it."""

import asyncio
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request

from gateway.tables.workbook import MEDIA_TYPE as XLSX
from gateway.web.api.problems import ApiError

log = structlog.get_logger(__name__)

T = TypeVar("T")
WITHIN_S = 600.0
LEFT_FOR_S = 86_400.0  # longer than any upload takes
FOLDER = "whatsapp-gateway-upload-"
STALLED_S = 30.0  # without a byte; whoever is next waits for it
TABLES = ("text/csv", "application/x-ndjson", XLSX)


class FileUploads:
    """Takes one upload after the other: each may fill a disk and use a core for a minute."""

    def __init__(self, redis_url: str, keys: Sequence[bytes]) -> None:
        """Take what a process needs to open the store; none starts before it is needed."""
        self._store_args = (redis_url, tuple(keys))
        self._turn = asyncio.Semaphore(1)

    @asynccontextmanager
    async def received(self, request: Request, most: int) -> AsyncIterator[Path]:
        """Hold a request's body in a file, once it is its turn. Raises ApiError."""
        async with self._turn:
            await asyncio.to_thread(_remove_leftovers)
            with tempfile.TemporaryDirectory(prefix=FOLDER) as folder:
                path = Path(folder) / "body"
                await _receive(request, path, most)
                yield path

    async def run_in_turn(self, work: Callable[..., T], name: str, *args: Any) -> T:
        """Work in a process of its own, once it is its turn."""
        async with self._turn:
            return await self.run(work, name, *args)

    async def run(self, work: Callable[..., T], name: str, *args: Any) -> T:
        """Work in a process of its own, which ends when nobody waits for it any more."""
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        run = asyncio.get_running_loop().run_in_executor
        try:
            return await run(pool, work, *self._store_args, name, *args)
        except asyncio.CancelledError:
            # The web process ends, and would wait for its children.
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        except BrokenProcessPool:
            log.error("upload_reader_ended", about=name)
            detail = "The process that read the file was ended; nothing counts. Repeat it."
            raise ApiError("unavailable", detail, headers={"retry-after": "60"}) from None
        finally:
            # To wait here would hold up the event loop, and the webhook with it.
            pool.shutdown(wait=False, cancel_futures=True)


def read_media_type(request: Request, known: Sequence[str], what: str) -> str:
    """Return of which type a body is. Raises ApiError for one that is not known, or compressed."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in known:
        raise ApiError("media-type", f"{what} is {' or '.join(known)}.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise ApiError("media-type", f"{what} is sent as it is, without Content-Encoding.")
    return found


def _remove_leftovers() -> None:
    """Remove the files of processes that were killed: they hold numbers, and fill a disk."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > LEFT_FOR_S:
                shutil.rmtree(folder)


async def _receive(request: Request, path: Path, most: int) -> None:
    size, now = 0, asyncio.get_running_loop().time
    until = now() + WITHIN_S
    try:
        async with asyncio.timeout(STALLED_S) as limit:
            with path.open("wb") as file:
                async for part in request.stream():
                    limit.reschedule(min(until, now() + STALLED_S))
                    size += len(part)
                    if size > most:
                        raise ApiError("too-large", f"This body may have {most:,} bytes.")
                    await asyncio.to_thread(file.write, part)
    except TimeoutError:
        raise ApiError("timeout", headers={"connection": "close"}) from None
    except ClientDisconnect:
        raise ApiError("malformed", "The request broke off.") from None
    except OSError as error:
        log.error("upload_not_stored", reason=error.strerror)
        detail = "There is no room for the file here; nothing counts."
        raise ApiError("unavailable", detail, headers={"retry-after": "60"}) from None
