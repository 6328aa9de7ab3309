"""A service of the operator's: real sockets, and an answer by path as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-secret-of-the-shop"


@dataclass
class RunningService:
    """Notes what it is asked, and answers `status` and `content`; None hangs until it is over."""

    url: str
    status: int | None = 200
    content: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    heard: list[dict[str, str]] = field(default_factory=list)  # headers of each request
    told: list[bytes] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    takes_s: float = 0.0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        """Take the time of a request, and count how many there are at once."""
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.over.wait(self.takes_s)
        with self.lock:
            self.at_once -= 1

    def answer(self, content: Any, status: int = 200) -> None:
        """Answer JSON from now on."""
        self.status, self.content = status, json.dumps(content).encode()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # else a crowd waits for its connections


@contextmanager
def a_service() -> Iterator[RunningService]:
    """Serve on a free port for the length of a test."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.work()
            self.answer()

        def do_POST(self) -> None:
            running.work()
            self.answer()

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            running.told.append(self.rfile.read(length))
            running.heard.append({name.lower(): value for name, value in self.headers.items()})
            running.asked.append((self.command, self.path))
            if running.status is None:
                running.over.wait(180)
                return
            self.send_response(running.status)
            for name, value in running.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(running.content)))
            self.end_headers()
            self.wfile.write(running.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        running = RunningService(f"http://127.0.0.1:{server.server_address[1]}/api")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.over.set()
        server.shutdown()
        thread.join()
