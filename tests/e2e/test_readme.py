"""README's first commands, rule and test work as they stand, in a checkout that is new."""

import json
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli.dev_gateway import environment
from tests.support.servers import free_port, wait_until

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
# What a checkout has and the commands need.
PARTS = ("gateway", "tasks", "scripts", "examples", "requirements", "docs", "rules/.gitignore",
         "pyproject.toml")  # fmt: skip
# A file is named in the sentence above its content.
FILE = r"put this into `(rules/[\w.]+)`[^`]*?```yaml\n(.*?)```"


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def commands(title: str) -> list[str]:
    """Return the lines that a section gives to the shell, without their comments."""
    blocks = re.findall(r"```sh\n(.*?)```", section(title).replace("\\\n", " "), re.DOTALL)
    return [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]


class Checkout:
    """A checkout that is new, but for the packages that scripts/install would bring."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(exist_ok=True)
                shutil.copy(source, target)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        self.env = environment(PYTHONPATH=str(folder))
        self.dev: subprocess.Popen[bytes] | None = None

    def start(self, command: str) -> None:
        """Start `scripts/dev`, on a port that nobody else uses."""
        args = [*shlex.split(command), "--port", str(free_port())]
        with (self.folder / "dev.log").open("wb") as log:
            self.dev = subprocess.Popen(
                args, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip
        wait_until(lambda: "rules/" in self.said(), "gateway dev is ready", 300)

    def run(self, command: str, typed: str = "") -> str:
        """Type a command, and return what it shows; it must succeed."""
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, env=self.env, input=typed,
            capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def api(self) -> tuple[str, str]:
        """Return the address of the API and a key, as `scripts/dev` prints them."""
        wait_until(lambda: "stop    Ctrl-C" in self.said(), "all addresses are printed")
        address, key = (re.search(rf"{name} +(\S+)", self.said()) for name in ("api", "key"))
        assert address
        assert key
        return address[1].rstrip(","), key[1]

    def said(self) -> str:
        return (self.folder / "dev.log").read_text()

    def end(self) -> None:
        if self.dev:
            self.dev.send_signal(signal.SIGINT)
            self.dev.wait(180)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = Checkout(tmp_path)
    yield made
    made.end()


def test_the_first_minutes_are_as_the_readme_says(checkout: Checkout) -> None:
    start, chat = commands("See it work")[:2]
    files = re.findall(FILE, section("A first rule"), re.DOTALL | re.IGNORECASE)
    assert [name for name, _ in files] == ["rules/colours.yaml", "rules/colours.test.yaml"]
    asked, answer = re.search(r"they: (.*)\n\s+we: \"(.*)\"", files[1][1]).groups()  # type: ignore[union-attr]

    checkout.start(start)
    assert "while rules/ has none" in checkout.said()
    assert "What can I do for you?" in checkout.run(chat, "hi\n")

    for name, content in files:
        (checkout.folder / name).write_text(content)
    wait_until(lambda: "rules/, 1 rule; a change" in checkout.said(), "the rule is taken up")
    wait_until(lambda: f"‹ {answer}" in checkout.run(chat, f"{asked}\n"), "it answers")

    *rules, request = commands("A first rule")
    for command in rules:
        checkout.run(command)
    wait_until(lambda: "taken up: 8 rules" in checkout.said(), "more rules are taken up")

    address, checkout.env["KEY"] = checkout.api()
    assert request.startswith("curl http://127.0.0.1:8001/")
    if shutil.which("curl"):
        sent = checkout.run(request.replace("http://127.0.0.1:8001", address))
        assert json.loads(sent)["status"] == "queued"

    assert "2  in all" in checkout.run("set -e\n" + "\n".join(commands("One message to many")))
