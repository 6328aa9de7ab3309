"""Fixtures that all tests share: one embedded server for the session, emptied for each test."""

import gc
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from gateway.store.redis import client
from gateway.store.redis.client import Store
from tests.support.http_clients import share_tls_contexts, wait_by_default
from tests.support.servers import Server
from tests.support.stack import Stack

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A shared machine may stand still for longer than any one example takes.
PATIENT_S = 60.0
SLOW = [HealthCheck.too_slow]
settings.register_profile("patient", deadline=None, suppress_health_check=SLOW)
settings.register_profile("fast", deadline=None, suppress_health_check=SLOW, max_examples=25)
settings.load_profile("patient")

Stack.forked = Server.in_memory = True
share_tls_contexts()
wait_by_default(PATIENT_S)
client._OPTIONS["socket_timeout"] = PATIENT_S

# A job in the background is started deaf to Ctrl-C, and whatever it starts would be as well.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# The files that take longest, in this order; `--durations=0` tells how long each test takes.
LONGEST = (
    "faults/test_kill_between_steps.py",
    "faults/test_pressure_server.py",
    "faults/test_kill_each.py",
    "faults/test_deploy.py",
    "faults/test_cut_wires.py",
    "e2e/test_beat_trouble.py",
    "faults/test_strangers.py",
    "faults/test_poison.py",
    "e2e/test_chat.py",
    "e2e/test_dev.py",
    "e2e/test_tunnel.py",
    "e2e/test_worker_start.py",
    "e2e/test_notifications.py",
    "faults/test_large_crowd.py",
    "e2e/test_compose.py",
    "e2e/test_flower.py",
)
RANKS = {name: rank for rank, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no lane is left with it at the end."""

    def rank(item: pytest.Item) -> int:
        slow = bool({"faults", "e2e"} & set(item.keywords))
        return RANKS.get("/".join(item.path.parts[-2:]), len(RANKS) + (not slow))

    items.sort(key=rank)


# What is made while tests are collected stays until the end: looking for garbage among it takes
# a fifth of that time, and later some of each test's.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


_RUNNING: list[Server] = []


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server") / "valkey").start()
    _RUNNING.append(running)
    yield running
    running.kill()


@pytest.fixture(scope="module", autouse=True)
def _empty_server() -> None:
    """Let each module begin with a store that belongs to nobody."""
    for running in _RUNNING:
        running.command("FLUSHALL")


@pytest.fixture
def gives_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stores wait no longer than the gateway's do, where a server does not answer."""
    monkeypatch.setitem(client._OPTIONS, "socket_timeout", client.TIMEOUT_S)


@pytest.fixture
def store(server: Server) -> Iterator[Store]:
    opened = Store(server.url)
    opened.redis.flushall()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of one browser for all tests of the session."""
    from tests.support.web.browser import running_chromium  # noqa: PLC0415 - few tests need it

    with running_chromium(tmp_path_factory.mktemp("chromium") / "profile") as address:
        yield address


@pytest.fixture
def browser(chromium: str) -> "Iterator[Browser]":
    """Connect to the browser."""
    from tests.support.web.browser import connected  # noqa: PLC0415 - few tests need it

    with connected(chromium) as found:
        yield found
