"""Make the pictures in docs/ from one real run, as a terminal shows it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
GATEWAY = [sys.executable, "-m", "gateway.cli"]
CUSTOMER = "+351900000001"
SAID = ["hello", "menu", "1", "which color do you like?"]
# Meta refuses the first reply to this, so that there is something to see in its trace.
TRACED = ["/throttle 1", "menu"]
META = {
    "app_id": "100000000000003", "waba_id": "100000000000002", "app_secret": "0123456789abcdef",
    "access_token": "EAAplayed", "numbers": [{"id": "100000000000001", "display": "15550100100"}],
}  # fmt: skip
WIDTH, WIDER = 92, 112


def main() -> None:
    """Start everything in an empty folder, have a conversation, and draw what is to be seen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "rules", folder / "rules")
        dev = subprocess.Popen(
            [*GATEWAY, "dev", "--port", str(free_port())],
            cwd=folder, env=env(WIDTH), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(folder / ".gateway")
            draw("chat", "gateway chat", run(folder, WIDTH, "chat", said=SAID), WIDTH)
            run(folder, WIDTH, "chat", said=TRACED)
            told = traced(folder, "trace", CUSTOMER, "--limit", "1")
            draw("trace", f"gateway trace {CUSTOMER} --limit 1", told, WIDER)
            draw("status", "gateway status", run(folder, WIDTH, "status", "--once"), WIDTH)
            draw("doctor", "gateway doctor", examined(folder), WIDER)
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(30)


def env(width: int) -> dict[str, str]:
    """Return an environment in which output is that of a terminal so many columns wide."""
    return os.environ | {"PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "COLUMNS": str(width)}


def run(folder: Path, width: int, *args: str, said: Sequence[str] = (), check: bool = True) -> str:
    """Run one command, typing what is to be said, and return what it shows."""
    return subprocess.run(
        [*GATEWAY, *args], input="".join(f"{line}\n" for line in said),
        cwd=folder, env=env(width), capture_output=True, text=True, timeout=90, check=check,
    ).stdout  # fmt: skip


def traced(folder: Path, *command: str) -> str:
    """Return the trace once the customer has read the reply."""
    for _ in range(100):
        told = run(folder, WIDER, *command)
        if "reply: read" in Text.from_ansi(told).plain:
            return told
        time.sleep(0.1)
    raise SystemExit("the reply was not read")


def examined(playing: Path) -> str:
    """Return what is told of the same gateway and of a Meta where one thing is not set up."""
    running = json.loads(next(playing.rglob("dev.json")).read_text())
    port = free_port()
    config = META | {"port": port, "webhook_url": f"{running['web']}/webhook"}
    meta = subprocess.Popen([sys.executable, "-m", "gateway.sandbox", "--config", "-"],
                            stdin=subprocess.PIPE, env=env(WIDER))  # fmt: skip
    try:
        assert meta.stdin
        meta.stdin.write(json.dumps(config).encode())
        meta.stdin.close()
        folder = playing / "doctor"
        folder.mkdir()
        settings = folder / ".env"
        settings.write_text(
            f"REDIS_URL={running['redis_url']}\nGATEWAY_RULES={running['rules']}\n"
            f"META_APP_SECRET={META['app_secret']}\nMETA_ACCESS_TOKEN={META['access_token']}\n"
            f"META_APP_ID={META['app_id']}\nMETA_WABA_ID={META['waba_id']}\n"
            f"META_PHONE_NUMBER_ID={running['number']}\nMETA_VERIFY_TOKEN=another\n"
            f"META_GRAPH_URL=http://127.0.0.1:{port}\n"
        )
        settings.chmod(0o600)
        wait_for_port(port)
        return run(folder, WIDER, "doctor", check=False)
    finally:
        meta.terminate()
        meta.wait(30)


def wait_for_port(port: int) -> None:
    """Wait until something listens."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the sandbox did not start")


def free_port() -> int:
    """Ask the system for a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(folder: Path) -> None:
    """Wait until dev has written where everything is."""
    for _ in range(600):
        if any(json.loads(found.read_text() or "{}") for found in folder.rglob("dev.json")):
            return
        time.sleep(0.05)
    raise SystemExit("gateway dev did not start")


def draw(name: str, title: str, said: str, width: int) -> None:
    """Write a picture; the id in the file is fixed, so that it changes only with the words."""
    console = Console(record=True, width=width, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text.from_ansi(said.rstrip()))
    picture = console.export_svg(title=title, unique_id=name)
    # Fonts come from the reader's machine, not from elsewhere.
    picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.S)
    (ROOT / "docs" / f"{name}.svg").write_text(picture)


if __name__ == "__main__":
    main()
