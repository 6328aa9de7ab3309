"""Child processes of a command: started in their own process groups, watched, and ended in time.

Only the standard library is imported, because the watchdog of these processes must start quickly.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
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

    def stop(
        self, within_s: float, *, needed: str = "", longer_s: Mapping[str, float] | None = None
    ) -> list[str]:
        """End all, `needed` last, since the others need it; return the names of those it killed.

        Those that `longer_s` names have so many seconds in place of `within_s`.
        """
        times_s = {name: (longer_s or {}).get(name, within_s) for name in self._by_name}
        others = [name for name in times_s if name != needed]
        last = [name for name in times_s if name == needed]
        return self._end(others, times_s) + self._end(last, times_s)

    def _end(self, names: Sequence[str], times_s: Mapping[str, float]) -> list[str]:
        by_pid = {self._by_name[name].pid: name for name in names}
        killed = end_processes(
            {pid: times_s[name] for pid, name in by_pid.items()},
            lambda pid: self.exit_code(by_pid[pid]) is None,
        )
        for name in names:
            self._by_name[name].wait()
        return [by_pid[pid] for pid in killed]


def end_processes(times_s: Mapping[int, float], is_alive: Callable[[int], bool]) -> list[int]:
    """Ask processes to end, and kill the group of each whose seconds are over before it did.

    Return the ids of those killed.
    """
    for pid in filter(is_alive, times_s):
        _send(os.kill, pid, signal.SIGTERM)
    began, killed = time.monotonic(), list[int]()
    while left := [pid for pid in times_s if pid not in killed and is_alive(pid)]:
        late = [pid for pid in left if time.monotonic() - began >= times_s[pid]]
        for pid in late:
            _send(os.killpg, pid, signal.SIGKILL)
        killed += late
        if not late:
            time.sleep(LOOK_EVERY_S)
    return killed


def _send(kill: Callable[[int, int], None], pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        kill(pid, what)
