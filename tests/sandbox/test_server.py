"""The sandbox as a process: it starts from a file, cuts connections, and ends when asked."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.sandbox.message_bodies import text
from tests.support.sandbox.sandbox_app import ANA, NUMBER_ID, PATH, TOKEN

COMMAND = [sys.executable, "-m", "gateway.sandbox", "--config"]
CONFIG: dict[str, Any] = {
    "app_secret": "hush-secret",
    "access_token": TOKEN,
    "webhook_url": "http://127.0.0.1:9/webhook",
    "numbers": [{"id": NUMBER_ID, "display": "15550001111"}],
    "port": 0,
    "statuses": False,
}
BEARER = {"authorization": f"Bearer {TOKEN}"}


def run(config: str, written: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, config], input=written, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    path = tmp_path / "sandbox.json"
    path.write_text(json.dumps(CONFIG))
    process = subprocess.Popen([*COMMAND, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    with httpx.Client(base_url=address, trust_env=False, timeout=180) as client:
        yield process, client
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_lost_answer_is_a_cut_connection_after_acceptance(
    sandbox: tuple[subprocess.Popen[str], httpx.Client],
) -> None:
    _, client = sandbox
    client.post("/sandbox/faults", json={"lose": 1})

    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        client.post(PATH, json=text("One"), headers=BEARER)
    after = client.post(PATH, json=text("Two"), headers=BEARER)

    accepted = client.get("/sandbox/log").json()["messages"]
    assert after.status_code == 200
    assert [entry["body"]["text"]["body"] for entry in accepted] == ["One", "Two"]


def test_it_ends_at_once_although_a_phone_waits_for_events(
    sandbox: tuple[subprocess.Popen[str], httpx.Client],
) -> None:
    process, client = sandbox
    request = f"GET /sandbox/customers/{ANA}/events?wait=60 HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as phone:
        phone.sendall(request.encode())
        client.get("/sandbox/health")  # Whoever answers this has read what came before it.
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)  # half of what the phone would wait for
        answer = phone.makefile("rb").read()

    assert code == 0
    assert answer.endswith(b"\r\n\r\n[]")


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("-", json.dumps(CONFIG | {"port": port}))

    assert ended.returncode == 2
    assert f"port {port}" in ended.stderr
    assert ended.stderr.count("\n") == 1


WRONG = {
    "no JSON": ("{", "The configuration is not JSON.\n"),
    "no port": (json.dumps(CONFIG | {"port": "x"}), "port must be a port, 0 to 65535.\n"),
}


@pytest.mark.parametrize(("written", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_configuration_ends_with_one_sentence(written: str, sentence: str) -> None:
    ended = run("-", written)

    assert (ended.returncode, ended.stderr) == (2, sentence)


def test_a_file_that_is_not_there_ends_with_one_sentence(tmp_path: Path) -> None:
    ended = run(str(tmp_path / "nowhere.json"))

    assert ended.returncode == 2
    assert ended.stderr == "Cannot read the configuration: No such file or directory.\n"
