"""The children of `gateway dev` end with it, however it ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.local.processes import Family
from tests.support.servers import wait_until

SAYS = "import sys; print(sys.stdin.read(), flush=True); import time; time.sleep(60)"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); "
STUBBORN += "import time; time.sleep(60)"
PARENT = """\
import os, sys, time
from gateway.cli.local.processes import Family
family = Family(lambda *_: None, os.open(sys.argv[1], os.O_CREAT | os.O_RDWR))
family.start("one", ["sleep", "60"], {"PATH": os.environ["PATH"]})
family.start("two", ["sleep", "60"], {"PATH": os.environ["PATH"]})
print(*(child.process.pid for child in family._children), flush=True)
time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def runs(pid: int) -> bool:
    """Say whether a process does anything still; nobody may ever bury an orphan."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return shown.stdout.strip()[:1] not in ("", "Z")


def test_a_child_is_told_its_words_and_what_it_writes_is_shown(lock: int) -> None:
    shown: list[tuple[str, str]] = []
    with Family(lambda *line: shown.append(line), lock) as family:
        family.start("one", [sys.executable, "-c", SAYS], {}, b"hello")
        wait_until(lambda: bool(shown), "the child writes")

    assert shown == [("one", "hello")]


def test_a_child_has_the_environment_that_was_given_and_no_other(
    lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_ACCESS_TOKEN", "real")
    shown: list[str] = []
    told = "import os, time; print(sorted(os.environ)); "
    with Family(lambda _, line: shown.append(line), lock) as family:
        family.start("one", [sys.executable, "-c", told], {"A": "1", "LC_ALL": "C"})
        wait_until(lambda: bool(shown), "the child writes")

    assert shown == ["['A', 'LC_ALL']"]


def test_a_child_that_died_is_told_with_its_last_words(lock: int) -> None:
    ended = threading.Event()
    with Family(lambda *_: ended.set(), lock) as family:
        family.start("one", ["sleep", "60"], {"PATH": os.environ["PATH"]})
        assert family.find_dead_child() is None
        family.start("two", [sys.executable, "-c", "print('bye'); exit(3)"], {})
        wait_until(
            lambda: family.find_dead_child() is not None and ended.is_set(), "the child has died"
        )
        dead = family.find_dead_child()

    assert dead is not None
    assert (dead.name, dead.process.returncode, list(dead.last_lines)) == ("two", 3, ["bye"])


def test_what_is_deaf_is_killed(lock: int) -> None:
    shown: list[str] = []
    with Family(lambda _, line: shown.append(line), lock) as family:
        family.start("deaf", [sys.executable, "-c", STUBBORN], {})
        wait_until(lambda: bool(shown), "the child is deaf")
        family.stop(within_s=0.2)

    dead = family.find_dead_child()
    assert dead is not None
    assert dead.process.returncode == -signal.SIGKILL


def test_the_guard_ends_the_children_of_a_killed_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert [runs(pid) for pid in children] == [True, True]
        parent.kill()

    wait_until(lambda: not any(map(runs, children)), "the children have ended")
