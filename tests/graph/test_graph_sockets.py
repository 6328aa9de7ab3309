"""The Graph client against servers that hang up, drip, babble and cut, on real sockets."""

import itertools
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.accounts.account import GraphCredentials
from gateway.core.sending.response import Answer, Lost, NotConnected, Responded
from gateway.graph.messages import MAX_ANSWER_BYTES, Graph
from gateway.http_out import transport
from tests.support.faults.fault_proxy import relay
from tests.support.web.socket_servers import OK, Serve, Talk, dripping, request_on, saying

CREDENTIALS = GraphCredentials("EAAsecret", "v25.0")


def posted(base_url: str, total_s: float = 5) -> Answer:
    graph = Graph(base_url, total_s=total_s)
    try:
        return graph.post_message("123", {"type": "text"}, CREDENTIALS)
    finally:
        graph.close()


def test_a_refused_connection_reached_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert posted(f"http://127.0.0.1:{port}") == NotConnected("ConnectError: Connection refused")


WITHOUT_FILES = """
import contextlib, os, resource, sys
from gateway.accounts.account import GraphCredentials
from gateway.graph.messages import Graph
CREDENTIALS = GraphCredentials("EAAsecret", "v25.0")
graph = Graph(sys.argv[1], total_s=5)
"a".encode("idna")
resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
with contextlib.suppress(OSError):
    while True:
        os.open(os.devnull, os.O_RDONLY)
print(graph.post_message("123", {"type": "text"}, CREDENTIALS))
"""


@pytest.mark.parametrize(
    ("host", "reason"),
    [("127.0.0.1", "Too many open files"), ("graph.example", "the name is not known")],
)
def test_a_process_without_a_free_file_is_the_cause_itself(host: str, reason: str) -> None:
    command = [sys.executable, "-c", WITHOUT_FILES, f"http://{host}:9"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)

    assert done.stdout.strip() == repr(NotConnected(f"ConnectError: {reason}", is_local=True))


def test_a_failed_tls_handshake_reached_nobody(serve: Serve) -> None:
    base_url = serve(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))

    answer = posted(base_url.replace("http:", "https:"))

    assert answer == NotConnected("ConnectError: TLS: WRONG_VERSION_NUMBER")


def test_a_tls_handshake_that_hangs_reached_nobody_and_ends(serve: Serve) -> None:
    base_url = serve(lambda connection: connection.recv(65536) and connection.recv(65536))

    answer = posted(base_url.replace("http:", "https:"), total_s=0.3)

    assert answer == NotConnected("ConnectTimeout")


def test_an_attempt_whose_time_is_over_before_it_connects_reached_nobody(serve: Serve) -> None:
    assert posted(serve(saying(OK)), total_s=0) == NotConnected("ConnectTimeout")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (b"", Lost("RemoteProtocolError")),
        (b"HTTP/1.1 2", Lost("RemoteProtocolError")),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Lost("RemoteProtocolError")),
        (OK, Responded(200, b"{}")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", Responded(200, b"{")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz",
            Responded(200, b"{}"),
        ),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
            Responded(502, b"<html>"),
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Responded(200, b"{}")),
    ],
    ids=["silence", "half a line", "no http", "ok", "cut", "bad chunk", "html", "continue"],
)
def test_what_the_server_says_before_it_hangs_up_decides(
    serve: Serve, reply: bytes, answer: Answer
) -> None:
    assert posted(serve(saying(reply))) == answer


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"", Lost("ReadTimeout")),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", Lost("ReadTimeout")),
    ],
    ids=["status", "headers"],
)
def test_a_server_that_drips_before_the_body_is_cut_off(
    serve: Serve, start: bytes, answer: Answer
) -> None:
    began = time.monotonic()

    assert posted(serve(dripping(start)), total_s=0.3) == answer
    assert time.monotonic() - began < 20


