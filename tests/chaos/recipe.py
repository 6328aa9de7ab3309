"""The usual recipe as something to break, with the same load, the same judge and the same kills."""

import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import redis

from tests.chaos.gateway import LATER_WELL, SANDBOX, WIRES, Fate, Gateway, wamid
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack

ABANDONED_S = 10.0  # The longest pause between two tries of a send is 4 s.


class RecipeStack(Stack):
    """The recipe's processes, started as its authors say, beside our sandbox."""

    def __init__(self, folder: Path, server: Server, app: Path) -> None:
        super().__init__(folder, server, PYTHONPATH=str(app.parent))
        celery = [sys.executable, "-m", "celery", "-A", app.stem, "worker", "-Q"]
        web = [sys.executable, "-m", "uvicorn", f"{app.stem}:web", "--no-access-log", "--port"]
        self.commands = {
            "web": [*web, str(self.web_port)],
            "inbound": [*celery, "default", "-c", "2"],
            "outbound": [*celery, "critical", "-c", "4"],
        }

    def run(self, name: str) -> Program:
        kind = name.partition("#")[0]
        if kind not in self.commands:
            return super().run(name)
        program = Program(self.commands[kind], self.env, self.folder / f"{name}.log")
        self.programs[name] = program
        return program


class Recipe(Gateway):
    """One task a webhook, one a send; it keeps no record, so nothing of it is ever in doubt."""

    name = "usual recipe"
    faults = ("web", "inbound, whole group", "outbound", "Redis", *LATER_WELL, *WIRES)
    kills = frozenset(faults) - {*LATER_WELL, *WIRES}
    programs = ("sandbox", "web", "inbound", "outbound")
    contacts = 10**8  # Its posts name no cause, so each customer asks once and is told by number.

    def __init__(self, folder: Path, app: Path) -> None:
        self._app = app
        self._held: list[bytes] = []
        self._held_since = 0.0
        super().__init__(folder)

    def made(self, folder: Path) -> Stack:
        return RecipeStack(folder, self.server, self._app)

    def start(self) -> None:
        self.stack.start("sandbox", sandbox=SANDBOX)
        for name in self.programs[1:]:
            self.stack.run(name)
        wait_until(lambda: self.post(-1), "the recipe answers", 60)
        wait_until(lambda: self.answered() > 0, "the first reply is posted", 60)

    def answered(self) -> int:
        return len(self.stack.posted())

    def still(self) -> bool:
        """Say whether it is at rest, after the hour in which the broker holds tasks back."""
        self.revive()
        with redis.Redis.from_url(self.server.url) as client:
            waiting = sum(int(str(client.llen(queue))) for queue in ("default", "critical"))
            found = client.zrange("unacked_index", 0, -1)
            held = found if isinstance(found, list) else []
            if waiting or held != self._held:
                self._held, self._held_since = held, time.monotonic()
            # Only what nobody works on stands still for so long: a killed worker held it, and it
            # comes back after the broker's visibility timeout of one hour, which passes here.
            elif time.monotonic() - self._held_since > ABANDONED_S:
                for tag in held:
                    client.zadd("unacked_index", {tag: 1}, xx=True)
        if waiting == 0 and not held:
            return True
        time.sleep(0.5)
        return False

    def settle(self) -> None:
        if not self.comes_to_rest():
            self.start_anew()  # Its worker may hang for good after a kill of Redis.
            super().settle()

    def moved(self) -> int:
        """Return what it has behind it: a task that comes back may answer nobody."""
        with redis.Redis.from_url(self.server.url) as client:
            ahead = sum(int(str(client.llen(queue))) for queue in ("default", "critical"))
            return self.answered() - ahead - int(str(client.zcard("unacked_index")))

    def fates(self, numbers: Iterable[int]) -> Mapping[int, list[Fate]]:
        self._read_log()
        return {one: [Fate(wamid(one), self._posts[str(one)], in_doubt=False)] for one in numbers}

    def is_request(self, number: int) -> bool:
        return False  # it has no API by which a message could be asked for once

    def named(self, posted: Mapping[str, Any]) -> str:
        return str(int(posted["to"].lstrip("+")[4:]))

    def buried(self) -> int:
        return 0

    def story(self, name: str) -> str:
        return ""
