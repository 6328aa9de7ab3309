"""The client for calls and forwards against servers that lie, drip and lead elsewhere."""

import gzip
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path

import pytest

from gateway.core.web_address import find_address_problem
from gateway.http_out import admission, name_lookup
from gateway.http_out.exchange import LARGEST_ANSWER_BYTES, Exchange
from gateway.http_out.outgoing import OutgoingClient, OutgoingRequest
from tests.support.certificates import make_certificate
from tests.support.web.socket_servers import LAST, OK, Serve, Talk, dripping, request_on, saying

SECRET = "hush"
HEADERS = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}


@pytest.fixture
def client() -> Iterator[OutgoingClient]:
    made = OutgoingClient()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


def get(client: OutgoingClient, url: str, redirects: int = 0, total_s: float = 5) -> Exchange:
    return client.send(OutgoingRequest("GET", url, total_s=total_s, redirects=redirects))


def post(client: OutgoingClient, url: str, total_s: float = 5) -> Exchange:
    return client.send(OutgoingRequest("POST", url, HEADERS, b'{"no": 1}', total_s))


def seeing(requests: list[bytes], *replies: bytes) -> Talk:
    """Note each request, and answer each with the next reply, the last one ever after."""
    answers = itertools.chain(replies, itertools.repeat(replies[-1]))

    def talk(connection: socket.socket) -> None:
        while request := request_on(connection):
            requests.append(request)
            connection.sendall(next(answers))

    return talk


def leading(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_request_arrives_whole_and_its_answer_comes_back(
    client: OutgoingClient, serve: Serve
) -> None:
    requests: list[bytes] = []
    answer = (
        b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )

    exchange = post(client, serve(seeing(requests, answer)) + "/hook?token=1")

    assert exchange == Exchange(429, b"{}", "application/json", "7")
    assert exchange.failure == "HTTP 429"
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?token=1 HTTP/1.1\r\n")
    assert b"Authorization: Bearer hush" in head
    assert body == b'{"no": 1}'


HEAD = b"HTTP/1.1 200 OK\r\n"
ZIPPED = gzip.compress(b"\0" * 10_000_000)
HUGE = b"x" * (10 << 20)


@pytest.mark.parametrize(
    ("reply", "body", "flaw"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}", ""),
        (HEAD + b"Content-Length: 9\r\n\r\n{}", b"{}", "broke off"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz", b"{}", "broke off"),
        (
            HEAD + b"Content-Length: %d\r\n\r\n" % len(HUGE) + HUGE,
            b"x" * LARGEST_ANSWER_BYTES,
            "is longer than 64 kB",
        ),
        (
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED,
            b"",
            "is compressed, although no compression was asked for",
        ),
    ],
    ids=["chunked", "cut", "bad chunk", "10 MB", "gzip bomb"],
)
def test_an_answer_is_bounded_and_its_flaw_is_told(
    client: OutgoingClient, serve: Serve, reply: bytes, body: bytes, flaw: str
) -> None:
    exchange = post(client, serve(saying(reply)))

    assert exchange == Exchange(200, body, flaw=flaw)


def test_an_answer_without_end_is_left_in_time(client: OutgoingClient, serve: Serve) -> None:
    began = time.monotonic()
    head = HEAD + b"Content-Length: 5000\r\n\r\n"

    exchange = post(client, serve(dripping(head)), total_s=0.3)

    assert (exchange.status, exchange.flaw) == (200, "was not whole in time")
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("reply", "error"),
    [(b"", "RemoteProtocolError"), (b"SSH-2.0-OpenSSH\r\n\r\n", "RemoteProtocolError")],
    ids=["hangs up", "no HTTP"],
)
def test_what_ends_without_a_status_may_have_arrived(
    client: OutgoingClient, serve: Serve, reply: bytes, error: str
) -> None:
    assert post(client, serve(saying(reply))) == Exchange(None, error=error)


def test_who_never_answers_is_left_in_time(client: OutgoingClient, serve: Serve) -> None:
    exchange = post(client, serve(dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ")), total_s=0.3)

    assert exchange == Exchange(None, error="ReadTimeout")


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:9/hush", "ConnectError: Connection refused"),
        ("http://hush:hush@127.0.0.1/", "the address must have no login before the host"),
        ("http://127.0.0.1:99999/hush", "the address must be an address such as"),
        ("http://[hush/", "the address must be an address such as"),
        ("http://hush\x00.test/", "the address must hold no space"),
        ("http://ha sh/hush", "the address must hold no space"),
        (f"http://{'hush' * 40}.test/", "the address must have a host whose parts"),
        ("http://\u2603hush.test/", "InvalidURL"),
        ("ftp://hush.test/", "the address must be an address such as"),
        ("//hush.test/", "the address must be an address such as"),
    ],
)
def test_what_cannot_be_called_is_told_without_the_address(
    client: OutgoingClient, url: str, error: str
) -> None:
    exchange = post(client, url)

    assert exchange.status is None
    assert not exchange.is_sent
    assert exchange.error.startswith(error)
    assert SECRET not in repr(exchange)


