"""How many calls of services are made a second, and what a service that is dead costs replies."""

import socket
from collections.abc import Iterator
from pathlib import Path

from tests.bench.forwarding import Answering, SlowReceivers
from tests.bench.load import load
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

DELAY_MS, MESSAGES = 20, 2_000
NAME = f"calls/s, a service {DELAY_MS} ms away, one worker process"
BESIDE_A_DEAD_ONE = f"{NAME}, beside a dead service"
RULES = """\
version: 1
services:
  quick: {{url: '{quick}', timeout: 10s}}
  dead: {{url: '{dead}', timeout: 10s}}
rules:
  - name: ask
    then: [{calls}]
"""
CALL = """\
{{call: {{to: '{service}:/ask', json: {{text: '{{{{ text }}}}'}}}},
           ok: {{tag: answered}}, failed: {{tag: unanswered}}}}"""


class Calling:
    """The gateway with messages that ask a service, and its one worker that makes the calls."""

    def __init__(self, folder: Path, server: Server, *, beside_a_dead_one: bool) -> None:
        self.services = SlowReceivers(folder)
        # Connections are taken by the system, and nobody reads what comes.
        self._dead = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.stack = Stack(folder, server, GATEWAY_LOG_LEVEL="warning")
        self.name = BESIDE_A_DEAD_ONE if beside_a_dead_one else NAME
        asked = ("dead", "quick") if beside_a_dead_one else ("quick",)
        dead = f"http://127.0.0.1:{self._dead.getsockname()[1]}"
        (folder / "rules.yaml").write_text(rules_for(self.services.urls[0], dead, asked))

    def measure(self) -> Iterator[tuple[str, float]]:
        """Let messages wait for the service, then start the worker that asks it."""
        stack = self.stack
        stack.start("web")
        load(stack.web_port, "c", "hello", MESSAGES, 600, contacts=MESSAGES)
        self.services.start()
        stack.run_one_worker()
        wait_until(lambda: stack.worked_off() >= MESSAGES, "all events are planned", 120)
        stack.run("outgoing")
        yield self.name, self.services.rate(MESSAGES)

    def stop(self) -> None:
        self.stack.stop()
        self.services.stop()
        self._dead.close()


class AnsweringAndCalling(Answering):
    """The gateway that answers each message, and asks a service that answers or does not."""

    def __init__(self, folder: Path, server: Server, *, is_dead: bool) -> None:
        super().__init__(folder, server, is_dead=is_dead)
        self.name = f"where each asks a {'dead' if is_dead else 'quick'} service"
        service = self.dead_url if is_dead else self.receivers.urls[0]
        rules = rules_for(service, service, ("quick",)).replace("then: [", "then: [Yes., ")
        (folder / "rules.yaml").write_text(rules)


def rules_for(quick: str, dead: str, asked: tuple[str, ...]) -> str:
    """Return rules by which each message asks one of these services after the other."""
    calls = ",\n           ".join(CALL.format(service=service) for service in asked)
    return RULES.format(quick=quick, dead=dead, calls=calls)
