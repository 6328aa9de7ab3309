"""Child processes of a command: started in their own process groups, watched, and ended in time.

Only the standard library is imported, because the watchdog of these processes must start quickly.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

LOOK_EVERY_S = 0.05


class ProcessSet:
    """Processes by name, each the leader of its own process group.

    So Ctrl-C in a terminal reaches this process only, which then ends the others in order.
    """

    def __init__(self) -> None:
        """Begin without processes."""
        self._by_name: dict[str, subprocess.Popen[bytes]] = {}

    def __contains__(self, name: str) -> bool:
        """Return whether a process was started and not removed, running or not."""
        return name in self._by_name

    def start(self, name: str, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a process; the options are those of Popen. Raises OSError."""
        process = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603
        self._by_name[name] = process
        return process

    def exit_code(self, name: str) -> int | None:
        """Return the exit code of a process, None while it runs."""
        process = self._by_name.get(name)
        return process.poll() if process else None

    def remove(self, name: str) -> None:
        """Remove a process that has ended, and kill what is left of its group."""
        _send(os.killpg, self._by_name.pop(name).pid, signal.SIGKILL)

    def stop(self, within_s: float, *, needed: str = "") -> list[str]:
        """End all, `needed` last, since the others need it; return the names of those it killed."""
        others = [name for name in self._by_name if name != needed]
        killed = self._end(others, within_s)
        return killed + self._end([needed] if needed in self else [], within_s)

    def _end(self, names: Sequence[str], within_s: float) -> list[str]:
        by_pid = {self._by_name[name].pid: name for name in names}
        killed = end_processes(
            list(by_pid), lambda pid: self.exit_code(by_pid[pid]) is None, within_s
        )
        for name in names:
            self._by_name[name].wait()
        return [by_pid[pid] for pid in killed]


def end_processes(
    pids: Sequence[int], is_alive: Callable[[int], bool], within_s: float
) -> list[int]:
    """Ask the processes to end, then kill the remaining groups; return the ids of those killed."""
    for pid in filter(is_alive, pids):
        _send(os.kill, pid, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    left = [pid for pid in pids if is_alive(pid)]
    for pid in left:
        _send(os.killpg, pid, signal.SIGKILL)
    return left


def _send(kill: Callable[[int, int], None], pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        kill(pid, what)
