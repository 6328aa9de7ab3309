"""Each service's own command becomes healthy by its own check, and together they answer.

No container engine is needed: commands, environment and health checks come from the compose file
and run on loopback, with nothing replaced but addresses.
"""

import contextlib
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from tests.deploy.compose import LOGIN, OURS, ROOT, SERVICES, options
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
WORKERS = {name.removeprefix("worker-") for name in OURS if name.startswith("worker-")}


class Composed:
    """The services of the compose file as processes on loopback."""

    def __init__(self, folder: Path) -> None:
        asked = options(SERVICES["redis"]["command"])
        self.server = Server(folder / "redis", **asked)
        self.stack = Stack(folder, self.server)
        self.flower_port = free_port()
        self.folder = folder / "app"
        self.folder.mkdir()
        given = {name: v for name, v in self.stack.env.items() if name.startswith("META_")}
        self.dotenv = given | {"FLOWER_BASIC_AUTH": ":".join(LOGIN)}

    def start(self) -> None:
        self.server.start()
        self.stack.start("sandbox")
        for name in OURS:
            args = shlex.split(self._moved(SERVICES[name]["command"]))
            with contextlib.chdir(self.folder):
                program = Program(args, self._env(name), self.stack.folder / f"{name}.log")
            self.stack.programs[name] = program

    def stop(self) -> None:
        self.stack.stop()
        self.server.kill()

    def healthy(self, name: str) -> bool:
        """Run the service's own health check once."""
        how, *args = SERVICES[name]["healthcheck"]["test"]
        args = [self._moved(arg) for arg in args]
        if how == "CMD-SHELL":
            args = ["/bin/sh", "-c", *args]
        env = self._env(name)
        done = subprocess.run(args, env=env, cwd=self.folder, capture_output=True, timeout=180)
        return done.returncode == 0

    def _env(self, name: str) -> dict[str, str]:
        own = SERVICES[name]["environment"]
        here = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
        given = {key: self._moved(value) for key, value in (self.dotenv | own).items()}
        return given | here | {"HOSTNAME": socket.gethostname()}

    def _moved(self, text: str) -> str:
        """Put our addresses in place of those inside the containers."""
        for inside, outside in {
            r"redis://redis:6379/0": self.server.url,
            r"\b0\.0\.0\.0\b": "127.0.0.1",
            r"\b8000\b": str(self.stack.web_port),
            r"\b8001\b": str(self.stack.api_port),
            r"\b5555\b": str(self.flower_port),
            r"/app/rules\b": str(self.stack.folder / "rules.yaml"),
            r"\bdeploy/": f"{ROOT}/deploy/",
        }.items():
            text = re.sub(inside, outside, text)
        return text


def queues_of(name: str) -> list[str]:
    """Return the queues that a service's command names."""
    named = options(SERVICES[name]["command"]).get("Q", "")
    return named.split(",") if named else []


@contextlib.contextmanager
def gateway_app(url: str) -> Iterator[Celery]:
    """Call the gateway's tasks as another application does."""
    with Celery("shop", broker=url) as app:
        app.conf.broker_transport_options = {"global_keyprefix": "gw:celery:"}
        yield app


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    made = Composed(tmp_path_factory.mktemp("compose"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


# It comes first: a health check costs a second of the processor, and fails before all is up.
def test_one_message_leads_to_one_reply_through_the_services(composed: Composed) -> None:
    wait_until(lambda: composed.stack._ok(f"{composed.stack.api}/readyz"), "web is ready")
    body = delivery_body(message_item("wamid.compose1", "which COLOR?"))

    assert [composed.stack.post(body).status_code for _ in range(2)] == [200, 200]

    wait_until(lambda: bool(composed.stack.posted()), "a reply is posted")
    wait_until(composed.stack.idle, "nothing waits")
    replies = [one["body"]["text"]["body"] for one in composed.stack.posted()]
    assert replies == ["Yes: red, green and blue."]


@pytest.mark.parametrize("name", OURS)
def test_a_service_becomes_healthy_with_its_own_command(composed: Composed, name: str) -> None:
    wait_until(lambda: composed.healthy(name), f"{name} is healthy")

    assert composed.stack.programs[name].alive()


def test_flower_shows_the_workers_to_those_who_log_in(composed: Composed) -> None:
    url = f"http://127.0.0.1:{composed.flower_port}"

    def names() -> set[str]:
        found = httpx.get(f"{url}/workers", params={"json": "true"}, auth=LOGIN).json()["data"]
        return {one["hostname"].partition("@")[0] for one in found if one["status"]}

    assert httpx.get(url).status_code == 401
    assert httpx.get(url, auth=(LOGIN[0], "a guess")).status_code == 401
    assert httpx.get(url, auth=LOGIN).status_code == 200
    assert httpx.get(f"{url}/metrics").status_code == 401
    wait_until(lambda: names() == WORKERS, "all workers are shown")


def test_flower_shows_what_became_of_tasks_and_how_long_they_took(composed: Composed) -> None:
    url = f"http://127.0.0.1:{composed.flower_port}/api/tasks"
    with gateway_app(composed.server.url) as app:
        refused = app.send_task(
            "tasks.send_whatsapp_message", args=["nobody", {}], queue="critical"
        )

    def seen() -> dict[str, dict[str, Any]]:
        return dict(httpx.get(url, params={"limit": 500}, auth=LOGIN).json())

    wait_until(lambda: seen().get(refused.id, {}).get("state") == "FAILURE", "a task has failed")
    ticks = [one for one in seen().values() if one["name"] == "tasks.process_scheduled_messages"]
    assert any(one["state"] == "SUCCESS" and one["runtime"] > 0 for one in ticks)
    assert "InvalidRequestError" in seen()[refused.id]["exception"]


def test_flower_shows_the_depth_of_each_queue(composed: Composed) -> None:
    url = f"http://127.0.0.1:{composed.flower_port}/api"
    # Which queues there are Flower asks the workers, now and then.
    httpx.get(f"{url}/workers", params={"refresh": "true"}, auth=LOGIN, timeout=180)
    queues = {queue for name in OURS for queue in queues_of(name)}

    def depths() -> dict[str, int]:
        found = httpx.get(f"{url}/queues/length", auth=LOGIN).json()["active_queues"]
        return {one["name"]: one["messages"] for one in found}

    wait_until(lambda: set(depths()) == queues, "every queue is shown")
    assert queues == {"critical", "bulk", "outgoing", "default", "scheduled"}
    composed.stack.programs["worker-bulk"].process.send_signal(signal.SIGSTOP)
    try:
        with gateway_app(composed.server.url) as app:
            for _ in range(20):
                app.send_task("tasks.process_broadcast_campaign", args=["none"], queue="bulk")
        wait_until(lambda: depths()["bulk"] >= 10, "what waits for a frozen worker is shown")
    finally:
        composed.stack.programs["worker-bulk"].process.send_signal(signal.SIGCONT)
    wait_until(lambda: depths()["bulk"] == 0, "what waited is done")


def test_flower_only_looks(composed: Composed) -> None:
    worker = f"bulk@{socket.gethostname()}"
    url = f"http://127.0.0.1:{composed.flower_port}/api/worker/shutdown/{worker}"

    assert httpx.post(url, auth=LOGIN).status_code == 403


@pytest.mark.long
def test_a_service_that_has_ended_is_not_healthy(composed: Composed) -> None:
    for name in OURS:
        composed.stack.programs[name].process.terminate()
    for name in OURS:
        composed.stack.programs[name].stop(within_s=45)

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(composed.healthy, OURS)) == [False] * len(OURS)
