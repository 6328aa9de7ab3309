"""Calls to addresses of the operator end in time, follow nothing, and are told without a secret."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.http_out.client import ping, post
from tests.support.servers import free_port
from tests.support.tasks.operator_address import Receiver, a_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


def test_what_is_posted_arrives_as_json(receiver: Receiver) -> None:
    assert post(receiver.url, {"state": "begun"}) == ""

    assert receiver.told == [{"state": "begun"}]
    assert receiver.asked == [("POST", "/hook?token=hush")]
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert "Authorization" not in receiver.headers[0]


def test_a_ping_asks_for_the_address(receiver: Receiver) -> None:
    assert ping(receiver.url) == ""
    assert receiver.asked == [("GET", "/hook?token=hush")]


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_what_is_no_success_is_told_by_its_status(receiver: Receiver, status: int) -> None:
    receiver.status = status

    assert ping(receiver.url) == f"HTTP {status}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    with a_receiver() as elsewhere:
        receiver.status, receiver.answers = 307, {"Location": elsewhere.url}

        assert post(receiver.url, {}) == "HTTP 307"
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:{free_port()}/hush",
        "http://[hush/",
        "http://hush\x00.test/",
        f"http://{'hush' * 40}.test/",
        "http://127.0.0.1:99999/hush",
    ],
    ids=["nobody listens", "no address", "no text", "a label too long", "no port"],
)
def test_what_cannot_be_reached_is_told_without_the_address(url: str) -> None:
    told = ping(url)

    assert told
    assert "hush" not in told


def test_who_hangs_is_waited_for_until_the_call_is_over(receiver: Receiver) -> None:
    receiver.status = None
    began = time.monotonic()

    assert ping(receiver.url, total_s=0.3) == "ReadTimeout"
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "start",
    [b"", b"HTTP/1.1 200 OK\r\nX: "],
    ids=["its status", "its headers"],
)
def test_who_drips_is_waited_for_no_longer(start: bytes) -> None:
    over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(start)
            while not over.wait(0.05):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dripping = threading.Thread(target=drip)
        dripping.start()
        began = time.monotonic()
        told = ping(f"http://127.0.0.1:{listener.getsockname()[1]}", total_s=0.5)
        took = time.monotonic() - began
        over.set()
        dripping.join()

    assert told
    assert took < 20


def test_a_body_without_an_end_is_not_read() -> None:
    def pour() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            try:
                while True:
                    connection.sendall(b"x" * 65536)
            except OSError:
                ended.set()

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pouring = threading.Thread(target=pour)
        pouring.start()
        assert ping(f"http://127.0.0.1:{listener.getsockname()[1]}") == ""
        pouring.join(180)

    assert ended.is_set()
