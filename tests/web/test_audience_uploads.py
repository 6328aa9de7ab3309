"""The process that reads an audience: it holds up nothing, and ends with whoever waits for it."""

import asyncio
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.store.campaigns.uploads.upload import Home
from gateway.web.api.problems import ApiError
from gateway.web.api.server.file_uploads import FileUploads
from tests.support.servers import wait_until

pytestmark = pytest.mark.anyio
GIVEN: Any = ("k7f3abcdm2qx", Path("audience.csv"), "", Home())


def read_for_ever(*_: object) -> None:
    while True:
        time.sleep(60)


def has_reader() -> bool:
    return bool(multiprocessing.active_children())


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def reading() -> asyncio.Task[Any]:
    """Begin to read a file without an end, and return once a process does."""
    work = FileUploads("redis://nowhere", []).run(read_for_ever, *GIVEN)
    task = asyncio.create_task(work)
    await asyncio.to_thread(wait_until, has_reader, "a process reads")
    return task


async def test_a_request_that_is_cut_off_takes_the_process_with_it() -> None:
    task = await reading()
    (reader,) = [child.pid or 0 for child in multiprocessing.active_children()]
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    # The pool's own thread may be the one that waits for the process, and has its exit code then.
    await asyncio.to_thread(wait_until, lambda: has_ended(reader), "the process ended")


async def test_a_process_that_is_killed_is_a_503() -> None:
    task = await reading()
    for child in multiprocessing.active_children():
        os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(ApiError) as raised:
        await task
    assert raised.value.kind == "unavailable"
