"""Make docs/chat.svg: a real conversation with `gateway chat`, as it looks in a terminal."""

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
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
GATEWAY = [sys.executable, "-m", "gateway.cli"]
SAID = ["hello", "menu", "1", "which color do you like?"]


def main() -> None:
    """Start everything in an empty folder, have a conversation, and draw it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "rules", folder / "rules")
        env = os.environ | {"PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "COLUMNS": "92"}
        dev = subprocess.Popen(
            [*GATEWAY, "dev", "--port", str(free_port())],
            cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(folder / ".gateway")
            chat = subprocess.run(
                [*GATEWAY, "chat"], input="".join(f"{line}\n" for line in SAID),
                cwd=folder, env=env, capture_output=True, text=True, timeout=90, check=True,
            )  # fmt: skip
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(30)
    draw(chat.stdout)


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


def draw(said: str) -> None:
    """Write the picture; the id in the file is fixed, so that it changes only with the words."""
    console = Console(record=True, width=92, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text.from_ansi(said.rstrip()))
    picture = console.export_svg(title="gateway chat", unique_id="chat")
    # Fonts come from the reader's machine, not from elsewhere.
    picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.S)
    (ROOT / "docs" / "chat.svg").write_text(picture)


if __name__ == "__main__":
    main()
