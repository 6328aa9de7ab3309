"""Workspace `.gateway/`: the gateway running in this folder, and its data for chat and replay."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = Path(".gateway")
# `gateway dev` and its children hold this lock: the system releases it when all of them are
# dead, whatever killed them, so it is never stale.
DEV_LOCK, CHILDREN_LOCK = "dev.lock", "children.lock"
_SANDBOX_PORT = "sandbox.port"
STARTING_S = 15.0
LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway running in this folder; `sandbox` and secrets are "" if customers are real."""

    pid: int
    web: str
    sandbox: str
    redis_url: str = field(repr=False)
    rules: str
    number: str
    app_secret: str = field(repr=False)
    token: str = field(default="", repr=False)  # of the sandbox
    api: str = ""  # the second address

    @property
    def webhook(self) -> str:
        """Return the URL to which deliveries are posted."""
        return f"{self.web}/webhook"


def make_folder() -> None:
    """Make the folder, accessible to this user only. Raises OSError."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)


def hold(lock: str, within_s: float) -> int | None:
    """Take a lock and return its descriptor, which children may inherit; None if it is taken."""
    descriptor = _open_lock(lock)
    deadline = time.monotonic() + within_s
    while not _try_lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(LOOK_EVERY_S)
    return descriptor


def publish(running: Running) -> None:
    """Publish the gateway to chat and replay of this user only."""
    draft = FOLDER / "dev.json.new"
    draft.unlink(missing_ok=True)
    with open(draft, "x", opener=_open_private) as file:
        json.dump(asdict(running), file)
    draft.replace(FOLDER / "dev.json")


def withdraw() -> None:
    """Remove the published gateway: none runs here, or not yet."""
    (FOLDER / "dev.json").unlink(missing_ok=True)


def find_running(within_s: float = STARTING_S) -> Running | None:
    """Return the gateway that runs in this folder, None if none does; waits for a starting one."""
    deadline = time.monotonic() + within_s
    while _is_held():
        if running := _read():
            return running
        if time.monotonic() > deadline:
            return None
        time.sleep(LOOK_EVERY_S)
    return None


def read_sandbox_port() -> int:
    """Return the port that the sandbox of this folder had last, 0 if there is none."""
    try:
        return int((FOLDER / _SANDBOX_PORT).read_text())
    except (OSError, ValueError):
        return 0


def store_sandbox_port(port: int) -> None:
    """Store the sandbox's port, so that the next run has the same address."""
    (FOLDER / _SANDBOX_PORT).write_text(str(port))


def _is_held() -> bool:
    try:
        descriptor = os.open(FOLDER / DEV_LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _read() -> Running | None:
    try:
        return Running(**json.loads((FOLDER / "dev.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _open_lock(lock: str) -> int:
    return _open_private(str(FOLDER / lock), os.O_RDWR | os.O_CREAT)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _try_lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
