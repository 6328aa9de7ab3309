"""RabbitMQ may carry the bells: what was kept leads to the replies asked for, and to each once."""

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.settings import Settings
from tasks.celery_setup.config import QUEUES
from tasks.monitoring.worker_ping import WorkerPing
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack

# Debian's own command insists on a user of its own; the one behind it runs as whoever starts it.
PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not PROGRAM.exists(), reason="rabbitmq-server is not installed"),
]
REPLIES = 200


class Rabbit:
    """A broker with its own folder, on loopback and ports of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        settings = folder / "rabbitmq.conf"
        settings.write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n")
        env = {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": f"gateway{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_MNESIA_BASE": str(folder / "kept"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        # Started apart, for the broker would leave one behind that nobody stops.
        self.names = Program(["epmd"], env, folder / "names.log")
        self.broker = Program([str(PROGRAM)], env, folder / "broker.log")

    def start(self) -> "Rabbit":
        wait_until(self.answers, "RabbitMQ answers")
        return self

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.broker.stop()
        self.names.kill()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    rabbit = Rabbit(tmp_path / "rabbit")
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, CELERY_BROKER_URL=rabbit.url)
    try:
        rabbit.start()
        yield made.start("sandbox", "web", "worker", "beat")
    finally:
        made.stop()
        server.kill()
        rabbit.stop()


def test_bells_carried_by_rabbitmq_lead_to_each_reply_once(stack: Stack) -> None:
    bodies = [
        delivery_body(message_item(f"wamid.r{i}", "color", f"3519{i:08d}")) for i in range(REPLIES)
    ]

    assert set(stack.post_all(bodies)) == {200}

    wait_until(lambda: len(stack.posted()) >= REPLIES, "all replies are posted")
    wait_until(stack.idle, "nothing waits")
    told = Counter(one["to"].lstrip("+") for one in stack.posted())
    assert told == {f"3519{i:08d}": 1 for i in range(REPLIES)}
    assert "bell_unheard" not in "".join(one.said() for one in stack.programs.values())


def test_who_listens_is_asked_through_rabbitmq(stack: Stack) -> None:
    asked = WorkerPing(Settings.from_env(stack.env))
    asked.connect()

    wait_until(lambda: set(asked.workers(within_s=1)) == set(QUEUES), "all queues are heard")
    asked.close()
