"""What is asked through a public address has an end, and comes as the gateway sent it."""

import gzip
import socket
import time

import pytest

from gateway.cli.common import callback_probe
from gateway.cli.common.callback_probe import Probe
from tests.support.web.socket_servers import Talk, dripping, request_on, serving


@pytest.mark.parametrize("rest", [b"X: ", b"Content-Length: 900\r\n\r\n"])
def test_an_answer_that_drips_is_given_up_in_time(rest: bytes) -> None:
    began = time.monotonic()
    with (
        serving() as serve,
        Probe(serve(dripping(b"HTTP/1.1 200 OK\r\n" + rest)), 0.5) as probe,
    ):
        assert (seen := probe.request_health()).kind == "ReadTimeout"

    assert callback_probe.check_health(seen).tone == "bad"
    assert time.monotonic() - began < 20


def compressing(said: bytes) -> Talk:
    """Answer as a proxy does that compresses whatever it may."""

    def talk(connection: socket.socket) -> None:
        may = b"gzip" in request_on(connection)
        body = gzip.compress(said) if may else said
        coding = b"Content-Encoding: gzip\r\n" if may else b""
        head = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (coding, len(body))
        connection.sendall(head + body)

    return talk


def test_a_proxy_that_compresses_does_not_hide_the_gateway() -> None:
    with serving() as serve, Probe(serve(compressing(b"ok"))) as probe:
        assert callback_probe.check_health(probe.request_health()).tone == "good"
