"""Make the pictures in docs/ from one real run, as in a terminal."""

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
SAID = ["hello", "menu", "2", "1", "where is order 4711?"]
# Meta refuses the first reply to this, so that there is something to see in its trace.
TRACED = ["/throttle 1", "menu"]
WIDTH, WIDER = 92, 112


def main() -> None:
    """Start everything in an empty folder, have a conversation, and draw what is to be seen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "rules", folder / "rules")
        draw("rules-test", "gateway rules test", tested(folder), WIDTH)
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
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(30)


def env(width: int) -> dict[str, str]:
    """Return an environment in which output is that of a terminal so many columns wide."""
    return os.environ | {"PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "COLUMNS": str(width)}


def run(folder: Path, width: int, *args: str, said: Sequence[str] = (), fails: bool = False) -> str:
    """Run one command, typing what is to be said, and return what it shows."""
    return subprocess.run(
        [*GATEWAY, *args], input="".join(f"{line}\n" for line in said),
        cwd=folder, env=env(width), capture_output=True, text=True, timeout=90, check=not fails,
    ).stdout  # fmt: skip


def tested(folder: Path) -> str:
    """Return what the tests of the shop tell of a rule that rests for too long."""
    rules = folder / "tested" / "rules"
    shutil.copytree(folder / "rules", rules)
    shop = rules / "shop.yaml"
    shop.write_text(shop.read_text().replace("cooldown: 8h", "cooldown: 18h"))
    return run(rules.parent, WIDTH, "rules", "test", fails=True)


def traced(folder: Path, *command: str) -> str:
    """Return the trace once the customer has read the reply."""
    for _ in range(100):
        told = run(folder, WIDER, *command)
        if "reply: read" in Text.from_ansi(told).plain:
            return told
        time.sleep(0.1)
    raise SystemExit("the reply was not read")


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
