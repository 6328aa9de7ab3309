"""Children of `gateway dev`: their output is read, and a watchdog ends them if needed."""

import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from gateway.cli.common.process_set import ProcessSet
from gateway.cli.local import dev_guard

LAST_LINES = 20

Show = Callable[[str, str], None]  # the child's name, and one line that it wrote


@dataclass(frozen=True, slots=True)
class Child:
    """A child process, and its last lines of output."""

    name: str
    process: subprocess.Popen[bytes]
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))

    def read(self, show: Show) -> None:
        """Pass on every line until the output ends."""
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        with self.process.stdout as written:
            for raw in written:
                line = raw.decode(errors="replace").rstrip()
                self.last_lines.append(line)
                show(self.name, line)


class Family:
    """All children, and the watchdog that ends them if this process is killed."""

    def __init__(self, show: Show, lock: int) -> None:
        """Pass lines to `show`; every child holds the lock until it ends."""
        self._show, self._lock = show, lock
        self._children: list[Child] = []
        self._readers: list[threading.Thread] = []
        self._processes = ProcessSet()
        guard = [sys.executable, "-m", "gateway.cli.local.dev_guard"]
        # It ends after all others, so it is not in the set.
        self._guard = ProcessSet().start("guard", guard, **self._pipes())

    def __enter__(self) -> Self:
        """Return itself; leaving the context ends all children."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all children, even after an error."""
        self.stop()

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], stdin_data: bytes = b""
    ) -> None:
        """Start a child with its own environment; `stdin_data` is all its input."""
        child = Child(name, self._processes.start(name, command, env=env, **self._pipes()))
        self._children.append(child)
        self._write_stdin(self._guard, b"%d\n" % child.process.pid)
        self._write_stdin(child.process, stdin_data)
        if child.process.stdin:
            child.process.stdin.close()
        reader = threading.Thread(target=child.read, args=[self._show], daemon=True)
        reader.start()
        self._readers.append(reader)

    def find_dead_child(self) -> Child | None:
        """Return a child that has ended, None if all run."""
        return next((one for one in self._children if one.process.poll() is not None), None)

    def stop(self, within_s: float = dev_guard.STOP_WITHIN_S) -> None:
        """End all children, the first one last, and then the watchdog, which has nothing to do."""
        self._processes.stop(within_s, needed=next((one.name for one in self._children), ""))
        self._guard.kill()
        self._guard.communicate()
        for reader in self._readers:
            reader.join(1)

    def _pipes(self) -> dict[str, Any]:
        """Return the Popen options for a child's pipes and inherited descriptors."""
        return {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "pass_fds": [self._lock],
        }

    def _write_stdin(self, process: subprocess.Popen[bytes], data: bytes) -> None:
        try:
            if process.stdin and data:
                process.stdin.write(data)
                process.stdin.flush()
        except BrokenPipeError:
            return  # it has ended; find_dead_child will report it
