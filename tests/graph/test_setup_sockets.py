"""The client of Meta's administration against what is not Graph: one sentence, in bounded time."""

import socket
import time
from typing import Any

import pytest

from gateway.graph.admin.client import AdminClient
from gateway.graph.admin.errors import SetupError
from tests.support.web.socket_servers import OK, Serve, dripping, request_on, saying

TOKEN, SECRET = "EAAhushtoken", "hush-secret"


def refused(url: str, total_s: float = 5, token: str = TOKEN) -> str:
    """Ask for a token, and give the sentence of the error."""
    with (
        AdminClient(
            url, "v25.0", app_id="1", app_secret=SECRET, token=token, total_s=total_s
        ) as setup,
        pytest.raises(SetupError) as raised,
    ):
        setup.subscribed_apps("7")
    assert raised.value.code == 0
    assert TOKEN not in str(raised.value)
    assert raised.value.__cause__ is None
    return raised.value.sentence


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert refused(f"http://127.0.0.1:{port}").startswith(
        "Meta cannot be reached (ConnectError: Conn"
    )


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://\x00", "http://host:99999"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    assert "META_GRAPH_URL" in refused(url)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", "Instead of Graph, a page"),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 6\r\n\r\n<html>", "Instead of Graph, a page"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "Instead of Graph, nothing answered"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "Instead of Graph, no object of JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "Meta cannot be reached (Remote"),
        (b"SSH-2.0-x\r\n", "Meta cannot be reached (RemoteProtocolError)"),
        (b"", "Meta cannot be reached (RemoteProtocolError)"),
    ],
)
def test_what_is_not_graph_is_told(serve: Serve, reply: bytes, sentence: str) -> None:
    assert refused(serve(saying(reply))).startswith(sentence)


def test_a_redirect_is_told_and_the_token_stays_here(serve: Serve) -> None:
    followed: list[bytes] = []

    def elsewhere(connection: Any) -> None:
        followed.append(request_on(connection))
        connection.sendall(OK)

    head = f"HTTP/1.1 302 Found\r\nLocation: {serve(elsewhere)}/\r\nContent-Length: 0\r\n\r\n"

    assert "where the token must not go" in refused(serve(saying(head.encode())))
    assert followed == []


def test_ten_megabytes_are_not_read_to_their_end(serve: Serve) -> None:
    size = 10 << 20
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()

    assert "larger than 1 MB" in refused(serve(saying(head + b" " * size)))


@pytest.mark.parametrize("rest", [b"X: ", b"Content-Length: 900\r\n\r\n{"])
def test_an_answer_that_drips_ends_in_time(serve: Serve, rest: bytes) -> None:
    began = time.monotonic()

    assert refused(serve(dripping(b"HTTP/1.1 200 OK\r\n" + rest)), total_s=0.5).startswith(
        "Meta did not answer within 0.5 seconds."
    )
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("token", ["with space", "with\nline", "süß"])
def test_a_token_that_no_header_can_carry_is_told(serve: Serve, token: str) -> None:
    assert "characters" in refused(serve(saying(OK)), token=token)
