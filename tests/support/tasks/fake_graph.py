"""A stand-in for Meta's Graph endpoint: real sockets, and an answer to each post as a test says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any] | None  # None cuts the connection


def accept(body: Any) -> Reply:
    return 200, {"messages": [{"id": f"wamid.{body['text']['body']}"}]}


def refuse(code: int, status: int = 400) -> Callable[[Any], Reply]:
    return lambda _: (status, {"error": {"code": code, "message": "refused"}})


class Meta:
    """Notes each body before it answers, and how many it had in hand at once."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.posted: list[Any] = []
        self.tokens: list[str] = []
        self.paths: list[str] = []
        self.numbers: dict[str, Any] = {}  # what it says of each, by id
        self.asked: list[str] = []
        self.answer: Callable[[Any], Reply] = accept
        self.answers_by_token: dict[str, Callable[[Any], Reply]] = {}
        self.lock = threading.Lock()
        self.in_hand: list[str] = []
        self.most_in_hand = self.most_of_one = 0

    def texts(self) -> list[str]:
        return [body["text"]["body"] for body in self.posted]

    def take(self, body: Any, path: str, token: str) -> Reply:
        with self.lock:
            self.tokens.append(token)
            self.paths.append(path)
            self.posted.append(body)
            self.in_hand.append(body["to"])
            self.most_in_hand = max(self.most_in_hand, len(self.in_hand))
            self.most_of_one = max(self.most_of_one, self.in_hand.count(body["to"]))
        try:
            return self.answers_by_token.get(token, self.answer)(body)
        finally:
            with self.lock:
                self.in_hand.remove(body["to"])


@contextmanager
def a_meta() -> Iterator[Meta]:
    """Serve on a free port for the length of a test."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = json.loads(self.rfile.read(length))
            reply = meta.take(body, self.path, self.headers["authorization"])
            self.close_connection = reply is None
            if reply is not None:
                answer = json.dumps(reply[1]).encode()
                self.send_response(reply[0])
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def do_GET(self) -> None:
            meta.asked.append(self.path)
            id_ = self.path.partition("?")[0].rpartition("/")[2]
            answer = json.dumps({"id": id_, **meta.numbers.get(id_, {})}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Wide(ThreadingHTTPServer):
        request_queue_size = 512  # as many as may knock at once

    with Wide(("127.0.0.1", 0), Handler) as server:
        meta = Meta(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield meta
        server.shutdown()
        thread.join()
