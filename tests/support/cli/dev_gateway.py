"""`gateway dev` in a folder of its own, and what one types beside it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.forked_process import run_python
from tests.support.servers import free_port, wait_until

RULES = """\
version: 1
rules:
  - {name: welcome, when: {first_contact: yes}, then: "Welcome!"}
  - name: menu
    when: {text: menu}
    then:
      - send:
          type: interactive
          interactive:
            type: button
            body: {text: What now?}
            action:
              buttons:
                - {type: reply, reply: {id: a, title: Apples}}
                - {type: reply, reply: {id: p, title: Pears}}
  - {name: pears, when: {tapped: p}, then: [mark_read, "Pears it is."]}
  - {name: colour, when: {text: {contains: color}}, then: "Yes: red, green and blue."}
"""
GATEWAY = [sys.executable, "-m", "gateway.cli"]


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which nothing of the developer's own settings is left."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {"LC_ALL": "C.UTF-8"} | more


def tree(pid: int) -> set[int]:
    """Return a process and all that came from it and still runs."""
    shown = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True)
    rows = [line.split() for line in shown.stdout.splitlines()]
    parents = {int(row[0]): int(row[1]) for row in rows if not row[2].startswith("Z")}
    found = {pid} & set(parents)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def running(pids: set[int]) -> set[int]:
    """Return those that still do something; nobody may ever bury an orphan."""
    return {pid for pid in pids if tree(pid)}


class Playing:
    """One folder, and the `gateway dev` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.rules = folder / "rules" / "rules.yaml"
        self.rules.parent.mkdir()
        self.rules.write_text(RULES)
        self.log = folder / "dev.log"
        self.program: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> "Playing":
        (self.folder / ".gateway" / "dev.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.program = subprocess.Popen(
                [*GATEWAY, "dev", "--port", str(self.port), *options],
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until((self.folder / ".gateway" / "dev.json").exists, "gateway dev is ready", 300)
        except BaseException:
            self.program.kill()  # whoever asked has nothing to end
            self.program.wait()
            raise
        return self

    def end(self, how: int, within_s: float = 60) -> int:
        """Send a signal, and return the exit code."""
        assert self.program is not None
        self.program.send_signal(how)
        return self.program.wait(within_s)

    def run(self, *args: str, typed: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        """Run another command in the folder."""
        return run_python([*GATEWAY[1:], *args], environment(**env), self.folder, typed)

    def chat(self, *typed: str, **env: str) -> list[str]:
        """Type lines on a phone, and return what it shows."""
        return self.run("chat", typed="\n".join(typed), **env).stdout.splitlines()

    def child(self, command: str) -> int:
        """Return the process id of a child by its command line."""
        assert self.program is not None
        shown = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True)
        rows = [line.split(None, 2) for line in shown.stdout.splitlines()]
        ours = str(self.program.pid)
        return next(int(pid) for pid, parent, args in rows if parent == ours and command in args)

    def said(self) -> str:
        return self.log.read_text()
