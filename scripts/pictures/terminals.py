"""Make the pictures in docs/ from real runs, as a terminal shows them."""

import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
GATEWAY = [sys.executable, "-m", "gateway.cli"]
CUSTOMER = "+351900000001"
SAID = ["hello", "2", "1", "/voice", "where is order 4711?", "/why"]
# How many customers write in each second while the status is watched.
CROWDS = (1, 2, 4, 7, 9, 12, 9, 6, 3, 2, 4, 8, 11, 9, 7, 10)
WATCHED_S = 12
# To how many a campaign goes while it is watched.
PEOPLE, PEOPLE_FROM = 240, 351_900_002_000
FAILING = ["/duplicate", "hello", "/fail 131026", "menu"]
# Meta refuses the first reply to this, so that there is something to see in its trace.
TRACED = ["/throttle 1", "menu"]
WIDTH, WIDER = 92, 112
ADDRESS = "https://my-tunnel.example"
# As gateway init writes it; nothing of it is of any use elsewhere.
SET_UP = {
    "META_APP_ID": "100000000000003", "META_APP_SECRET": "app-secret",
    "META_WABA_ID": "100000000000002", "META_PHONE_NUMBER_ID": "100000000000001",
    "META_ACCESS_TOKEN": "token", "META_VERIFY_TOKEN": "word",
}  # fmt: skip


