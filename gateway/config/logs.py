"""Structured logs: one JSON object a line, written by a thread so that a stalled log never blocks.

A log driver that stops reading would freeze the event loop at `write()`. Lines go through a bounded
queue instead; lines that do not fit are dropped, and their count is logged once there is room.
"""

import contextlib
import logging
import logging.handlers
import os
import queue
import re
import threading
from typing import Protocol

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

WAITING_LINES = 10_000
STOP_WITHIN_S = 2.0
# Seven digits in a row may be a phone number, wherever a library put it into its message. A number
# with a point, a colon or a hyphen inside is a time, a version, an address or one of our own ids.
_DIGITS = re.compile(r"(?<![\w-])(?<!\d[.:])\+?\d{7,15}(?![\w-]|[.:]\d)")

# As `warnings` formats it: the place, the category with the message, and the line of source.
_WARNING = re.compile(r":\d+: (\w+: .*?)(?:\n  \S.*)?\s*\Z", re.DOTALL)


class LineStream(Protocol):
    """Stream that takes log lines."""

    def write(self, line: str, /) -> object:
        """Write a line with its end."""

    def flush(self) -> object:
        """Write what is buffered."""


class _StandardError:
    """Standard error without a buffer, so that a line which failed is not written later."""

    _is_cut = False  # the last line was written in part, as by a disk that became full

    def write(self, line: str, /) -> None:
        """Write a line. Raises OSError."""
        data = f"\n{line}" if self._is_cut else line
        rest = memoryview(data.encode(errors="backslashreplace"))
        while rest:
            rest = rest[os.write(2, rest) :]
            self._is_cut = bool(rest)

    def flush(self) -> None:
        """Do nothing: each line is written at once."""


class _LostLines:
    """Number of lines that were lost since the last report of them."""

    def __init__(self) -> None:
        self._lines, self._lock = 0, threading.Lock()

    def add(self, lines: int) -> None:
        with self._lock:
            self._lines += lines

    def take(self) -> int:
        with self._lock:
            lines, self._lines = self._lines, 0
        return lines


class _DroppingHandler(logging.handlers.QueueHandler):
    """Log handler: hands lines to the writing thread, and counts those dropped by a full queue."""

    def __init__(self, lines: queue.Queue[logging.LogRecord], lost: _LostLines) -> None:
        super().__init__(lines)
        self._lost = lost

    def enqueue(self, record: logging.LogRecord) -> None:
        if lines := self._lost.take():
            self._put(self.prepare(_loss_record(lines)))
        self._put(record)

    def _put(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._lost.add(_count_lines(record))


class _Listener(logging.handlers.QueueListener):
    """Writing thread: takes lines from the queue and writes them to the stream.

    It uses no handler and not `sys.stderr`: when the process ends, Python waits for the locks of
    both, which a thread that is stuck in a write would never release.
    """

    def __init__(
        self,
        lines: queue.Queue[logging.LogRecord],
        stream: LineStream | None,
        lost: _LostLines,
    ) -> None:
        super().__init__(lines)
        self._stream = stream or _StandardError()
        self._lost = lost

    def handle(self, record: logging.LogRecord) -> None:
        """Write one line; one that the stream refuses is counted, and the next lines go on."""
        try:
            self._stream.write(f"{record.msg}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._lost.add(_count_lines(record))

    def stop(self) -> None:
        """Write the queued lines, for two seconds at most: a stalled log must not delay an exit."""
        with contextlib.suppress(queue.Full):
            self.enqueue_sentinel()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)


def _loss_record(lines: int) -> logging.LogRecord:
    fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "lines": lines}
    return logging.makeLogRecord({"msg": "log_lines_dropped", **fields})


def _count_lines(record: logging.LogRecord) -> int:
    """Return for how many lines a record stands: a report of lost lines stands for them."""
    lines: int = getattr(record, "lines", 1) if record.name == __name__ else 1
    return lines


def mask_phone_numbers(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask digits that look like a phone number in texts that a library or Meta worded."""
    for name in ("event", "exception", "title"):
        if name in event:
            event[name] = _DIGITS.sub("…", str(event[name]))
    return event


def shorten_warning(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make one sentence of a Python warning, which has the place and the source line around it."""
    if event.get("logger") == "py.warnings":
        found = _WARNING.search(str(event["event"]))
        event["event"] = " ".join((found[1] if found else str(event["event"])).split())
    return event


def configure(
    level: str = "info", stream: LineStream | None = None
) -> logging.handlers.QueueListener:
    """Send the logs of this process, ours and the libraries', to `stream` (default stderr)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    lines: queue.Queue[logging.LogRecord] = queue.Queue(WAITING_LINES)
    lost = _LostLines()
    handler = _DroppingHandler(lines, lost)
    handler.setFormatter(_formatter(shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        cache_logger_on_first_use=True,
    )
    for noisy in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # A line for each wake-up, taken and done: hundreds a minute while nothing happens.
    for detail in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(detail).setLevel(
            logging.NOTSET if level.lower() == "debug" else logging.WARNING
        )
    listener = _Listener(lines, stream, lost)
    listener.start()
    return listener


def _formatter(shared: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder({"lines"})],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            shorten_warning,
            mask_phone_numbers,
            structlog.processors.JSONRenderer(),
        ],
    )
