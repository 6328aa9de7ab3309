"""A process that the fork server starts behaves like one that Python starts anew."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ForkedProgram, wait_until

pytestmark = pytest.mark.faults
SHOWS = """
import os, sys
print(sorted(os.environ.items()), os.getcwd(), sys.argv, os.getsid(0) == os.getpid())
files = sorted(map(int, os.listdir("/proc/self/fd")))[:-1]  # the last is that of listing them
print([os.readlink(f"/proc/self/fd/{file}") for file in files])
"""
WAITS = "import time; print('waits', flush=True); time.sleep(600)"


def forked(tmp_path: Path, *args: str, **env: str) -> ForkedProgram:
    return ForkedProgram([sys.executable, *args], env, tmp_path / "log", tmp_path)


def test_it_has_the_environment_folder_and_files_that_it_was_given(tmp_path: Path) -> None:
    beside = forked(tmp_path, "-c", WAITS)
    program = forked(tmp_path, "-c", SHOWS, "an argument", COLOUR="red")

    assert program.process.wait(180) == 0

    env, files = program.said().splitlines()[-2:]
    assert env == str(sorted((os.environ | {"COLOUR": "red"}).items())) + (
        f" {tmp_path} ['-c', 'an argument'] True"
    )
    log = str(tmp_path / "log")
    assert files == str(["/dev/null", log, log])
    beside.kill()


@pytest.mark.parametrize(
    ("args", "code"),
    [(["-c", "raise SystemExit(3)"], 3), (["-c", "1 / 0"], 1), (["-m", "gateway.cli"], 2)],
)
def test_its_exit_code_is_reported(tmp_path: Path, args: list[str], code: int) -> None:
    assert forked(tmp_path, *args).process.wait(180) == code


def test_it_runs_until_a_signal_ends_it(tmp_path: Path) -> None:
    program = forked(tmp_path, "-c", WAITS)
    wait_until(lambda: program.said() == "waits\n", "it runs")

    assert program.alive()
    with pytest.raises(subprocess.TimeoutExpired):
        program.process.wait(0.01)
    program.process.send_signal(signal.SIGTERM)

    assert program.process.wait(180) == -signal.SIGTERM
    assert not program.alive()


def test_a_signal_to_one_whose_end_is_not_reported_yet_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = forked(tmp_path, "-c", "pass")
    assert program.process.wait(180) == 0
    monkeypatch.setattr(program.process, "poll", lambda: None)

    program.process.send_signal(signal.SIGTERM)

    assert program.process.wait(180) == 0
