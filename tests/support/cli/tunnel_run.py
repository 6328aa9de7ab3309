"""`gateway tunnel` in a folder of its own, with a sandbox in the place of Meta."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from dotenv import dotenv_values

from tests.support.cli.dev_gateway import GATEWAY, RULES, environment
from tests.support.forked_process import ForkedProcess, run_python
from tests.support.servers import Program, Server, free_port, wait_until
from tests.support.stack import Stack

APP, WABA, NUMBER = "100000000000003", "102290129340398", "100000000000009"
OTHER_NUMBER, DISPLAY = "100000000000008", "15550001111"
SECRET, TOKEN, WORD = "hush-app-secret", "EAAhushtoken", "hush-word"
CUSTOMER = "351900000001"
APPS = "http://127.0.0.1:1/webhook"


def dotenv(folder: Path) -> dict[str, str]:
    """Return what `.env` says."""
    return {name: value or "" for name, value in dotenv_values(folder / ".env").items()}


class Tunnelling:
    """A Meta, a folder with its `.env`, and the runs of `gateway tunnel` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.meta_port = free_port(), free_port()
        self.url, self.meta = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.meta_port}"
        (folder / "rules").mkdir(parents=True)
        (folder / "rules" / "rules.yaml").write_text(RULES)
        self.more: dict[str, str] = {}  # what `.env` has beside what is needed
        self.write()
        self.log = folder / "tunnel.log"
        self.program: ForkedProcess | None = None
        self._sandbox = self._start_meta()

    def write(self, **changes: str) -> None:
        """Write `.env` as `gateway init` does, with changes."""
        written = {
            "META_APP_ID": APP,
            "META_APP_SECRET": SECRET,
            "META_PHONE_NUMBER_ID": NUMBER,
            "META_WABA_ID": WABA,
            "META_ACCESS_TOKEN": TOKEN,
            "META_VERIFY_TOKEN": WORD,
            "META_GRAPH_URL": self.meta,
            **changes,
        }
        lines = [f"{name}={value}\n" for name, value in written.items()]
        (self.folder / ".env").write_text("".join(lines))

    def serve(self, server: Server) -> Stack:
        """Start a gateway of its own with the settings of `.env`, and let `.env` know its Redis."""
        self.more = {"REDIS_URL": server.url}
        self.write(**self.more)
        stack = Stack(self.folder / "serving", server, RULES, **dotenv(self.folder))
        self.port, self.url = stack.web_port, stack.url
        return stack.start("web", "worker")

    def command(self, *more: str) -> list[str]:
        return [*GATEWAY, "tunnel", "--port", str(self.port), *more]

    def run(self, *more: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return run_python(self.command(*more)[1:], environment(), self.folder)

    def start(self, *more: str) -> "Tunnelling":
        """Run it until it waits for a message."""
        self.begin(*more)
        self.shows("write from a phone")
        return self

    def begin(self, *more: str) -> None:
        """Run it."""
        self.log.write_bytes(b"")
        with self.log.open("ab") as log:
            self.program = ForkedProcess(self.command(*more)[1:], environment(), log, self.folder)

    def shows(self, words: str, within_s: float = 240) -> None:
        def shown() -> bool:
            assert self.program is None or self.program.poll() is None, self.said()
            return words in self.said()

        wait_until(shown, f"the list shows {words!r}", within_s)

    def end(self, how: signal.Signals = signal.SIGINT, within_s: float = 60) -> int:
        assert self.program is not None
        self.program.send_signal(how)
        return self.program.wait(within_s)

    def said(self) -> str:
        return self.log.read_text()

    def account(self, **wish: Any) -> dict[str, Any]:
        """Return how things are set up at Meta, after changing them without its handshake."""
        url = f"{self.meta}/sandbox/account"
        answer = httpx.post(url, json=wish) if wish else httpx.get(url)
        return dict(answer.raise_for_status().json())

    def reset(self) -> None:
        """Set Meta and the folder up as they were at first."""
        self.close_run()
        (self.folder / ".gateway" / "tunnel.json").unlink(missing_ok=True)
        self.write(**self.more)
        self.account(callback=APPS, fields=["messages"], subscribed=True)
        self.token(revoked=False, expires_in_s=None)
        self.override("", "")

    def token(self, **wish: Any) -> None:
        httpx.post(f"{self.meta}/sandbox/token", json=wish).raise_for_status()

    def override(self, uri: str, word: str) -> None:
        """Set the number's callback, as somebody else would."""
        told = {"webhook_configuration": {"override_callback_uri": uri, "verify_token": word}}
        headers = {"authorization": f"Bearer {TOKEN}"}
        url = f"{self.meta}/v25.0/{NUMBER}"
        httpx.post(url, json=told, headers=headers).raise_for_status()

    def write_to_us(self, text: str) -> str:
        """Write from a customer's phone; return the message's id."""
        url = f"{self.meta}/sandbox/customers/{CUSTOMER}/messages"
        answer = httpx.post(url, json={"text": text}).raise_for_status()
        return str(answer.json()["id"])

    def phone(self) -> list[str]:
        """Return the texts that the customer's phone shows."""
        found = httpx.get(f"{self.meta}/sandbox/customers/{CUSTOMER}/events").json()
        return [one["body"]["text"]["body"] for one in found if one["kind"] == "message"]

    def close_run(self) -> None:
        if self.program is not None and self.program.poll() is None:
            self.end(signal.SIGTERM)

    def close(self) -> None:
        self.close_run()
        self._sandbox.stop()

    def _start_meta(self) -> Program:
        config = {
            "port": self.meta_port,
            "app_secret": SECRET,
            "access_token": TOKEN,
            "webhook_url": APPS,
            "numbers": [{"id": NUMBER, "display": DISPLAY}],
            "waba_id": WABA,
            "app_id": APP,
            "other_accounts": {"77": [{"id": OTHER_NUMBER, "display": "15550002222"}]},
        }
        file = self.folder / "meta.json"
        file.write_text(json.dumps(config))
        command = [sys.executable, "-m", "gateway.sandbox", "--config", str(file)]
        started = Program(command, dict(os.environ), self.folder / "meta.log")
        wait_until(lambda: "listening" in started.said(), "Meta's stand-in listens")
        return started
