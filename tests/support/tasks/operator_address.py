"""An address of the operator: real sockets, and an answer to each request as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Notes what it is asked, then answers; without an answer it hangs until the test is over."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook?token=hush"
        self.asked: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.told: list[Any] = []
        self.status: int | None = 204
        self.answers: dict[str, str] = {}  # headers of the answer
        self.over = threading.Event()

    @property
    def states(self) -> list[tuple[str, str]]:
        """Return what was told of which cause, in order."""
        return [(told["state"], told["cause"]) for told in self.told]


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """Serve on a free port for the length of a test."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def answer(self) -> None:
            receiver.asked.append((self.command, self.path))
            receiver.headers.append(dict(self.headers))
            if length := int(self.headers.get("content-length", 0)):
                receiver.told.append(json.loads(self.rfile.read(length)))
            if receiver.status is None:
                receiver.over.wait(180)
                return
            self.send_response(receiver.status)
            for name, value in receiver.answers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield receiver
        receiver.over.set()
        server.shutdown()
        thread.join()
