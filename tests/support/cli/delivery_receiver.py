"""A web server on loopback that takes deliveries in the place of a gateway."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.stack import signed


class Receiver(ThreadingHTTPServer):
    """Takes deliveries, and answers 200 to those that are signed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhook"
        self.held = threading.Event()  # answers wait for it
        self.held.set()
        self.leave_after = 1_000_000  # answers
        self.answered = 0
        self.counting = threading.Lock()


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)
        self.server.held.wait(180)
        with self.server.counting:
            if self.server.answered == self.server.leave_after:
                return  # hangs up without a word
            self.server.answered += 1
        right = self.headers["x-hub-signature-256"] == signed(body)
        self.send_response(200 if right and self.path == "/webhook" else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """Run one for the length of a test."""
    with Receiver() as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield running
        running.held.set()
        running.shutdown()
        thread.join()
