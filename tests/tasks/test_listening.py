"""Who listens to which queue is asked through the broker, within the time that is given."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.settings import Settings
from tasks.monitoring.worker_ping import BrokerAwayError, WorkerPing
from tests.support.servers import Server, free_port

pytestmark = pytest.mark.store


def listening(url: str, **more: str) -> WorkerPing:
    env = {
        "REDIS_URL": url, "META_APP_SECRET": "s", "META_VERIFY_TOKEN": "v",
        "META_ACCESS_TOKEN": "t", "META_PHONE_NUMBER_ID": "1", **more,
    }  # fmt: skip
    return WorkerPing(Settings.from_env(env))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "own").start()
    yield running
    running.kill()


def test_where_no_worker_runs_nobody_listens(server: Server) -> None:
    asked = listening(server.url)
    asked.connect()

    assert asked.workers(within_s=0.5) == {}
    asked.close()


def test_a_broker_apart_is_the_one_that_is_asked(server: Server) -> None:
    asked = listening(server.url, CELERY_BROKER_URL=f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(BrokerAwayError):
        asked.connect()
    with pytest.raises(BrokerAwayError):
        asked.workers(within_s=0.5)


def test_a_broker_of_another_kind_that_is_away_is_away_too(server: Server) -> None:
    asked = listening(server.url, CELERY_BROKER_URL=f"amqp://127.0.0.1:{free_port()}//")

    with pytest.raises(BrokerAwayError, match="ConnectionRefusedError"):
        asked.connect()


def test_a_broker_that_is_frozen_is_given_up(own: Server) -> None:
    own.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(BrokerAwayError, match="Timeout"):
        listening(own.url).connect()

    assert time.monotonic() - began < 60