def test_a_header_that_http_cannot_carry_sends_nothing(client: OutgoingClient) -> None:
    for value in ("hush\r\nX: 1", "hush\u2019"):
        request = OutgoingRequest("GET", "http://127.0.0.1:9/", {"Authorization": value})
        exchange = client.send(request)

        assert not exchange.is_sent
        assert SECRET not in repr((exchange, request))


def test_threads_keep_few_connections_to_each_server(client: OutgoingClient, serve: Serve) -> None:
    connections: dict[str, list[int]] = {"one": [], "other": []}

    def counting(name: str) -> Talk:
        def talk(connection: socket.socket) -> None:
            connections[name].append(connection.fileno())
            seeing([], OK)(connection)

        return talk

    urls = [serve(counting("one")), serve(counting("other"))]
    with ThreadPoolExecutor(4) as threads:
        exchanges = list(threads.map(lambda n: post(client, urls[n % 2] + f"/{n}"), range(60)))

    assert [exchange.status for exchange in exchanges] == [200] * 60
    assert all(1 <= len(opened) <= 4 for opened in connections.values())


def test_a_server_whose_certificate_nobody_signed_gets_nothing(
    client: OutgoingClient, serve: Serve, tmp_path: Path
) -> None:
    _, context = make_certificate(tmp_path)
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            seeing(requests, OK)(wrapped)

    exchange = post(client, serve(talk).replace("http:", "https:"))

    assert exchange.error == "ConnectError: TLS: self-signed certificate"
    assert (exchange.is_sent, requests) == (False, [])


