"""The reverse proxies to copy pass deliveries unchanged, and nothing else."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.proxies import Proxy, build_proxy, find_program
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack, signed

pytestmark = pytest.mark.e2e
BOTH = [
    pytest.param(
        name, marks=pytest.mark.skipif(not find_program(name), reason=f"{name} is not installed")
    )
    for name in ("nginx", "caddy")
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("web"), server)
    start_web(made)
    yield made
    made.stop()


@pytest.fixture(scope="module", params=BOTH)
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, stack: Stack
) -> Iterator[Proxy]:
    made = build_proxy(request.param, tmp_path_factory.mktemp("proxy") / "its", stack.web_port)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[httpx.Client]:
    with proxy.client() as made:
        yield made


def start_web(stack: Stack) -> None:
    """Start two web processes, as deploy/systemd/gateway-web.service does."""
    command = [sys.executable, *stack.command("web"), "--workers", "2"]
    stack.programs["web"] = Program(command, stack.env, stack.folder / "web.log")
    said = stack.programs["web"].said
    wait_until(lambda: said().count("Application startup complete") == 2, "both are ready")


def deliver(client: httpx.Client, body: bytes) -> int:
    headers = {"content-type": "application/json", "x-hub-signature-256": signed(body)}
    return client.post("/webhook", content=body, headers=headers).status_code


def test_the_proxys_own_check_finds_no_mistake(proxy: Proxy) -> None:
    done = subprocess.run(proxy.check, cwd=proxy.folder, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


def test_a_delivery_passes_unchanged_so_its_signature_holds(client: httpx.Client) -> None:
    assert deliver(client, delivery_body(message_item("wamid.p1", "é 🛑"))) == 200


def test_a_delivery_of_the_largest_size_passes(client: httpx.Client) -> None:
    padding = b" " * 3_000_000

    assert deliver(client, delivery_body(message_item("wamid.p2", "x")) + padding) == 200


def test_a_larger_body_ends_at_the_proxy(client: httpx.Client) -> None:
    assert deliver(client, b"x" * 4_500_000) == 413


def test_metas_handshake_passes(client: httpx.Client) -> None:
    asked = {
        "hub.mode": "subscribe", "hub.verify_token": "a verify token", "hub.challenge": "17",
    }  # fmt: skip
    answer = client.get("/webhook", params=asked)

    assert (answer.status_code, answer.text) == (200, "17")


def test_the_verify_token_of_a_handshake_is_in_no_log_of_the_proxy(
    client: httpx.Client, proxy: Proxy
) -> None:
    client.get("/webhook", params={"hub.verify_token": "a-secret-of-the-handshake"})

    for log in proxy.folder.glob("*.log"):
        assert "a-secret-of-the-handshake" not in log.read_text(), log


def test_the_address_of_an_account_passes(client: httpx.Client, stack: Stack) -> None:
    unknown = 'gateway_deliveries_refused_total{reason="account_unknown"}'
    before = stack.metrics()[unknown]

    client.get("/webhook/shop", params={"hub.mode": "subscribe"})

    wait_until(lambda: stack.metrics()[unknown] > before, "the gateway counts it")


@pytest.mark.parametrize(
    "path",
    ["/", "/metrics", "/readyz", "/healthz", "/webhook/", "/Webhook", "/webhook/a/b", "/webhook/A"],
)
def test_nothing_but_the_webhook_passes(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_end_at_the_proxy(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/webhook").status_code in (403, 404)


def test_no_delivery_is_refused_while_web_processes_are_replaced(
    proxy: Proxy, stack: Stack
) -> None:
    web = stack.programs["web"]
    started, ended = web.said().count("web_started"), web.said().count("Finished server process")
    with Deliveries(proxy) as deliveries:
        os.kill(web.pid, signal.SIGHUP)
        wait_until(
            lambda: (
                web.said().count("web_started") == started + 2
                and web.said().count("Finished server process") == ended + 2
            ),
            "both are new",
            within_s=90,
        )
        deliveries.wait_for_more()

    assert set(deliveries.answers) == {200}


class Deliveries:
    """A client that delivers on and on, each time on a connection of its own to the proxy."""

    def __init__(self, proxy: Proxy) -> None:
        self.answers: Counter[int] = Counter()
        self._proxy, self._over = proxy, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Deliveries":
        self._thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(180)

    def wait_for_more(self) -> None:
        wanted = self.answers.total() + 20
        wait_until(lambda: self.answers.total() >= wanted, "deliveries are answered")

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            body = delivery_body(message_item(f"wamid.{self._proxy.name}{number}", "x"))
            with self._proxy.client() as client:
                self.answers[deliver(client, body)] += 1
