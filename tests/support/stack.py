"""The whole gateway as real processes on loopback: server, web, workers, beat and the sandbox."""

import contextlib
import hashlib
import hmac
import itertools
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import redis

from gateway.store import keys
from tests.support.factories import NUMBER
from tests.support.servers import WAIT_S, ForkedProgram, Program, Server, free_port, wait_until

GATEWAY = ("-c", "from gateway.cli.main import main; main()")
SECRET = "an app secret of the tests"
TOKEN = "EAAtesttoken"
MOST_ASKED = 20
# A module's messages are made when pytest reads it, which may be half an hour before they are used.
RULES = """\
version: 1
defaults:
  max_age: 1d
rules:
  - name: colour
    when: {text: {contains: color}}
    then: "Yes: red, green and blue."
"""


def signed(body: bytes, secret: str = SECRET) -> str:
    """Sign as Meta does; the tests' own code, not the gateway's."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def plain_client(**options: Any) -> httpx.Client:
    """Return a client for this machine; to read the system's certificates takes it 25 ms."""
    return httpx.Client(**{"timeout": 60, "verify": False, "trust_env": False, **options})


class PatientTransport(httpx.HTTPTransport):
    """Asks again where the answer to a GET is that the store did not answer in time."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(MOST_ASKED):
            response = super().handle_request(request)
            if request.method != "GET" or response.status_code != 503:
                return response
            response.close()
        return super().handle_request(request)


def api_client(address: str, headers: Mapping[str, str]) -> httpx.Client:
    """Return a client of the API for tests in which the store is always there."""
    return httpx.Client(
        base_url=address, headers=headers, timeout=180, transport=PatientTransport()
    )


class Stack:
    """Starts and stops the processes of one gateway, and talks to them from outside."""

    # Whether processes come from the fork server: for tests they do, for benchmarks they do not.
    forked = False

    def __init__(self, folder: Path, server: Server, rules: str = RULES, **env: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.server = server
        self.web_port, self.api_port, self.meta_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.web_port}"
        self.api = f"http://127.0.0.1:{self.api_port}"
        self.meta_url = f"http://127.0.0.1:{self.meta_port}"
        (folder / "rules.yaml").write_text(rules)
        self.env = {
            "REDIS_URL": server.url,
            "META_APP_SECRET": SECRET,
            "META_VERIFY_TOKEN": "a verify token",
            "META_ACCESS_TOKEN": TOKEN,
            "META_PHONE_NUMBER_ID": NUMBER,
            "META_GRAPH_URL": self.meta_url,
            "META_MESSAGES_PER_SECOND": "1000",
            "GATEWAY_API_BIND": f"127.0.0.1:{self.api_port}",
            "GATEWAY_RULES": str(folder / "rules.yaml"),
            **env,
        }
        self.programs: dict[str, Program] = {}
        self._calls = itertools.count()
        self.client = plain_client(limits=httpx.Limits(max_connections=64))

    def start(self, *names: str, sandbox: Mapping[str, Any] | None = None) -> "Stack":
        names = names or ("sandbox", "web", "inbound", "outbound", "beat")
        if "sandbox" in names:
            self._write_sandbox(sandbox or {})
        try:
            for name in names:
                self.run(name)
            if "sandbox" in names:
                told = f"{self.meta_url}/sandbox/health"
                wait_until(lambda: self._ok(told), "the sandbox answers")
            if "web" in names:
                wait_until(lambda: self._ok(f"{self.api}/readyz"), "the web process is ready")
        except BaseException:
            self.stop()  # whoever asked has nothing to stop
            raise
        return self

    def run(self, name: str) -> Program:
        """Start one process, or start it again."""
        return self.run_python(name, *self.command(name.partition("#")[0]))

    def run_python(self, name: str, *args: str) -> Program:
        """Start what Python is given as a process of this name."""
        fresh = not self.forked or "PYTHONPATH" in self.env  # which Python reads at its start
        kind = Program if fresh else ForkedProgram
        program = kind([sys.executable, *args], self.env, self.folder / f"{name}.log")
        self.programs[name] = program
        return program

    def call_python(self, *args: str, codes: Sequence[int] = (0,)) -> str:
        """Return what Python writes, once it has ended; AssertionError at another exit code."""
        name = f"call-{next(self._calls)}"
        called = self.run_python(name, *args)
        assert called.process.wait(180) in codes, called.said()
        return self.programs.pop(name).said()

    def gateway(self, *args: str) -> str:
        """Return what a command of the gateway prints; AssertionError if it failed."""
        return self.call_python(*GATEWAY, *args)

    def command(self, kind: str) -> Sequence[str]:
        """Return what Python is given to become a process of this kind."""
        celery = ["-m", "celery", "-A", "tasks"]
        workers = [*celery, "worker", "--without-gossip", "--without-mingle"]
        commands: dict[str, Sequence[str]] = {
            "sandbox": ["-m", "gateway.sandbox", "--config", str(self.folder / "sandbox.json")],
            "web": [*GATEWAY, "serve", "--port", str(self.web_port)],
            "worker": [*GATEWAY, "worker", "--inbound", "2"],
            "beat": [*celery, "beat"],
            "inbound": [*workers, "-Q", "default,scheduled", "-c", "2"],
            "single": [*workers, "-Q", "default", "-c", "1"],
            "outbound": [*workers, "-Q", "critical,bulk", "-P", "threads", "-c", "4"],
            "outgoing": [*workers, "-Q", "outgoing", "-P", "threads", "-c", "8"],
        }
        return commands[kind]

    def stop(self) -> None:
        """Kill all processes; only `gateway worker` has to end the groups that it started."""
        supervisors = [one for name, one in self.programs.items() if name.startswith("worker")]
        for program in self.programs.values():
            program.process.terminate() if program in supervisors else program.kill()
        for program in supervisors:
            program.stop()
        self.client.close()

    def run_one_worker(self) -> None:
        """Start a single process that plans, and let it hear of what waits."""
        self.run("single")
        self.ring()

    def ring(self) -> None:
        """Let workers hear of what waits."""
        self.call_python("-c", "from tasks.wakeup import ring_inbox; ring_inbox()")

    def worked_off(self) -> int:
        """Return how many deliveries were passed."""
        with redis.Redis.from_url(self.server.url) as client:
            counts = [
                client.hget(f"{keys.partition(i)}count", "passed") for i in range(keys.PARTITIONS)
            ]
        return sum(int(str(count, "ascii")) for count in counts if isinstance(count, bytes))

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        """Deliver as Meta does."""
        given = {"content-type": "application/json", "x-hub-signature-256": signed(body)}
        return self.client.post(f"{self.url}/webhook", content=body, headers=given | headers)

    def post_all(self, bodies: Sequence[bytes], at_once: int = 16) -> list[int]:
        """Deliver many, each again until it is acknowledged, as Meta would."""
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self._insist, bodies))

    def _insist(self, body: bytes) -> int:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                if self.post(body).status_code == 200:
                    return 200
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        return 0

    def posted(self) -> list[dict[str, Any]]:
        """Return the messages that the sandbox accepted, in order."""
        return list(self.judged()["messages"])

    def judged(self) -> Any:
        """Return the sandbox's whole log, which may be long, on a connection of its own."""
        with plain_client(timeout=120) as client:
            return client.get(f"{self.meta_url}/sandbox/log").json()

    def trace(self, wamid: str) -> str:
        """Return what `gateway trace` tells of a message."""
        return self.call_python(*GATEWAY, "trace", wamid, codes=(0, 1))  # 1: it is unknown

    def metrics(self) -> dict[str, float]:
        """Return the figures of /metrics by name and label."""
        page: list[str] = []

        def read() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                answer = self.client.get(f"{self.api}/metrics")
                page[:] = answer.text.splitlines() if answer.status_code == 200 else []
            return bool(page)

        wait_until(read, "the figures can be read")
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in page
            if not line.startswith("#")
        }

    def idle(self) -> bool:
        """Say whether nothing waits anywhere."""
        return not self.waiting()

    def waiting(self) -> dict[str, float]:
        """Return the figures that say what waits; one below 0 was counted wrongly."""
        names = ("gateway_deliveries_waiting", "gateway_lanes_ready")
        found = {name: x for name, x in self.metrics().items() if x and name.startswith(names)}
        below = {name: x for name, x in found.items() if x < 0}
        assert not below, f"below 0: {below}"
        return found

    def _ok(self, url: str) -> bool:
        try:
            return self.client.get(url).status_code == 200
        except httpx.HTTPError:
            return False

    def _write_sandbox(self, more: Mapping[str, Any]) -> None:
        config = {
            "host": "127.0.0.1",
            "port": self.meta_port,
            "app_secret": SECRET,
            "access_token": TOKEN,
            "webhook_url": f"{self.url}/webhook",
            "numbers": [{"id": NUMBER, "display": "15550001111"}],
            "waba_id": "102290129340398",
            "enforce_limits": False,
            # A web process that needs half a minute to start again is not to be waited for longer.
            "retry_pauses_s": [0, 1, 2, 5],
            **more,
        }
        (self.folder / "sandbox.json").write_text(json.dumps(config))