def test_the_name_that_is_checked_in_tls_is_that_of_the_address(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            seeing([], OK)(wrapped)

    port = int(serve(talk).rpartition(":")[2])
    client = OutgoingClient()

    assert get(client, f"https://localhost:{port}/").status == 200
    resolving(monkeypatch, ["127.0.0.1"])
    assert "Hostname mismatch" in get(client, f"https://other.test:{port}/").error
    client.close()


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let each lookup of a name have the next answer; return the names that were asked for."""
    asked: list[str] = []
    left = itertools.chain(answers, itertools.repeat(answers[-1]))

    def getaddrinfo(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [
            (socket.AF_INET6, 1, 6, "", (address, 0, 0, 0))
            if ":" in address
            else (socket.AF_INET, 1, 6, "", (address, 0))
            for address in next(left)
        ]

    lookups = type("Lookups", (), {**vars(socket), "getaddrinfo": staticmethod(getaddrinfo)})
    monkeypatch.setattr(name_lookup, "socket", lookups)
    return asked


def test_a_name_that_moves_to_the_metadata_of_a_cloud_is_left(
    client: OutgoingClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        requests.append(request_on(connection))
        connection.sendall(LAST)  # so that the next request connects anew

    port = int(serve(talk).rpartition(":")[2])
    asked = resolving(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    url = f"http://shop.example:{port}/"

    assert post(client, url).status == 200
    second = post(client, url)

    assert second.error == "the host leads to no address that may be called"
    assert not second.is_sent
    # One lookup for each connection: what was checked is what is connected to.
    assert asked == ["shop.example"] * 2
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest/meta-data/", "no address that may be called"),
        ("http://2852039166/", "no address that may be called"),
        ("http://[::ffff:169.254.169.254]/", "no address that may be called"),
        ("http://[64:ff9b::a9fe:a9fe]/", "no address that may be called"),
        ("http://[fd00::1]/", "no address that may be called"),
        ("http://localhost/", "no address that may be called"),
        ("http://redis:6379/", "a port that its scheme does not imply"),
        ("http://hush:hush@example.com/", "must have no login before the host"),
        ("file:///etc/passwd", "must be an address such as"),
    ],
)
def test_a_redirect_leads_to_no_private_address(
    client: OutgoingClient, serve: Serve, location: str, error: str
) -> None:
    exchange = get(client, serve(saying(leading(location))), redirects=3)

    assert exchange.status is None
    assert error in exchange.error
    assert SECRET not in exchange.error


def test_a_name_of_a_redirect_is_checked_where_it_leads(
    client: OutgoingClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving(monkeypatch, ["127.0.0.1", "10.0.0.8", "fd00::8", "0.0.0.0"])

    exchange = get(client, serve(saying(leading("http://far.example/"))), redirects=3)

    assert exchange.error == "the host leads to no address that may be called"


def test_a_redirect_to_a_public_server_is_followed_without_headers(
    client: OutgoingClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected: list[tuple[str, int]] = []
    requests: list[bytes] = []
    to = serve(seeing(requests, OK))
    connect = socket.create_connection

    def create_connection(place: tuple[str, int], *options: object, **named: object) -> object:
        connected.append(place)
        if place[0] == "93.184.215.14":
            place = ("127.0.0.1", int(to.rpartition(":")[2]))
        return connect(place, *options, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_connection", create_connection)
    resolving(monkeypatch, ["169.254.169.254", "93.184.215.14"])
    first = serve(saying(leading("http://far.example/found?a=1")))
    request = OutgoingRequest("GET", first, {"X-Own": "1"}, redirects=1)

    assert client.send(request).status == 200
    assert connected[1:] == [("93.184.215.14", 80)]
    assert requests[0].startswith(b"GET /found?a=1 HTTP/1.1\r\nHost: far.example\r\n")
    assert b"X-Own" not in requests[0]


def test_a_redirect_within_the_server_stays_with_it(client: OutgoingClient, serve: Serve) -> None:
    requests: list[bytes] = []
    url = serve(seeing(requests, leading("/a", 307), leading("b"), OK))

    assert get(client, url, redirects=3).status == 200
    assert [request.split()[1] for request in requests] == [b"/", b"/a", b"/b"]


def test_redirects_without_end_are_left(client: OutgoingClient, serve: Serve) -> None:
    requests: list[bytes] = []

    exchange = get(client, serve(seeing(requests, leading("/again"))), redirects=3)

    assert exchange.failure == "HTTP 302: a redirect is not followed, so write where it leads"
    assert len(requests) == 4


@pytest.mark.parametrize("status", [301, 303, 307, 308])
def test_a_post_follows_no_redirect(client: OutgoingClient, serve: Serve, status: int) -> None:
    requests: list[bytes] = []
    elsewhere = serve(seeing(requests, OK))
    first = serve(saying(leading(elsewhere, status)))

    assert client.send(OutgoingRequest("POST", first, HEADERS, redirects=3)).status == status
    assert requests == []


def test_a_proxy_does_not_follow_for_us(
    client: OutgoingClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve(saying(leading("http://far.example/")))
    monkeypatch.setenv("HTTP_PROXY", serve(saying(OK)))

    assert get(client, url, redirects=1).error.startswith("a proxy would connect")


def test_a_name_server_that_is_silent_is_left_in_time(
    client: OutgoingClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def getaddrinfo(*_: object, **__: object) -> list[object]:
        over.wait(180)
        return []

    lookups = type("Silent", (), {**vars(socket), "getaddrinfo": staticmethod(getaddrinfo)})
    monkeypatch.setattr(name_lookup, "socket", lookups)
    began = time.monotonic()

    exchange = get(client, "http://slow.example/", total_s=0.4)
    took = time.monotonic() - began
    over.set()

    assert exchange == Exchange(None, error="ConnectTimeout", is_sent=False)
    assert took < 20


def test_the_address_that_answers_is_found_among_several(
    client: OutgoingClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(serve(saying(OK)).rpartition(":")[2])
    resolving(monkeypatch, ["::1", "127.0.0.1"])

    assert get(client, f"http://both.example:{port}/").status == 200


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254",
        "172.16.0.1", "192.0.0.192", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:8.8.8.8", "::ffff:10.0.0.1",
        "64:ff9b::808:808", "64:ff9b:1::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::",
        "fc00::1", "fd00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_what_not_everybody_can_reach_is_not_public(address: str) -> None:
    assert not admission.admit_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111"])
def test_what_everybody_can_reach_is_public(address: str) -> None:
    assert admission.admit_public(ip_address(address))


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("10.0.0.8", True), ("127.0.0.1", True), ("fd00::8", True), ("8.8.8.8", True),
        ("169.254.169.254", False), ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False), ("2002:a9fe:a9fe::", False), ("fe80::1", False),
        ("fd00:ec2::254", False), ("224.0.0.1", False),
    ],
)  # fmt: skip
def test_a_name_of_the_operators_may_be_private_but_no_metadata(
    address: str, *, admitted: bool
) -> None:
    assert admission.admit_operators(ip_address(address)) == admitted


@pytest.mark.parametrize(
    "url",
    [
        "https://crm.example/hooks/whatsapp?key=a%20b", "http://n8n_main:5678/webhook/x",
        "http://127.0.0.1:1880", "http://[fd00::8]:8080/", "https://bücher.example/",
    ],
)  # fmt: skip
def test_a_usual_address_has_no_problem(url: str) -> None:
    assert find_address_problem(url) == ""
