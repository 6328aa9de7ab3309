"""Processes of an earlier commit beside those of this one, on one store and under load."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.factories import delivery_body, message_item, status_item
from tests.support.servers import Program
from tests.support.stack import Stack

ROOT = Path(__file__).parents[2]


def check_out(commit: str, folder: Path) -> Path:
    """Return a folder with the product as of a commit; the test is skipped where git lacks it."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit, "gateway", "tasks"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if archive.returncode:
        pytest.skip(f"git does not have commit {commit} here")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


class TwoReleases(Stack):
    """Runs processes of the release before, named `<kind>#before`, beside those of this one."""

    before: Path

    def run(self, name: str) -> Program:
        if not name.endswith("#before"):
            return super().run(name)
        command = [sys.executable, *self.command(name.partition("#")[0])]
        log = self.folder / f"{name}.log"
        self.programs[name] = Program(command, self.env, log, self.before)
        return self.programs[name]


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
