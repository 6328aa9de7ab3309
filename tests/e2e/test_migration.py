"""A store that the release before wrote is migrated under load, while processes of both run."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.made import delivery_body, message_item, status_item
from tests.servers import Program, Server, wait_until
from tests.stack import Stack

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """Check out the last commit of layout 1, where git has it."""
    folder = tmp_path / "before"
    folder.mkdir()
    archive = subprocess.run(
        ["git", "archive", "--format=tar", "0cc292b", "gateway", "tasks"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if archive.returncode:
        pytest.skip("git does not have the last commit of layout 1 here")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


class Both(Stack):
    """Runs processes of the release before, named `<kind>#before`, beside those of this one."""

    before: Path

    def run(self, name: str) -> Program:
        if not name.endswith("#before"):
            return super().run(name)
        command = [sys.executable, *self.command(name.partition("#")[0])]
        log = self.folder / f"{name}.log"
        self.programs[name] = Program(command, self.env, log, self.before)
        return self.programs[name]


@pytest.fixture
def stack(tmp_path: Path, before: Path) -> Iterator[Both]:
    server = Server(tmp_path / "valkey").start()
    made = Both(tmp_path / "run", server)
    made.before = before
    made.start("sandbox", "web#before", "inbound#before", "outbound#before", "beat#before")
    wait_until(lambda: made._ok(f"{made.url}/readyz"), "the web process of before is ready")
    yield made
    made.stop()
    server.kill()


class Load:
    """Posts messages of ever new customers, and statuses, until it is told to end."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.posted: list[str] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(0.05):
            n = len(self.posted)
            customer = f"3519{n:08}"
            status = delivery_body(statuses=[status_item(f"wamid.alien{n}", "sent", to=customer)])
            body = delivery_body(message_item(f"wamid.load{n}", "which color?", customer))
            assert self.stack.post_all([body, status]) == [200, 200]
            self.posted.append(customer)


def migrate(stack: Stack) -> dict[str, object]:
    command = [sys.executable, "-m", "gateway.cli", "migrate", "--wait", "3", "--json"]
    env = os.environ | stack.env
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_a_store_is_migrated_under_load_and_nothing_is_lost_or_doubled(stack: Both) -> None:
    with Load(stack) as load:
        wait_until(lambda: len(stack.posted()) >= 20, "the release before answers", 60)

        assert migrate(stack)["migrated"] is True

        # Those of before run on for a while, and take nothing.
        for name in ("inbound", "outbound"):
            stack.run(name)
        stack.programs["web#before"].stop()
        stack.run("web")
        wait_until(lambda: stack._ok(f"{stack.url}/readyz"), "this release is ready", 60)
        count = len(load.posted)
        wait_until(lambda: len(load.posted) > count + 20, "deliveries are kept again", 60)
        for name in ("inbound#before", "outbound#before", "beat#before"):
            stack.programs[name].stop()
        stack.run("beat")
    wait_until(lambda: len(stack.posted()) >= len(load.posted), "each is answered", 90)
    wait_until(stack.idle, "nothing waits", 60)

    answered = Counter(one["to"].lstrip("+") for one in stack.posted())
    assert answered == dict.fromkeys(load.posted, 1)
    assert migrate(stack)["migrated"] is False
    refused = stack.run("inbound#before").process.wait(60)
    assert refused == 2
    assert "layout" in stack.programs["inbound#before"].said()
