"""`gateway replay` signs captured bodies and posts them, and tells what became of each."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from tests.servers import free_port
from tests.stack import SECRET, signed


class Receiver(HTTPServer):
    """Takes deliveries, and answers 200 to those that are signed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.bodies: list[bytes] = []
        self.url = f"http://127.0.0.1:{self.server_port}/webhook"


class Answering(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(body)
        right = self.headers["x-hub-signature-256"] == signed(body)
        self.send_response(200 if right and self.path == "/webhook" else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(
        f"REDIS_URL=redis://127.0.0.1:1/0\nMETA_APP_SECRET={SECRET}\nMETA_VERIFY_TOKEN=v\n"
        "META_ACCESS_TOKEN=t\nMETA_PHONE_NUMBER_ID=1\n"
    )


def replay(*args: str) -> Result:
    return CliRunner().invoke(app, ["replay", *args])


def test_a_file_is_posted_byte_for_byte_and_signed(receiver: Receiver) -> None:
    Path("odd.bin").write_bytes(b'{"a":\xff\r\n')

    result = replay("odd.bin", "--to", receiver.url)

    assert result.exit_code == 0
    assert receiver.bodies == [b'{"a":\xff\r\n']
    assert "odd.bin" in result.output
    assert "200" in result.output


def test_the_files_of_a_folder_are_posted_by_name(receiver: Receiver) -> None:
    folder = Path("captured")
    (folder / "inner").mkdir(parents=True)
    for name in ("b.json", "a.json", ".hidden"):
        (folder / name).write_text(name)

    assert replay("captured", "--to", receiver.url).exit_code == 0
    assert receiver.bodies == [b"a.json", b"b.json"]


def test_what_is_refused_is_told_and_does_not_stop_the_rest(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_APP_SECRET", "another")
    Path("one").write_text("1")
    Path("two").write_text("2")

    result = replay("one", "two", "--to", receiver.url)

    assert result.exit_code == 1
    assert result.output.count("401") == 2


REFUSED = {
    "no such file": (["nowhere"], "Cannot read nowhere: No such file or directory."),
    "an empty folder": (["empty"], "The folder empty holds no files."),
    "no address": (["one", "--to", "example.org"], "example.org is no web address"),
    "no port": (["one", "--to", "http://h:port/"], "http://h:port/ is no web address"),
}


@pytest.mark.parametrize(("args", "sentence"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_one_sentence(args: list[str], sentence: str) -> None:
    Path("empty").mkdir()
    Path("one").write_text("1")

    result = replay(*args)

    assert result.exit_code == 2
    assert sentence in result.output


def test_a_file_that_cannot_be_read_is_told_before_anything_is_posted(receiver: Receiver) -> None:
    Path("one").write_text("1")

    assert replay("one", "nowhere", "--to", receiver.url).exit_code == 2
    assert receiver.bodies == []


def test_a_host_that_is_down_is_one_sentence() -> None:
    Path("one").write_text("1")
    url = f"http://127.0.0.1:{free_port()}/webhook"

    result = replay("one", "--to", url)

    assert result.exit_code == 2
    assert " ".join(result.output.split()) == f"error: Nobody listens at {url}."


def test_without_settings_every_missing_name_is_told(receiver: Receiver) -> None:
    Path(".env").write_text("")
    Path("one").write_text("1")

    result = replay("one", "--to", receiver.url)

    assert result.exit_code == 2
    assert "META_APP_SECRET is not set" in result.output
