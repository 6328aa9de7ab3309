"""`gateway replay post` reads deliveries in every form that people have, or refuses the file."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.core.capture.file_format import format_line
from gateway.core.events import Delivery
from tests.support.cli.delivery_receiver import Receiver, a_receiver
from tests.support.factories import delivery_body, message_item
from tests.support.stack import SECRET

NOW = datetime.now(UTC)
ONE, TWO = (delivery_body(message_item(f"wamid.{n}", f"olá {n}")) for n in (1, 2))
FOUND = Path(__file__).parents[3] / "shared/found-turn2/replay-ngrok-inspector.json"
PAGE = Path(__file__).parents[2] / "docs" / "replay.md"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(
        f"REDIS_URL=redis://127.0.0.1:1/0\nMETA_APP_SECRET={SECRET}\nMETA_VERIFY_TOKEN=v\n"
        "META_ACCESS_TOKEN=t\nMETA_PHONE_NUMBER_ID=1\n"
    )


def replay(receiver: Receiver, *args: str) -> Result:
    return CliRunner().invoke(app, ["replay", "post", *args, "--to", receiver.url])


def http_request(body: bytes, method: str = "POST") -> bytes:
    return f"{method} /webhook HTTP/1.1\r\nHost: x\r\n\r\n".encode() + body


def ngrok(body: bytes, at: datetime = NOW, method: str = "POST") -> dict[str, Any]:
    raw = base64.b64encode(http_request(body, method)).decode()
    return {"id": "airt_1", "start": at.isoformat(), "request": {"method": method, "raw": raw}}


def webhook_site(body: bytes, method: str = "POST") -> dict[str, Any]:
    at = f"{NOW:%Y-%m-%d %H:%M:%S}"
    return {"uuid": "1", "method": method, "content": body.decode(), "created_at": at}


def hookdeck(body: Any) -> dict[str, Any]:
    data = {"headers": {"content-type": "application/json"}, "path": "/", "body": body}
    return {"id": "evt_1", "event_data_id": "1", "created_at": NOW.isoformat(), "data": data}


def as_json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


INDENTED = as_json(json.loads(ONE))
BOTH = ONE + b"\n" + TWO + b"\n"
CAPTURE = b"".join(format_line(Delivery("0:1-0", NOW, body)) for body in (ONE, TWO))
# The first column of the table in docs/replay.md: a file's name and content, and its deliveries.
FORMS: dict[str, list[tuple[str, bytes, list[bytes]]]] = {
    "a capture": [("kept.jsonl", CAPTURE, [ONE, TWO]), ("kept", CAPTURE, [ONE, TWO])],
    "one body": [("a.json", ONE, [ONE]), ("b", INDENTED, [INDENTED])],
    "bodies one after the other": [
        ("a.jsonl", BOTH, [ONE, TWO]),
        ("a.ndjson", BOTH.replace(b"\n", b"\r\n\r\n"), [ONE, TWO]),
        ("a.txt", BOTH, [ONE, TWO]),
    ],
    "a list of bodies": [("a.json", b"[" + ONE + b",\n" + TWO + b"]", [ONE, TWO])],
    "ngrok's inspector": [
        ("one.json", as_json(ngrok(ONE)), [ONE]),
        ("all.json", as_json({"uri": "/", "requests": [ngrok(ONE), ngrok(TWO)]}), [ONE, TWO]),
    ],
    "webhook.site": [
        ("one.json", as_json(webhook_site(ONE)), [ONE]),
        ("all.json", as_json({"data": [webhook_site(ONE), webhook_site(TWO)]}), [ONE, TWO]),
    ],
    "Hookdeck": [
        ("one.json", as_json(hookdeck(ONE.decode())), [ONE]),
        ("all.json", as_json({"models": [hookdeck(TWO.decode())], "count": 1}), [TWO]),
    ],
    "an HTTP request": [
        ("a.http", http_request(ONE), [ONE]),
        ("b", b"X-Hub-Signature-256: sha256=0\n\n" + ONE, [ONE]),
    ],
    "UTF-16, UTF-32, or UTF-8 with a mark": [
        ("a.jsonl", BOTH.decode().encode("utf-16"), [ONE, TWO]),
        ("b.json", ONE.decode().encode("utf-16-be"), [ONE]),
        ("c.json", ONE.decode().encode("utf-8-sig"), [ONE]),
        ("d.json", ONE.decode().encode("utf-32"), [ONE]),
    ],
    "any of these in `.gz`": [
        ("a.jsonl.gz", gzip.compress(CAPTURE), [ONE, TWO]),
        ("b", gzip.compress(ONE.decode().encode("utf-16")), [ONE]),
    ],
}  # fmt: skip
CASES = [
    pytest.param(*case, id=f"{form}, {case[0]}") for form, cases in FORMS.items() for case in cases
]


@pytest.mark.parametrize(("name", "content", "bodies"), CASES)
def test_every_form_gives_its_deliveries(
    receiver: Receiver, name: str, content: bytes, bodies: list[bytes]
) -> None:
    Path(name).write_bytes(content)

    result = replay(receiver, name)

    assert (result.exit_code, receiver.bodies) == (0, bodies), result.output


def test_the_page_lists_every_form() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", PAGE.read_text(), re.MULTILINE)

    assert rows == list(FORMS)


@pytest.mark.skipif(not FOUND.exists(), reason="the inputs do not lie beside this checkout")
def test_what_a_user_saved_from_ngrok_is_one_delivery(receiver: Receiver) -> None:
    result = replay(receiver, str(FOUND), "--again")

    assert result.exit_code == 0
    assert [list(json.loads(body)) for body in receiver.bodies] == [["object", "entry"]]


CHANGE = b'{"field": "messages", "value": {}}'
REFUSED = {
    "a README": ("README", b"# Captured\n", "README:1 is no JSON, and so no delivery of Meta."),
    "other JSON": ("a.json", b'{"name": "x"}', "a.json:1 is no delivery of Meta, which is an obj"),
    "one other line": ("a.jsonl", ONE + b"\n{}\n", "a.jsonl:2 is no delivery of Meta"),
    "one other item": ("a.json", b"[\n" + ONE + b",\n7]", "a.json:3 is no delivery of Meta"),
    "one change": ("a.json", CHANGE, "a.json:1 is one change of a delivery: Meta posts it inside"),
    "a body that is cut": ("a.json", ONE[:-9], "a.json:1 is no JSON"),
    "a list that is cut": ("a.json", b"[" + ONE, "a.json:1 is cut: its list has no end."),
    "other requests of ngrok": (
        "a.json",
        as_json({"requests": [ngrok(ONE), ngrok(b"a=b")]}),
        "a.json:1 has a request, number 2, that is no JSON, and so no delivery of Meta.",
    ),
    "raw requests that are no base64": (
        "a.json",
        as_json({"request": {"method": "POST", "raw": "?"}}),
        "a.json:1 has a raw request that is no base64.",
    ),
    "Hookdeck without data": (
        "a.json",
        as_json({"models": [{"id": "evt_1", "event_data_id": "1"}]}),
        "a.json:1 has a request, number 1, that has no body: ask Hookdeck",
    ),
    "a request without a body": (
        "a.http",
        b"POST / HTTP/1.1\nHost: x\n",
        "a.http has no blank line after its headers, and so no body.",
    ),
    "gzip that is cut": ("a.gz", gzip.compress(ONE)[:-9], "a.gz is cut and cannot be unpacked"),
    "gzip that is damaged": ("a.gz", b"\x1f\x8bx" + ONE, "a.gz is damaged and cannot be unpacked."),
    "UTF-16 that is none": ("a", b"\xff\xfe{\0\x00\xd8", "a begins as UTF-16"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_delivery_is_refused_before_anything_is_posted(
    receiver: Receiver, name: str, content: bytes, sentence: str
) -> None:
    Path("good.json").write_bytes(ONE)
    Path(name).write_bytes(content)

    result = replay(receiver, "good.json", name)

    assert (result.exit_code, receiver.bodies) == (2, [])
    assert result.output.startswith(f"error: {sentence}")


def test_gzip_that_grows_beyond_reason_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.common.plain_file.MOST_UNPACKED", 1000)
    Path("a.jsonl.gz").write_bytes(gzip.compress(b"\n" * 2000))

    result = replay(receiver, "a.jsonl.gz")

    assert result.exit_code == 2
    assert "a.jsonl.gz holds more than" in result.output


def test_a_list_that_is_too_long_is_refused_with_advice(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.common.delivery_source.MOST_BYTES", 1000)
    monkeypatch.setattr("gateway.cli.common.plain_file.CHUNK", 100)
    Path("a.json").write_bytes(as_json({"requests": [ngrok(ONE)] * 9}))

    result = replay(receiver, "a.json")

    assert result.exit_code == 2
    assert "a.json:1 is longer than any delivery of Meta; write a list of" in result.output


def test_an_http_request_that_is_too_long_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.common.delivery_source.MOST_BYTES", 100)
    Path("a.http").write_bytes(http_request(ONE))

    result = replay(receiver, "a.http")

    assert result.exit_code == 2
    assert "a.http is larger than anything that Meta posts." in result.output


def test_requests_of_which_none_is_a_post_say_why_nothing_fits(receiver: Receiver) -> None:
    Path("a.json").write_bytes(as_json({"requests": [ngrok(b"", method="GET")]}))

    result = replay(receiver, "a.json")

    assert result.exit_code == 2
    assert "warning: left out 1 request other than POST.\nerror: No delivery" in result.output


def test_a_request_that_is_no_post_is_counted_and_left_out(receiver: Receiver) -> None:
    records = [ngrok(b"", method="GET"), ngrok(ONE), ngrok(b"", method="GET")]
    Path("a.json").write_bytes(as_json({"requests": records}))

    result = replay(receiver, "a.json")

    assert (result.exit_code, receiver.bodies) == (0, [ONE])
    assert "warning: left out 2 requests other than POST." in result.output


def test_a_record_has_the_time_that_its_tool_noted(receiver: Receiver) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    Path("a.json").write_bytes(as_json({"requests": [ngrok(ONE, long_ago)]}))

    result = replay(receiver, "a.json")

    assert result.exit_code == 2
    assert "more than 8 days ago, the first at a.json:1 request 1" in result.output


def test_the_captured_files_of_a_folder_are_posted_by_name(receiver: Receiver) -> None:
    Path("captured").mkdir()
    Path("captured/b.JSON").write_bytes(TWO)
    Path("captured/a.json.gz").write_bytes(gzip.compress(ONE))

    assert replay(receiver, "captured").exit_code == 0
    assert receiver.bodies == [ONE, TWO]


def test_what_else_is_in_a_folder_is_named_as_left_out(receiver: Receiver) -> None:
    Path("captured/inner.json").mkdir(parents=True)
    for name in ("a.json", ".hidden.json", "README.md"):
        Path("captured", name).write_bytes(ONE)
    os.mkfifo("captured/pipe.json")

    result = replay(receiver, "captured")

    assert (result.exit_code, receiver.bodies) == (0, [ONE])
    names = ".hidden.json, README.md, inner.json/, pipe.json"
    assert f"warning: left out of captured: {names}; name a file" in result.output


def test_a_folder_without_a_captured_file_says_which_files_it_reads(receiver: Receiver) -> None:
    Path("captured").mkdir()
    Path("captured/body.txt").write_bytes(ONE)

    result = replay(receiver, "captured")

    assert result.exit_code == 2
    assert "holds no file that ends in .json, .jsonl, .ndjson, .http" in result.output
    assert "but body.txt" in result.output


READ = """
import re, sys
from pathlib import Path
from gateway.cli.common.delivery_source import CaptureFiles
count = sum(1 for _ in CaptureFiles([Path(sys.argv[1])]))
print(count, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from Linux")
@pytest.mark.parametrize("name", ["list.json", "lines.ndjson"])
def test_memory_does_not_grow_with_a_file(name: str) -> None:
    body = delivery_body(message_item("wamid.1", "x" * 10_000))
    begin, between, end = (b"[", b",", b"]") if name == "list.json" else (b"", b"\n", b"")
    Path(name).write_bytes(begin + between.join([body] * 10_000) + end)

    command = [sys.executable, "-c", READ, name]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert int(told[0]) == 10_000
    assert int(told[1]) < 150