def main() -> None:
    """Start everything in an empty folder, have a conversation, and draw what is to be seen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples/shop", folder / "rules")
        draw("rules-test", "gateway rules test", tested(folder), WIDTH)
        dev = subprocess.Popen(
            [*GATEWAY, "dev", "--port", str(free_port())],
            cwd=folder, env=env(WIDER), stdout=(folder / "dev").open("wb"),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_for(folder / ".gateway")
            draw("chat", "gateway chat", run(folder, WIDTH, "chat", said=SAID), WIDTH)
            run(folder, WIDTH, "chat", said=TRACED)
            told = traced(folder, "trace", CUSTOMER, "--limit", "1")
            draw("trace", f"gateway trace {CUSTOMER} --limit 1", told, WIDER)
            draw("status", "gateway status", busy(folder), WIDTH)
            draw("campaign", "gateway campaigns watch", followed(folder), WIDTH)
            draw("doctor", "gateway doctor", examined(folder), WIDER)
            run(folder, WIDTH, "chat", said=FAILING)
            until(folder / "dev", "failed: (131026)")
            draw("dev", "gateway dev", watched(folder / "dev"), WIDER)
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(30)
    with tempfile.TemporaryDirectory() as name:
        draw("tunnel", f"gateway tunnel --real --url {ADDRESS}", tunnelled(Path(name)), WIDER)


def watched(shown: Path) -> str:
    """Return what dev shows of its start and of the newest messages."""
    lines = shown.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if "Ctrl-C" in line) + 1
    return "\n".join([*lines[:start], *lines[start:][-14:]])


def busy(folder: Path) -> str:
    """Return the status while customers write, more of them in some seconds than in others."""
    running = json.loads(next(folder.rglob("dev.json")).read_text())
    writing = threading.Thread(target=crowd, args=[f"{running['sandbox']}/sandbox/customers"])
    writing.start()
    try:
        seconds = str(WATCHED_S)
        return run(folder, WIDTH, "status", "--once", "--seconds", seconds, check=False)
    finally:
        writing.join()


def followed(folder: Path) -> str:
    """Return how a campaign looks soon after its start, in its middle, and at its end."""
    rows = [f"+{PEOPLE_FROM + i},Ana" for i in range(PEOPLE)]
    # What a file has of people twice, or without a number, is left out.
    audience = ["phone,first_name", *rows, rows[0], "12,Rui"]
    (folder / "people.csv").write_text("\n".join(audience))
    made = ["create", "spring", "--template", "spring_sale", "--param", "{{ first_name }}"]
    id_ = run(folder, WIDTH, "campaigns", *made, "--pace", "40/s").strip()
    for verb, *more in (["audience", "people.csv"], ["check"], ["start"]):
        run(folder, WIDTH, "campaigns", verb, id_, *more)
    shown = run(folder, WIDTH, "campaigns", "watch", id_)
    # Between two frames the terminal is asked to go up, and to clear what was there.
    frames = [one.strip() for one in re.split(r"(?:\r|\x1b\[(?:2K|1A|\?25[lh]))+", shown)]
    frames = [one for one in frames if "in all" in one]
    chosen = frames[len(frames) // 6], frames[len(frames) // 2], frames[-1]
    return "\n\n".join(chosen)


def crowd(customers: str) -> None:
    """Let customers write, each for the first time."""
    number = itertools.count(351_900_001_000)
    with httpx.Client() as client:
        for count in CROWDS:
            until_s = time.monotonic() + 1
            for _ in range(count):
                client.post(f"{customers}/{next(number)}/messages", json={"text": "hello"})
                time.sleep(max(0.0, until_s - time.monotonic()) / (count + 1))
            time.sleep(max(0.0, until_s - time.monotonic()))


def tunnelled(folder: Path) -> str:
    """Return the list of a tunnel up to a reply, with a sandbox that is Meta."""
    shutil.copytree(ROOT / "examples/shop", folder / "rules")
    port, meta = free_port(), f"http://127.0.0.1:{free_port()}"
    here = f"http://localhost:{port}"
    sandbox = a_meta(folder, meta, "https://app.example/webhook")
    shown = folder / "shown"
    with shown.open("wb") as out:
        tunnel = subprocess.Popen(
            [*GATEWAY, "tunnel", "--real", "--url", here, "--port", str(port)],
            cwd=folder, env=env(WIDER), stdout=out, stderr=out,
        )  # fmt: skip
    try:
        until(shown, "write from a phone")
        customer = f"{meta}/sandbox/customers/{CUSTOMER.removeprefix('+')}/messages"
        httpx.post(customer, json={"text": "hello"}).raise_for_status()
        until(shown, "pricing")
    finally:
        tunnel.send_signal(signal.SIGINT)
        tunnel.wait(30)
        sandbox.terminate()
        sandbox.wait(30)
    # All of it is on one machine; what is drawn is the address that a tunnel would have.
    return shown.read_text().replace(here, ADDRESS)


def a_meta(folder: Path, meta: str, webhook: str, **more: str) -> subprocess.Popen[bytes]:
    """Write the settings of a gateway into a folder, and start a sandbox that is its Meta."""
    written = SET_UP | {"META_GRAPH_URL": meta} | more
    settings = folder / ".env"
    settings.write_text("".join(f"{name}={value}\n" for name, value in written.items()))
    settings.chmod(0o600)
    (folder / "meta.json").write_text(json.dumps({
        "port": int(meta.rpartition(":")[2]), "app_secret": written["META_APP_SECRET"],
        "access_token": written["META_ACCESS_TOKEN"], "webhook_url": webhook,
        "app_id": written["META_APP_ID"], "waba_id": written["META_WABA_ID"],
        "numbers": [{"id": written["META_PHONE_NUMBER_ID"], "display": "+1 555-010-0100"}],
    }))  # fmt: skip
    return subprocess.Popen([sys.executable, "-m", "gateway.sandbox", "--config", "meta.json"],
        cwd=folder, env=env(WIDER), stdout=subprocess.DEVNULL)  # fmt: skip


def until(shown: Path, words: str) -> None:
    """Wait until a run has shown something."""
    for _ in range(600):
        if words in Text.from_ansi(shown.read_text()).plain:
            return
        time.sleep(0.1)
    raise SystemExit(f"{words!r} was not shown: {shown.read_text()}")


def env(width: int) -> dict[str, str]:
    """Return an environment in which output is that of a terminal so many columns wide."""
    return os.environ | {"PYTHONPATH": str(ROOT), "FORCE_COLOR": "1", "COLUMNS": str(width)}


def run(folder: Path, width: int, *args: str, said: Sequence[str] = (), check: bool = True) -> str:
    """Run one command, typing what is to be said, and return what it shows."""
    return subprocess.run(
        [*GATEWAY, *args], input="".join(f"{line}\n" for line in said),
        cwd=folder, env=env(width), capture_output=True, text=True, timeout=90, check=check,
    ).stdout  # fmt: skip


def tested(folder: Path) -> str:
    """Return what the tests of the shop tell of a rule that rests for too long."""
    rules = folder / "tested" / "rules"
    shutil.copytree(folder / "rules", rules)
    shop = rules / "rules.yaml"
    shop.write_text(shop.read_text().replace("cooldown: 8h", "cooldown: 18h"))
    return run(rules.parent, WIDTH, "rules", "test", check=False)


def traced(folder: Path, *command: str) -> str:
    """Return the trace once the customer has read the reply."""
    for _ in range(100):
        told = run(folder, WIDER, *command)
        if "reply: read" in Text.from_ansi(told).plain:
            return told
        time.sleep(0.1)
    raise SystemExit("the reply was not read")


def examined(playing: Path) -> str:
    """Return what is told of the same gateway and a Meta that was set up with another word."""
    running = json.loads(next(playing.rglob("dev.json")).read_text())
    folder, meta = playing / "doctor", f"http://127.0.0.1:{free_port()}"
    folder.mkdir()
    sandbox = a_meta(
        folder, meta, f"{running['web']}/webhook",
        REDIS_URL=running["redis_url"], GATEWAY_RULES=running["rules"],
    )  # fmt: skip
    try:
        wait_for_answer(f"{meta}/sandbox/health")
        return run(folder, WIDER, "doctor", check=False)
    finally:
        sandbox.terminate()
        sandbox.wait(30)


def wait_for_answer(url: str) -> None:
    """Wait until something answers."""
    for _ in range(600):
        try:
            httpx.get(url).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the sandbox did not start")


def free_port() -> int:
    """Ask the system for a port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(folder: Path) -> None:
    """Wait until dev has written where everything is."""
    for _ in range(2_400):
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
