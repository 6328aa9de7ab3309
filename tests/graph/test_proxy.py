"""What goes out takes the proxy and the authorities that the environment names."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gateway.accounts.account import GraphCredentials
from gateway.core.sending.response import Answer, NotConnected, Responded
from gateway.graph.messages import Graph
from gateway.http_out.client import post
from gateway.http_out.proxy import find_proxy
from tests.support.certificates import make_certificate

CREDENTIALS = GraphCredentials("EAAsecret", "v25.0")

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY")


class Meta(BaseHTTPRequestHandler):
    """Answers every post, as Meta or, asked with a whole address, as a proxy before it."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Proxy(Meta):
    """Leads each tunnel to the one server, whatever its name is."""

    meta_port = 0

    def do_CONNECT(self) -> None:
        if self.headers.get("proxy-authorization") != "Basic YW5hOnB3":  # ana:pw
            self.send_error(407)
            return
        with socket.create_connection(("127.0.0.1", self.meta_port)) as meta:
            self.send_response(200)
            self.end_headers()
            ends = [self.connection, meta]
            with suppress(OSError):
                while ready := select.select(ends, [], [], 5)[0]:
                    for end in ready:
                        if not (data := end.recv(65536)):
                            return
                        ends[end is self.connection].sendall(data)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve Meta behind TLS and a proxy, and trust its certificate; return the proxy's place."""
    certificate, context = make_certificate(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serving(Meta, context) as meta_port:
        handler = type("Here", (Proxy,), {"meta_port": meta_port})
        with serving(handler, None) as port:
            yield f"127.0.0.1:{port}"


def posted(url: str) -> Answer:
    graph = Graph(url, total_s=5)
    try:
        return graph.post_message("123", {"type": "text"}, CREDENTIALS)
    finally:
        graph.close()


def test_meta_is_reached_through_a_tunnel_of_the_proxy(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ana:pw@{proxy}")

    assert posted("https://meta.test") == Responded(200, b"/v25.0/123/messages")
    assert post("https://meta.test/hook", {}) == ""


def test_a_proxy_that_refuses_the_tunnel_reached_nobody(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)

    assert posted("https://meta.test") == NotConnected("ProxyError")


def test_an_authority_that_is_not_trusted_is_named(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ana:pw@{proxy}")
    monkeypatch.delenv("SSL_CERT_FILE")

    assert posted("https://meta.test") == NotConnected("ConnectError: TLS: self-signed certificate")


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        ("https://meta.test", {}, None),
        ("https://meta.test", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://meta.test", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://meta.test", {"https_proxy": "p:1"}, "http://p:1"),
        ("https://meta.test", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("https://meta.test", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".test"}, None),
        ("http://127.0.0.1:80", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://localhost:80", {"HTTP_PROXY": "http://p:1"}, None),
    ],
)
def test_the_environment_says_which_proxy(
    monkeypatch: pytest.MonkeyPatch, url: str, variables: dict[str, str], expected: str | None
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    found = find_proxy(url)

    assert (str(found.url) if found else None) == expected


def test_a_proxy_of_another_kind_is_not_gone_past(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://{proxy}")

    assert posted("https://meta.test") == NotConnected("misconfigured: UnsupportedProtocol")
