"""What `gateway dev` gives its children, decided before any of them starts."""

import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli import embedded
from gateway.cli.dev_folder import FOLDER, Running
from gateway.cli.ports import HOST, free_port
from gateway.settings import Settings

# Made up, and always the same ones: what is kept in the folder belongs to them.
# Whoever watches the real gateway must not be told how a played one does.
_MONITORS = ("GATEWAY_ALERT_URL", "GATEWAY_HEARTBEAT_URL")
NUMBER, WABA, APP, DISPLAY = "100000000000001", "100000000000002", "100000000000003", "15550100100"


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that is decided before the first process starts; port 0 is: none of ours."""

    environment: Mapping[str, str] = field(repr=False)
    settings: Settings = field(repr=False)
    port: int
    sandbox_port: int
    redis_port: int

    @property
    def real(self) -> bool:
        """Say whether it speaks to the real Meta."""
        return not self.sandbox_port

    @property
    def web(self) -> str:
        """Return the address of the web process."""
        return f"http://{HOST}:{self.port}"

    @property
    def sandbox(self) -> str:
        """Return the address of the sandbox, "" where there is none."""
        return f"http://{HOST}:{self.sandbox_port}" if self.sandbox_port else ""

    def running(self, pid: int) -> Running:
        """Return what chat and replay have to know; real secrets stay where they are."""
        return Running(
            pid=pid,
            web=self.web,
            sandbox=self.sandbox,
            redis_url=self.settings.redis_url,
            rules=str(self.settings.gateway_rules.resolve()),
            number=self.settings.meta_phone_number_id,
            app_secret="" if self.real else self.environment["META_APP_SECRET"],
        )

    @property
    def folder(self) -> Path:
        """Return where the embedded server keeps its data."""
        # What was planned for made-up customers must never be sent to real ones.
        return FOLDER / ("real" if self.real else "play")

    def server(self) -> list[str]:
        """Return the command of the embedded server. Raises NoServerError."""
        return embedded.command(self.folder, self.redis_port)

    def commands(self) -> dict[str, list[str]]:
        """Return the commands of what a first reply needs, the slowest to start first."""
        python = [sys.executable, "-m"]
        sandbox = [*python, "gateway.sandbox", "--config", "-"]
        return {
            "workers": [*python, "gateway.cli", "worker", "--inbound", "1"],
            "web": [*python, "gateway.cli", "serve", "--host", HOST, "--port", str(self.port)],
            **({} if self.real else {"sandbox": sandbox}),
        }

    def beat(self) -> list[str]:
        """Return the command of beat."""
        return [sys.executable, "-m", "celery", "-A", "tasks", "beat"]

    def pages(self) -> list[str]:
        """Return what answers with success once all is ready."""
        return [f"{self.web}/readyz", *([] if self.real else [f"{self.sandbox}/sandbox/health"])]

    def sandbox_config(self) -> bytes:
        """Return what the sandbox is told."""
        config = {
            "host": HOST,
            "port": self.sandbox_port,
            "app_secret": self.environment["META_APP_SECRET"],
            "access_token": self.environment["META_ACCESS_TOKEN"],
            "webhook_url": f"{self.web}/webhook",
            "numbers": [{"id": NUMBER, "display": DISPLAY}],
            "waba_id": WABA,
            "app_id": APP,
        }
        return json.dumps(config).encode()


def prepare(given: Mapping[str, str], port: int, *, real: bool) -> Setup:
    """Decide everything from the environment. Raises SettingsError."""
    ports = _free_ports(port)
    sandbox_port = 0 if real else next(ports)
    redis_port = 0 if given.get("REDIS_URL") or given.get("REDIS_URL_FILE") else next(ports)
    environment = dict(given) | {"GATEWAY_RULES_WATCH": "1", "GATEWAY_LOG_LEVEL": "info"}
    if redis_port:
        environment |= {"REDIS_URL": embedded.url(redis_port), **_blank("CELERY_BROKER_URL")}
    if not real:
        names = {*given, *(field.upper() for field in Settings.model_fields)}
        environment |= _blank(*(name for name in names if name.startswith("META_")), *_MONITORS)
        environment |= _made_up(sandbox_port)
    return Setup(environment, Settings.from_env(environment), port, sandbox_port, redis_port)


def _blank(*names: str) -> dict[str, str]:
    """Return names as not set: a child would read `.env` again for what is left out."""
    return {name: "" for base in names for name in (base, f"{base}_FILE")}


def _made_up(sandbox_port: int) -> dict[str, str]:
    return {
        "META_APP_SECRET": secrets.token_hex(16),
        "META_VERIFY_TOKEN": secrets.token_hex(16),
        "META_ACCESS_TOKEN": secrets.token_hex(16),
        "META_PHONE_NUMBER_ID": NUMBER,
        "META_APP_ID": APP,
        "META_WABA_ID": WABA,
        "META_GRAPH_URL": f"http://{HOST}:{sandbox_port}",
    }


def _free_ports(taken: int) -> Iterator[int]:
    """Give free ports, each once: what is promised is not yet taken."""
    promised = {taken}
    while True:
        if (port := free_port()) not in promised:
            promised.add(port)
            yield port
