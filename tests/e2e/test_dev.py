"""`gateway dev` starts everything in one terminal, takes up changed rules, and leaves nothing."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli.dev_gateway import Playing, running, tree
from tests.support.servers import free_port, wait_until

pytestmark = pytest.mark.e2e


@pytest.fixture
def playing(tmp_path: Path) -> Iterator[Playing]:
    made = Playing(tmp_path)
    yield made
    if made.program is not None and made.program.poll() is None:
        made.end(signal.SIGTERM)


def test_the_first_message_is_answered_and_ctrl_c_ends_all(playing: Playing) -> None:
    shown = playing.start().chat("hi")
    assert playing.program is not None
    family = tree(playing.program.pid)

    assert "‹ Welcome!" in shown
    assert len(family) >= 8
    sent = playing.run("send", "+351912345678", "Hello")
    assert (sent.returncode, sent.stderr) == (0, "")
    assert playing.end(signal.SIGINT) == 0
    assert running(family) == set()


@pytest.mark.long
def test_the_sandbox_keeps_its_port_and_an_option_sets_another(playing: Playing) -> None:
    def sandbox() -> str:
        address: str = json.loads((playing.folder / ".gateway" / "dev.json").read_text())["sandbox"]
        return address

    playing.start()
    first = sandbox()
    playing.end(signal.SIGINT)
    playing.start()
    again = sandbox()
    playing.end(signal.SIGINT)
    other = free_port()

    assert first == again
    playing.start("--sandbox-port", str(other))
    assert sandbox() == f"http://127.0.0.1:{other}"


@pytest.mark.long
def test_a_run_that_was_killed_leaves_its_data_and_no_processes(playing: Playing) -> None:
    playing.start().chat("hi")
    assert playing.program is not None
    family = tree(playing.program.pid)
    playing.end(signal.SIGKILL)

    assert "‹ Yes: red, green and blue." in playing.start().chat("Color")
    wait_until(lambda: not running(family), "the processes of the killed run have ended")


def test_a_child_that_dies_ends_all_with_its_last_words(playing: Playing) -> None:
    playing.start()
    assert playing.program is not None
    family = tree(playing.program.pid)
    os.kill(playing.child("gateway.cli sandbox"), signal.SIGKILL)

    assert playing.program.wait(180) == 1
    assert "sandbox has ended (exit code -9)" in playing.said()
    assert "Sandbox listening on" in playing.said()
    assert running(family) == set()


@pytest.mark.long
def test_the_shop_is_played_until_there_are_rules(playing: Playing) -> None:
    playing.rules.unlink()
    playing.rules.parent.rmdir()
    shown = playing.start().chat("good evening")

    assert any(line.startswith("‹ Hi ") and "What can I do" in line for line in shown)
    assert "    [2] Our colours" in shown
    assert "while rules/ has none; gateway rules new makes a first file" in plain(playing)

    assert playing.run("rules", "new").returncode == 0
    wait_until(lambda: "rules   rules/, 7 rules; a change" in playing.said(), "they are taken up")
    wait_until(lambda: "    [1] Opening hours" in playing.chat("help"), "the new rules answer")
    assert any("✓ help: text is" in line for line in playing.chat("help!"))


def plain(playing: Playing) -> str:
    """Return what dev said, with the command as it is called where it is on the path."""
    return re.sub(r"\S*/(__main__\.py|gateway) rules new", "gateway rules new", playing.said())


REFUSED = {
    "no rules": ({"GATEWAY_RULES": "nowhere"}, "nowhere: cannot be read"),
    "broken rules": ({"GATEWAY_RULES": "broken"}, "broken/b.yaml:2:9: rule 'x': then: missing"),
    "a setting that is malformed": ({"GATEWAY_RETENTION": "long"}, "GATEWAY_RETENTION is no"),
    "a Redis that is away": ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "does not answer"),
}


@pytest.mark.parametrize(("env", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_start_that_cannot_succeed_is_refused(
    playing: Playing, env: dict[str, str], sentence: str
) -> None:
    (playing.folder / "broken").mkdir()
    (playing.folder / "broken" / "a.yaml").write_text("version: 1\nrules: []\n")
    (playing.folder / "broken" / "b.yaml").write_text("version: 1\nrules: [{name: x}]\n")

    refused = playing.run("dev", "--port", str(playing.port), **env)

    assert refused.returncode == 2
    assert sentence in refused.stderr


def test_a_port_that_is_taken_is_named(playing: Playing) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = playing.run("dev", "--port", str(port))

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"error: Cannot listen on 127.0.0.1:{port}: ")


def test_real_without_settings_is_refused(playing: Playing) -> None:
    refused = playing.run("dev", "--real", "--port", str(playing.port))

    assert refused.returncode == 2
    assert "META_ACCESS_TOKEN is not set" in refused.stderr
