"""An application that receives forwards: real sockets, and an answer as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

from tests.support.servers import free_port


class Application:
    """Notes what it is posted, and answers as a test says."""

    def __init__(self) -> None:
        self.port = free_port()
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.answer: bytes | Callable[[bytes], bytes] = b""  # in JSON, or made of what it is posted
        self.hangs = threading.Event()
        self.hangs.set()
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Note a post, and hang if a test says so."""
        with self._lock:
            self.posts.append((headers, body))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.hangs.wait(180)
        with self._lock:
            self.at_once -= 1

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.posts]

    @property
    def texts(self) -> list[str]:
        return [orjson.loads(body)["data"]["text"] for _, body in self.posts]


@contextmanager
def an_application() -> Iterator[Application]:
    """Serve on a free port for the length of a test."""
    application = Application()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # whoever posted it died in the middle
                self.close_connection = True
                return
            application.take({k.lower(): v for k, v in self.headers.items()}, body)
            answer = application.answer
            if callable(answer):
                answer = answer(body)
            self.send_response(application.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", application.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield application
    application.hangs.set()
    server.shutdown()
    server.server_close()
