"""Structured logs: one JSON object a line, written by a thread so that a stalled log never blocks.

A log driver that stops reading would freeze the event loop at `write()`. Lines go through a bounded
queue instead; what does not fit is dropped and counted, and the count is logged once there is room.
"""

import logging
import logging.handlers
import queue
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

WAITING_LINES = 10_000
# Seven digits in a row may be a phone number, wherever a library put it into its message.
_DIGITS = re.compile(r"(?<![\w.:-])\+?\d{7,15}(?![\w.:-])")


class _DroppingHandler(logging.handlers.QueueHandler):
    """Hands lines to the writing thread, and counts those for which there was no room."""

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        prepared: logging.LogRecord = super().prepare(record)
        if self.dropped:
            prepared.msg = f"{prepared.msg} (log_lines_dropped={self.dropped})"
            self.dropped = 0
        return prepared


def masked(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Mask what looks like a phone number in a message that somebody else worded."""
    event["event"] = _DIGITS.sub("…", str(event.get("event", "")))
    return event


def configure(level: str = "info", stream: TextIO | None = None) -> logging.handlers.QueueListener:
    """Send the logs of this process, ours and the libraries', to `stream` (default stderr)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    writer = logging.StreamHandler(stream or sys.stderr)
    lines: queue.Queue[logging.LogRecord] = queue.Queue(WAITING_LINES)
    handler = _DroppingHandler(lines)
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
    listener = logging.handlers.QueueListener(lines, writer)
    listener.start()
    return listener


def _formatter(shared: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, masked],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
