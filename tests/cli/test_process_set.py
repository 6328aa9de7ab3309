"""Processes of a command are watched by their names, and end with all that they started."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.common.process_set import ProcessSet
from tests.cli.test_dev_processes import STUBBORN, runs
from tests.support.servers import wait_until

# It starts a child of its own, tells which, and leaves it behind.
LEAVES = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); exit(3)"

# Asked to end, it takes longer than the others have.
SLOW = """
import signal, time
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
print("up", flush=True)
while not asked:
    time.sleep(0.02)
time.sleep(0.5)
"""

# It writes down when it is asked to end.
TELLS = "trap 'echo {} >> ended; exit' TERM; echo up; while :; do sleep 0.05; done"


@pytest.fixture
def processes() -> Iterator[ProcessSet]:
    started = ProcessSet()
    yield started
    started.stop(0)


def first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    with process.stdout as written:
        return written.readline()


def test_a_process_is_there_until_it_is_removed(processes: ProcessSet) -> None:
    processes.start("one", [sys.executable, "-c", "exit(3)"])

    wait_until(lambda: processes.exit_code("one") is not None, "it has ended")
    assert ("one" in processes, processes.exit_code("one")) == (True, 3)
    processes.remove("one")
    assert ("one" in processes, processes.exit_code("one")) == (False, None)


def test_of_what_is_removed_no_child_stays(processes: ProcessSet) -> None:
    parent = processes.start("one", [sys.executable, "-c", LEAVES], stdout=subprocess.PIPE)
    child = int(first_line(parent))
    parent.wait()
    assert runs(child)

    processes.remove("one")

    wait_until(lambda: not runs(child), "its child has ended")


def test_only_what_is_deaf_is_killed_and_named(processes: ProcessSet) -> None:
    first_line(processes.start("deaf", [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE))
    processes.start("one", ["sleep", "60"])

    assert processes.stop(0.5, longer_s={"one": 60}) == ["deaf"]
    assert (processes.exit_code("deaf"), processes.exit_code("one")) == (-9, -15)


def test_one_that_may_take_longer_is_waited_for(processes: ProcessSet, tmp_path: Path) -> None:
    for name in ("deaf", "slow"):
        command = [sys.executable, "-c", STUBBORN if name == "deaf" else SLOW]
        first_line(processes.start(name, command, stdout=subprocess.PIPE, cwd=tmp_path))

    assert processes.stop(0.2, longer_s={"slow": 60}) == ["deaf"]
    assert processes.exit_code("slow") == 0


def test_what_the_others_need_ends_last(processes: ProcessSet, tmp_path: Path) -> None:
    for name in ("needed", "other"):
        command = ["sh", "-c", TELLS.format(name)]
        first_line(processes.start(name, command, stdout=subprocess.PIPE, cwd=tmp_path))

    processes.stop(5, needed="needed")

    assert (tmp_path / "ended").read_text() == "other\nneeded\n"
