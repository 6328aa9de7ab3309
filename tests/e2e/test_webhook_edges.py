"""The web process on a real socket: what lies, drips, floods and freezes loses nothing."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.store.redis.client import Store
from gateway.web.request_limits import MOST_BODY_BYTES
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.web.raw_http import a_line, head, statuses
from tests.support.web.web_app import kept

pytestmark = pytest.mark.e2e

BODY = delivery_body(message_item("wamid.edge"))


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("web"), server).start("web")
    yield made
    made.stop()


def pause(server: Server, how: int = signal.SIGSTOP) -> None:
    """Freeze a server, or let it go on."""
    assert server.process
    server.process.send_signal(how)


def refused(stack: Stack, reason: str) -> float:
    return stack.metrics().get(f'gateway_deliveries_refused_total{{reason="{reason}"}}', 0)


def test_a_body_that_breaks_off_is_not_kept(web: Stack, store: Store) -> None:
    with a_line(web.web_port) as line:
        line.sendall(head(BODY) + BODY[:-1])

    wait_until(lambda: refused(web, "disconnected") == 1, "it is noticed")
    assert kept(store) == []


def test_a_body_that_ends_early_is_not_kept_though_it_is_signed(web: Stack, store: Store) -> None:
    with a_line(web.web_port) as line:
        line.sendall(head(BODY, length=len(BODY) + 1) + BODY)

    wait_until(lambda: refused(web, "disconnected") == 1, "it is noticed")
    assert kept(store) == []


def test_a_body_that_drips_is_kept_when_it_is_complete(web: Stack, store: Store) -> None:
    with a_line(web.web_port) as line:
        line.sendall(head(BODY))
        for at in range(0, len(BODY), 16):
            time.sleep(0.005)
            line.sendall(BODY[at : at + 16])
        assert statuses(line, 1) == [200]

    assert [body for _, body in kept(store)] == [BODY]


def test_a_body_in_chunks_is_kept(web: Stack, store: Store) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, BODY[i : i + 1]) for i in range(len(BODY)))
    with a_line(web.web_port) as line:
        line.sendall(head(BODY, "Transfer-Encoding: chunked", length=0) + chunks + b"0\r\n\r\n")
        assert statuses(line, 1) == [200]

    assert [body for _, body in kept(store)] == [BODY]


def test_chunks_without_end_are_cut_off_at_the_limit(web: Stack, store: Store) -> None:
    chunk = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    with a_line(web.web_port) as line:
        line.sendall(head(BODY, "Transfer-Encoding: chunked", length=0))
        for _ in range(MOST_BODY_BYTES // 65536 + 1):
            line.sendall(chunk)
        assert statuses(line, 1) == [413]

    assert kept(store) == []


def test_a_body_declared_too_long_is_refused_before_it_comes(web: Stack) -> None:
    with a_line(web.web_port) as line:
        line.sendall(head(BODY, length=MOST_BODY_BYTES + 1))

        assert statuses(line, 1) == [413]


def test_idle_and_half_open_connections_stop_no_delivery(web: Stack, store: Store) -> None:
    with ExitStack() as opened:
        for i in range(100):
            line = opened.enter_context(a_line(web.web_port))
            line.sendall(head(BODY)[: i % 50] if i % 2 else b"")

        assert web.post(BODY).status_code == 200


def test_pipelined_requests_are_answered_in_their_order(web: Stack, store: Store) -> None:
    unsigned = head(b"other") + b"wrong"
    with a_line(web.web_port) as line:
        line.sendall(head(BODY) + BODY + unsigned + head(BODY) + BODY)

        assert statuses(line, 3) == [200, 401, 200]

    assert len(kept(store)) == 2


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    ],
    ids=["TLS", "no request", "absurd length", "negative length", "two lengths"],
)
def test_what_is_no_http_is_refused_and_harms_nobody(web: Stack, garbage: bytes) -> None:
    with a_line(web.web_port) as line:
        line.sendall(garbage)
        assert statuses(line, 1) == [400]

    assert web.post(BODY).status_code == 200


def test_a_giant_header_harms_nobody(web: Stack) -> None:
    with a_line(web.web_port) as line:
        line.sendall(head(BODY, f"X-Giant: {'x' * 1_000_000}") + BODY)
        assert statuses(line, 1) in ([200], [400], [431])

    assert web.post(BODY).status_code == 200


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Server, Stack]]:
    """A web process before a server that the test may kill."""
    server = Server(tmp_path / "store").start()
    stack = Stack(tmp_path / "own", server).start("web")
    yield server, stack
    stack.stop()
    server.kill()


def test_a_store_that_dies_is_told_to_meta_until_it_is_back(own: tuple[Server, Stack]) -> None:
    server, stack = own
    assert stack.post(BODY).status_code == 200
    server.kill()

    assert [stack.post(BODY).status_code for _ in range(3)] == [503, 503, 503]
    server.start()

    wait_until(lambda: stack.post(BODY).status_code == 200, "deliveries are kept again")
    assert stack.programs["web"].alive()


def test_a_store_that_is_frozen_is_told_to_everybody_soon(own: tuple[Server, Stack]) -> None:
    server, stack = own
    assert stack.post(BODY).status_code == 200

    pause(server)
    began = time.monotonic()
    with ExitStack() as opened:
        # More than go into one batch: nobody waits for the batches before to fail one by one.
        lines = [opened.enter_context(a_line(stack.web_port)) for _ in range(600)]
        for line in lines:
            line.sendall(head(BODY) + BODY)
        answers = {status for line in lines for status in statuses(line, 1)}
    took = time.monotonic() - began
    pause(server, signal.SIGCONT)

    assert answers == {503}
    assert took < 15  # ten batches, of which each fails after two seconds
    wait_until(lambda: stack.post(BODY).status_code == 200, "deliveries are kept again")


@pytest.mark.parametrize("frozen", [False, True], ids=["away", "frozen"])
def test_a_broker_that_does_not_answer_costs_no_delivery_and_no_time(
    tmp_path: Path, server: Server, store: Store, frozen: bool
) -> None:
    broker = Server(tmp_path / "broker").start()
    stack = Stack(tmp_path / "web", server, CELERY_BROKER_URL=broker.url).start("web")
    if frozen:
        pause(broker)
    else:
        broker.kill()
    bodies = [delivery_body(message_item(f"wamid.{i}", sender=f"3519{i:08}")) for i in range(200)]

    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        answers = [answer.status_code for answer in pool.map(stack.post, bodies)]
    took = time.monotonic() - began
    ended = stack.programs["web"].stop()
    stack.stop()
    broker.kill()

    assert set(answers) == {200}
    assert len(kept(store)) == 200
    assert took < 15  # each that waited for the broker would have taken two seconds
    assert ended == 0


def test_a_stop_under_load_answers_what_is_being_read_and_loses_nothing(
    tmp_path: Path, server: Server, store: Store
) -> None:
    stack = Stack(tmp_path, server).start("web")
    acknowledged: list[bytes] = []

    def flood(worker: int) -> None:
        for i in range(100_000):
            body = delivery_body(message_item(f"wamid.{worker}.{i}", sender=f"3519{i:08}"))
            try:
                answered = stack.post(body).status_code
            except Exception:
                return
            if answered == 200:
                acknowledged.append(body)

    with ThreadPoolExecutor(8) as pool, a_line(stack.web_port) as line:
        floods = [pool.submit(flood, worker) for worker in range(8)]
        line.sendall(head(BODY) + BODY[:50])
        wait_until(lambda: len(acknowledged) > 200, "the load is on")
        stack.programs["web"].process.terminate()
        wait_until(lambda: all(one.done() for one in floods), "nobody is served any more")
        line.sendall(BODY[50:])
        assert statuses(line, 1) == [200]

    assert stack.programs["web"].stop() == 0
    assert {*acknowledged, BODY} <= {body for _, body in kept(store)}
    stack.stop()
