"""The process that reads an audience: it holds up nothing, and ends with whoever waits for it."""

import asyncio
import multiprocessing
import os
import signal
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from gateway.store.campaigns.uploads.upload import Home, TableForm
from gateway.web.api.problems import ApiError
from gateway.web.api.server import file_uploads
from gateway.web.api.server.file_uploads import FOLDER, FileUploads, read_media_type
from tests.support.servers import wait_until

pytestmark = pytest.mark.anyio
GIVEN: Any = ("k7f3abcdm2qx", Path("audience.csv"), TableForm(), Home())


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


async def test_a_client_that_stops_in_the_middle_gives_its_turn_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_uploads, "STALLED_S", 0.05)
    uploads, parts = FileUploads("redis://nowhere", []), asyncio.Queue[Any]()
    request = Request({"type": "http", "headers": []}, parts.get)
    for _ in range(2):
        parts.put_nowait({"type": "http.request", "body": b"phone\n", "more_body": True})

    with pytest.raises(ApiError) as raised:
        async with uploads.received(request, 100):
            pytest.fail("the body has no end")

    assert raised.value.kind == "timeout"
    parts.put_nowait({"type": "http.request", "body": b"phone\n"})
    async with uploads.received(request, 100) as path:
        assert path.read_bytes() == b"phone\n"


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP"])
def test_a_body_that_is_compressed_is_refused_by_its_head(coding: str) -> None:
    headers = [(b"content-type", b"text/csv"), (b"content-encoding", coding.encode())]

    with pytest.raises(ApiError) as raised:
        read_media_type(Request({"type": "http", "headers": headers}), ["text/csv"], "A table")

    assert raised.value.kind == "media-type"


async def test_what_a_killed_process_left_of_an_upload_is_removed_after_a_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, recent, foreign = (tmp_path / f"{name}old" for name in (FOLDER, f"{FOLDER}not-", "x"))
    for one in (old, recent, foreign):
        one.mkdir()
        (one / "body").write_bytes(b"phone\n")
    for one in (old, foreign):
        os.utime(one, (0, 0))
    request = Request({"type": "http", "headers": []}, one_part)

    async with FileUploads("redis://nowhere", []).received(request, 100) as path:
        assert path.parent.name.startswith(FOLDER)

    assert {*os.listdir(tmp_path)} == {recent.name, foreign.name}


async def test_a_file_for_which_there_is_no_room_is_a_503(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "body").symlink_to("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda prefix: nullcontext(str(tmp_path)))
    request = Request({"type": "http", "headers": []}, one_part)

    with pytest.raises(ApiError) as raised:
        async with FileUploads("redis://nowhere", []).received(request, 100):
            pytest.fail("it is not stored")

    assert raised.value.kind == "unavailable"


async def one_part() -> Any:
    return {"type": "http.request", "body": b"phone\n"}
