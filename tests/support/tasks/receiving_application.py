"""An application that receives forwards: real sockets, and an answer as a test says."""

import threading
from collections.abc import Iterator
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
        self.answer = b""  # in JSON
        self.hangs = threading.Event()
        self.hangs.set()

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
            body = self.rfile.read(int(self.headers["content-length"]))
            application.posts.append(({k.lower(): v for k, v in self.headers.items()}, body))
            application.hangs.wait(20)
            answer = application.answer
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