def test_a_server_that_drips_its_body_is_cut_off_and_its_status_counts(serve: Serve) -> None:
    base_url = serve(dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"))
    began = time.monotonic()

    answer = posted(base_url, total_s=0.3)

    assert isinstance(answer, Responded)
    assert answer.status == 200
    assert time.monotonic() - began < 20


def test_a_huge_body_is_read_up_to_the_limit(serve: Serve) -> None:
    huge = 10 * 1024 * 1024
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % huge

    answer = posted(serve(saying(head + b"x" * huge)))

    assert answer == Responded(400, b"x" * MAX_ANSWER_BYTES)


def counting(seen: list[int]) -> Talk:
    """Answer every request, and note on which connection it came."""
    numbers = itertools.count(1)

    def talk(connection: socket.socket) -> None:
        nth = next(numbers)
        while request_on(connection):
            seen.append(nth)
            connection.sendall(OK)

    return talk


def test_posts_at_once_have_a_connection_each(serve: Serve) -> None:
    together = threading.Barrier(8)

    def talk(connection: socket.socket) -> None:
        request_on(connection)
        together.wait(180)
        connection.sendall(OK)

    graph = Graph(serve(talk))
    with ThreadPoolExecutor(8) as posting:
        answers = list(posting.map(lambda _: graph.post_message("123", {}, CREDENTIALS), range(8)))
    graph.close()

    assert answers == [Responded(200, b"{}")] * 8


def test_posts_of_several_threads_in_turn_share_a_connection(serve: Serve) -> None:
    seen: list[int] = []
    graph = Graph(serve(counting(seen)))

    for _ in range(5):
        with ThreadPoolExecutor(1) as another:
            another.submit(graph.post_message, "123", {}, CREDENTIALS).result()
    graph.close()

    assert seen == [1] * 5


def test_a_connection_that_nobody_used_for_long_is_closed(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    gone = threading.Event()

    def talk(connection: socket.socket) -> None:
        counting(seen)(connection)
        gone.set()  # The client has closed it.

    graph = Graph(serve(talk))
    monkeypatch.setattr(transport, "IDLE_S", 0.0)
    graph.post_message("123", {}, CREDENTIALS)

    assert gone.wait(180)
    assert seen == [1]


def test_a_proxy_that_forgets_an_idle_connection_holds_up_no_post(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "IDLE_S", 0.0)
    address = serve(saying(OK))
    with relay(int(address.rpartition(":")[2])) as proxy:
        graph = Graph(f"http://127.0.0.1:{proxy.port}")
        first = graph.post_message("123", {}, CREDENTIALS)
        proxy.swallow()

        assert [first, graph.post_message("123", {}, CREDENTIALS)] == [Responded(200, b"{}")] * 2
        graph.close()


def test_what_was_cut_off_is_not_read_by_the_next_post(serve: Serve) -> None:
    huge = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MAX_ANSWER_BYTES)
    answers = iter([huge + b"x" * 2 * MAX_ANSWER_BYTES, OK])
    graph = Graph(serve(lambda connection: saying(next(answers))(connection)))

    graph.post_message("123", {}, CREDENTIALS)

    assert graph.post_message("123", {}, CREDENTIALS) == Responded(200, b"{}")
    graph.close()


def test_a_closed_client_opens_new_connections(serve: Serve) -> None:
    graph = Graph(serve(saying(OK)))

    graph.post_message("123", {}, CREDENTIALS)
    graph.close()

    assert graph.post_message("123", {}, CREDENTIALS) == Responded(200, b"{}")
    graph.close()
    graph.close()


FORKS = """
import os, sys
from gateway.accounts.account import GraphCredentials
from gateway.graph.messages import Graph

CREDENTIALS = GraphCredentials("EAAsecret", "v25.0")
graph = Graph(sys.argv[1])
graph.post_message("parent", {}, CREDENTIALS)
child = os.fork()
if child == 0:
    graph.post_message("child", {}, CREDENTIALS)
    os._exit(0)
os.waitpid(child, 0)
graph.post_message("parent", {}, CREDENTIALS)
graph.close()
"""


def test_a_child_opens_its_own_connection_and_the_parent_keeps_its_own(serve: Serve) -> None:
    seen: list[tuple[int, bytes]] = []
    numbers = itertools.count(1)

    def talk(connection: socket.socket) -> None:
        nth = next(numbers)
        while request := request_on(connection):
            seen.append((nth, request.split(b"/")[2]))
            connection.sendall(OK)

    script = [sys.executable, "-c", FORKS, serve(talk)]
    subprocess.run(script, check=True, timeout=180)

    assert seen == [(1, b"parent"), (2, b"child"), (1, b"parent")]
