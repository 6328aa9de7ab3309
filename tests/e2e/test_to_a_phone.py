"""From an empty folder to a reply on a phone, with the commands that a newcomer types."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.cli.dev_gateway import GATEWAY, RULES, environment
from tests.support.forked_process import run_python
from tests.support.servers import Program, free_port, wait_until

pytestmark = pytest.mark.e2e

APP, WABA, NUMBER = "100000000000003", "102290129340398", "106540352242922"
SECRET, TOKEN, CUSTOMER = "hush-app-secret", "EAAhush-token", "351900000001"


class Newcomer:
    """An app at a stand-in for Meta that nobody has set up, and a folder with a rule."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url, self.meta = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{free_port()}"
        (folder / "rules").mkdir()
        (folder / "rules/rules.yaml").write_text(RULES)
        config = {
            "port": int(self.meta.rpartition(":")[2]),
            "app_secret": SECRET,
            "access_token": TOKEN,
            "webhook_url": "http://127.0.0.1:1/webhook",
            "numbers": [{"id": NUMBER, "display": "15550001111"}],
            "waba_id": WABA,
            "app_id": APP,
        }
        (folder / "meta.json").write_text(json.dumps(config))
        command = [sys.executable, "-m", "gateway.sandbox", "--config", str(folder / "meta.json")]
        self.sandbox = Program(command, dict(os.environ), folder / "meta.log")
        wait_until(lambda: "listening" in self.sandbox.said(), "Meta's stand-in listens")
        self.ask("account", callback="", fields=[], subscribed=False)
        self.tunnel: subprocess.Popen[bytes] | None = None
        self.examined = ""

    def ask(self, path: str, **wish: Any) -> Any:
        """Steer or ask the stand-in."""
        url = f"{self.meta}/sandbox/{path}"
        return (httpx.post(url, json=wish) if wish else httpx.get(url)).raise_for_status().json()

    def gateway(self, *args: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        env = environment(META_GRAPH_URL=self.meta)
        return run_python([*GATEWAY[1:], *args], env, self.folder, typed)

    def open(self) -> None:
        """Open the tunnel, and wait until it wants a message."""
        with (self.folder / "tunnel.log").open("ab") as log:
            self.tunnel = subprocess.Popen(
                [
                    *GATEWAY,
                    "tunnel",
                    "--url",
                    self.url,
                    "--port",
                    str(self.port),
                    "--real",
                    "--yes",
                ],
                cwd=self.folder,
                env=environment(META_GRAPH_URL=self.meta),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: "write from a phone" in self.told(), "the tunnel wants a message", 300)

    def told(self) -> str:
        return (self.folder / "tunnel.log").read_text()

    def is_well(self) -> bool:
        """Ask the doctor."""
        done = self.gateway("doctor", "--json")
        self.examined = done.stdout + done.stderr
        return done.returncode == 0

    def phone(self) -> list[str]:
        """Return the texts that the customer's phone shows."""
        events = self.ask(f"customers/{CUSTOMER}/events")
        return [one["body"]["text"]["body"] for one in events if one["kind"] == "message"]

    def close(self) -> int:
        """Stop the tunnel as Ctrl-C does; return its exit code."""
        assert self.tunnel is not None
        self.tunnel.send_signal(signal.SIGINT)
        return self.tunnel.wait(180)

    def leave(self) -> None:
        """End what still runs."""
        if self.tunnel is not None and self.tunnel.poll() is None:
            self.close()
        self.sandbox.stop()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    made = Newcomer(tmp_path)
    yield made
    made.leave()


def test_init_tunnel_and_doctor_lead_from_an_empty_folder_to_a_reply(newcomer: Newcomer) -> None:
    ready = newcomer.gateway("init", typed=f"{APP}\n{SECRET}\n{TOKEN}\n\n\n")
    assert (ready.returncode, ready.stderr) == (0, "")

    newcomer.open()
    newcomer.ask(f"customers/{CUSTOMER}/messages", text="hello")
    wait_until(lambda: newcomer.phone() == ["Welcome!"], "the phone shows the reply")

    # What runs on a schedule has not run when the first reply is there.
    wait_until(newcomer.is_well, "the doctor finds nothing broken")

    assert newcomer.close() == 0
    assert newcomer.ask("account")["number_overrides"] == {}
    said = ready.stdout + newcomer.told() + newcomer.examined
    written = (newcomer.folder / ".env").read_text().splitlines()[1:]
    hidden = {line.partition("=")[2] for line in written} - {APP, WABA, NUMBER}
    assert {secret for secret in hidden if secret in said} == set()
