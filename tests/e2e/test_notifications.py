"""Notifications through real processes, to a receiver that is down, slow, wrong, or cut off."""

import base64
import re
import signal
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import redis

from gateway.store import keys
from gateway.store.outgoing.notifications import LEASE_MS
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
RULES = """\
version: 1
rules:
  - name: person
    when: {text: agent}
    then:
      - A colleague will write.
      - notify: "{{ from }} asks for a person."
  - name: staff
    when: {text: staff}
    then:
      notify:
        text: "{{ from }} asks for staff."
        to: "351900000099"
        template: {name: staff_notice, language: en}
"""
SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"
CUSTOMERS = [f"35190000002{n}" for n in range(4)]
DUE = f"{keys.number(NUMBER)}notifications_due"
Answer = Callable[[int], int | None]  # from how often the id came; None closes without an answer


class OddReceiver:
    """Notes the id of each post, and answers as a test says; it may be closed and opened again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.ids: list[str] = []
        self.answer: Answer = lambda _: 204
        self.released = Event()
        self._server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                receiver.ids.append(self.headers["webhook-id"])
                status = receiver.answer(receiver.ids.count(self.headers["webhook-id"]))
                if status is not None:
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[OddReceiver]:
    made = OddReceiver()
    yield made
    made.close()


@pytest.fixture
def stack(tmp_path: Path, receiver: OddReceiver) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    url = f"http://127.0.0.1:{receiver.port}/hook"
    made = Stack(tmp_path, server, RULES, GATEWAY_NOTIFY_URL=url, GATEWAY_NOTIFY_SECRET=SECRET)
    made.start("sandbox", "web", "inbound", "outbound", "outgoing", "beat")
    yield made
    made.stop()
    server.kill()


def ask(stack: Stack, *customers: str, text: str = "agent") -> None:
    for customer in customers:
        assert stack.post(
            delivery_body(message_item(f"wamid.{customer}", text, customer))
        ).is_success


def hurry(stack: Stack) -> None:
    """Let every pause and every lease be over."""
    with redis.Redis.from_url(stack.server.url) as client:
        for name, _ in client.zrange(DUE, 0, -1, withscores=True):
            client.zincrby(DUE, -LEASE_MS * 100, name)


def delivered(stack: Stack) -> float:
    return stack.metrics().get('gateway_notifications_total{stage="delivered"}', 0)


def wait_for(stack: Stack, count: int) -> None:
    wait_until(lambda: delivered(stack) == count, f"{count} notifications are received")


def test_four_customers_are_four_notifications(stack: Stack, receiver: OddReceiver) -> None:
    receiver.open()

    ask(stack, *CUSTOMERS)
    wait_for(stack, 4)

    assert len(receiver.ids) == len(set(receiver.ids)) == 4
    told = stack.trace(f"wamid.{CUSTOMERS[0]}")
    assert re.search(r"notification \w{24} .*by rule person: received", told), told
    assert "attempt 1" in told
    assert "HTTP 204" in told
    assert CUSTOMERS[0] not in (stack.folder / "outgoing.log").read_text()


def test_a_receiver_that_is_down_gets_all_of_it_later(stack: Stack, receiver: OddReceiver) -> None:
    ask(stack, *CUSTOMERS)
    log = stack.folder / "outgoing.log"
    wait_until(lambda: log.read_text().count("ConnectError") >= 4, "each is tried")

    receiver.open()
    hurry(stack)
    wait_for(stack, 4)

    assert len(set(receiver.ids)) == 4


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(500, id="an error"),
        pytest.param(None, id="no answer at all", marks=pytest.mark.long),
    ],
)
def test_what_fails_at_first_is_posted_again_with_its_id(
    stack: Stack, receiver: OddReceiver, first: int | None
) -> None:
    receiver.answer = lambda times: first if times == 1 else 200
    receiver.open()

    ask(stack, *CUSTOMERS)
    wait_for(stack, 4)

    assert sorted(receiver.ids) == sorted([*set(receiver.ids)] * 2)
    assert len(receiver.ids) == 8


def test_a_slow_receiver_delays_no_answer_to_a_customer(
    stack: Stack, receiver: OddReceiver
) -> None:
    def hang(_: int) -> int:
        receiver.released.wait(180)
        return 200

    receiver.answer = hang
    receiver.open()
    ask(stack, *(f"3519000001{n:02}" for n in range(20)))
    wait_until(lambda: len(receiver.ids) == 8, "as many posts hang as there are threads")

    ask(stack, CUSTOMERS[0])
    wait_until(lambda: len(stack.posted()) == 21, "everybody is answered")

    assert len(receiver.ids) == 8
    receiver.released.set()
    wait_for(stack, 21)


def test_a_worker_that_is_killed_in_its_posts_loses_none(
    stack: Stack, receiver: OddReceiver
) -> None:
    def hang(times: int) -> int | None:
        if times == 1:
            receiver.released.wait(180)
            return None
        return 200

    receiver.answer = hang
    receiver.open()
    ask(stack, *CUSTOMERS)
    wait_until(lambda: len(receiver.ids) == 4, "all four are in hand")

    worker: Program = stack.programs["outgoing"]
    worker.process.send_signal(signal.SIGKILL)
    worker.kill()
    receiver.released.set()
    hurry(stack)
    stack.run("outgoing")
    wait_for(stack, 4)

    assert len(receiver.ids) == 8
    assert len(set(receiver.ids)) == 4


def test_a_person_who_has_not_written_gets_the_template(stack: Stack) -> None:
    ask(stack, *CUSTOMERS, text="staff")
    wait_until(lambda: len(stack.posted()) == 4, "the phone has all four")

    assert {one["to"].lstrip("+") for one in stack.posted()} == {"351900000099"}
    assert {one["body"]["type"] for one in stack.posted()} == {"template"}
