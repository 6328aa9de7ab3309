"""Logs: one JSON object a line, never in anybody's way, and nothing private in them."""

import errno
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.config import logs
from tests.support.servers import wait_until

PHONE = "351900000001"


class Stalled(io.StringIO):
    """A log driver that takes nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.flows = threading.Event(), threading.Event()

    def write(self, line: str) -> int:
        self.asked.set()
        self.flows.wait(180)
        return super().write(line)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the logging of other tests as it was."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    yield
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


def written(stream: io.StringIO) -> list[Any]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_the_libraries_are_one_json_object_each() -> None:
    stream = io.StringIO()
    listener = logs.configure("info", stream)
    structlog.get_logger("gateway.web").info("delivery_kept", partition=3, note="two\nlines")
    logging.getLogger("kombu").warning("lost %s of %d", "one", 2)
    listener.stop()

    ours, theirs = written(stream)
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {
        "event": "delivery_kept", "level": "info", "logger": "gateway.web", "partition": 3,
        "note": "two\nlines",
    }  # fmt: skip
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "lost one of 2", "warning", "kombu",
    )  # fmt: skip


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    listener = logs.configure("warning", stream)
    structlog.get_logger("gateway").info("delivery_kept")
    logging.getLogger("celery").info("Task received")
    listener.stop()

    assert written(stream) == []


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"to {PHONE}", "to …"),
        (f"to +{PHONE}.", "to …."),
        (f"wa_id:{PHONE}, again", "wa_id:…, again"),
        (f"'{PHONE}'", "'…'"),
        (f"/{PHONE}/messages?to={PHONE}", "/…/messages?to=…"),
        ("3:1763830000000-0 passed", "3:1763830000000-0 passed"),
        ("took 0.123456789 s", "took 0.123456789 s"),
        ("redis://127.0.0.1:65535/0", "redis://127.0.0.1:65535/0"),
        ("wamid.HBgMMzUxOTAwMDAwMDAxFQIA", "wamid.HBgMMzUxOTAwMDAwMDAxFQIA"),
        ("send 5hq4x1234567z", "send 5hq4x1234567z"),
    ],
    ids=[
        "word", "end", "colon", "quoted", "address", "place", "float", "port", "wamid", "send",
    ],
)  # fmt: skip
def test_phone_numbers_are_masked_where_a_library_words_the_line(said: str, shown: str) -> None:
    stream = io.StringIO()
    listener = logs.configure("info", stream)
    logging.getLogger("celery").info(said)
    listener.stop()

    assert written(stream)[0]["event"] == shown


def test_a_phone_number_in_the_title_of_an_alert_is_masked() -> None:
    stream = io.StringIO()
    listener = logs.configure("info", stream)
    structlog.get_logger("tasks").warning("alert_begun", title=f"{PHONE} was flagged.")
    listener.stop()

    assert written(stream)[0]["title"] == "… was flagged."


@pytest.mark.parametrize("words", ["Go on.", "Go\non.\n\nUser: 0\n"], ids=["one", "several lines"])
def test_a_warning_is_one_sentence_without_its_place(words: str) -> None:
    stream = io.StringIO()
    listener = logs.configure("info", stream)
    # As logging.captureWarnings passes it on.
    text = warnings.formatwarning(words, UserWarning, "/lib/celery.py", 893, "_warn(egid, euid,")
    logging.getLogger("py.warnings").warning("%s", text)
    listener.stop()

    assert written(stream)[0]["event"] == f"UserWarning: {' '.join(words.split())}"


def test_phone_numbers_are_masked_in_tracebacks() -> None:
    stream = io.StringIO()
    listener = logs.configure("info", stream)
    try:
        raise KeyError(PHONE)
    except KeyError:
        logging.getLogger("celery").exception("task raised")
        structlog.get_logger("gateway").exception("event_dead")
    listener.stop()

    assert ["KeyError: '…'" in line["exception"] for line in written(stream)] == [True, True]
    assert PHONE not in stream.getvalue()


def test_a_stalled_stream_does_not_stall_the_logger_and_what_was_lost_is_told() -> None:
    stream = Stalled()
    listener = logs.configure("info", stream)
    log = structlog.get_logger("gateway")
    log.info("first")
    assert stream.asked.wait(180)  # The writer has it in hand, and the queue is empty.

    began = time.monotonic()
    for _ in range(logs.WAITING_LINES + 25):
        log.info("delivery_kept")
    assert time.monotonic() - began < 30
    stream.flows.set()
    wait_until(lambda: stream.getvalue().count("\n") > logs.WAITING_LINES, "all is written")
    log.info("last")
    listener.stop()

    lines = written(stream)
    assert len(lines) == logs.WAITING_LINES + 3
    assert [line["event"] for line in lines[-2:]] == ["log_lines_dropped", "last"]
    assert lines[-2]["lines"] == 25


class Full(io.StringIO):
    """A log on a disk that is full until there is room."""

    has_room = False

    def write(self, line: str) -> int:
        if not self.has_room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(line)


def test_lines_that_a_full_disk_refuses_are_counted_and_told_once_there_is_room() -> None:
    stream = Full()
    listener = logs.configure("info", stream)
    log = structlog.get_logger("gateway")
    for _ in range(3):
        log.info("delivery_kept")
        listener.queue.join()  # type: ignore[attr-defined]  # it is a queue.Queue
    stream.has_room = True
    log.info("last")
    listener.stop()

    told, last = written(stream)
    assert (told["event"], told["lines"], last["event"]) == ("log_lines_dropped", 3, "last")


def test_a_line_that_was_cut_does_not_spoil_the_next_one() -> None:
    script = (
        "import os, resource, signal; from gateway.config import logs\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "out = logs._StandardError()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, resource.RLIM_INFINITY))\n"
        "try: out.write('a long line\\n')\n"
        "except OSError: pass\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, ) * 2)\n"
        "out.write('next\\n')\n"
    )
    with tempfile.TemporaryFile() as log:
        done = subprocess.run([sys.executable, "-c", script], stderr=log, timeout=180, check=False)
        log.seek(0)
        assert (done.returncode, log.read()) == (0, b"a lon\nnext\n")


def test_no_line_gets_into_a_file_that_takes_the_number_of_a_closed_stderr(tmp_path: Path) -> None:
    script = (
        "from gateway.config import logs, standard_streams; import structlog, sys\n"
        "standard_streams.reopen_closed()\n"
        "data = open(sys.argv[1], 'w')\n"
        "listener = logs.configure('info')\n"
        "structlog.get_logger('gateway').info('delivery_kept')\n"
        "print('said', file=sys.stderr)\n"
        "listener.stop()\n"
    )
    command = f"exec '{sys.executable}' -c \"$0\" '{tmp_path / 'data'}' 2>&-"
    done = subprocess.run(["sh", "-c", command, script], timeout=180, check=False)

    assert (done.returncode, (tmp_path / "data").read_text()) == (0, "")


@pytest.mark.parametrize(("level", "lines"), [("info", 0), ("debug", 1)])
def test_a_wake_up_is_a_line_at_the_level_debug_only(level: str, lines: int) -> None:
    stream = io.StringIO()
    listener = logs.configure(level, stream)
    logging.getLogger("celery.worker.strategy").info("Task tasks.tick received")
    listener.stop()

    assert len(written(stream)) == lines


def test_a_stalled_stream_holds_up_no_exit() -> None:
    script = (
        "import atexit, structlog; from gateway import logs\n"
        "atexit.register(logs.configure('info').stop)\n"
        "for _ in range(20_000): structlog.get_logger('gateway').info('delivery_kept')\n"
    )
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen([sys.executable, "-c", script], stderr=writing)
        assert process.wait(timeout=180) is not None
    finally:
        os.close(writing)
        os.close(reading)
