"""Servers on real sockets that stand in for others: an ngrok agent, a login page."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Mapping[str, str], bytes]
Handle = Callable[[str, str, bytes], Answer]  # method, path and body of a request

# What ngrok gives is https; nobody listens there, and nobody is asked for its name.
PUBLIC = "https://127.0.0.1:1"
NO_METRICS: Mapping[str, Any] = {"conns": {"count": 0, "gauge": 0}, "http": {"count": 0}}


@contextmanager
def serving(handle: Handle) -> Iterator[str]:
    """Let a function answer every request, and give the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            self.answer()

        def do_DELETE(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, said = handle(self.command, self.path, body)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def login_page(method: str, path: str, body: bytes) -> Answer:
    return 200, {"content-type": "text/html; charset=utf-8"}, b"<html><form>Log in</form></html>"


class Agent:
    """The local API of an ngrok agent, https://ngrok.com/docs/agent/api, with its JSON."""

    def __init__(self) -> None:
        self.tunnels: list[dict[str, Any]] = []
        self.asked: list[Any] = []
        self.refuses = ""  # the code of an error that keeps new tunnels from being started

    def add(self, name: str, addr: str, public_url: str = PUBLIC) -> None:
        self.tunnels.append(
            {
                "name": name,
                "ID": "0a1b",
                "uri": f"/api/tunnels/{name}",
                "public_url": public_url,
                "proto": public_url.partition(":")[0],
                "config": {"addr": addr, "inspect": True},
                "metrics": NO_METRICS,
            }
        )

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        if method == "DELETE":
            self.tunnels = [one for one in self.tunnels if one["uri"] != path]
            return 204, {}, b""
        if method == "POST":
            return self._start(json.loads(body))
        return _json(200, {"tunnels": self.tunnels, "uri": "/api/tunnels"})

    def _start(self, asked: dict[str, Any]) -> Answer:
        self.asked.append(asked)
        if self.refuses:
            told = f"failed to start tunnel: Your authtoken: hush\r\n\r\n{self.refuses}\r\n"
            error = {"error_code": 103, "status_code": 502, "msg": "failed to start tunnel"}
            return _json(502, {**error, "details": {"err": told}})
        self.add(asked["name"], f"http://{asked['addr']}")
        return _json(201, self.tunnels[-1])


def _json(status: int, told: Any) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(told).encode()
