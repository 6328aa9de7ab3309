"""`gateway replay` signs captured bodies and posts them, and tells what became of them."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.core.capture.file_format import format_line
from gateway.core.events import Delivery
from tests.support.cli.delivery_receiver import Receiver, a_receiver
from tests.support.factories import delivery_body, message_item
from tests.support.servers import free_port, wait_until
from tests.support.stack import SECRET

NOW = datetime.now(UTC)
SETTINGS = (
    f"REDIS_URL=redis://127.0.0.1:1/0\nMETA_APP_SECRET={SECRET}\nMETA_VERIFY_TOKEN=v\n"
    "META_ACCESS_TOKEN=t\nMETA_PHONE_NUMBER_ID=1\n"
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(SETTINGS)


def replay(*args: str) -> Result:
    return CliRunner().invoke(app, ["replay", "post", *args])


def captured(*bodies: bytes, apart: timedelta = timedelta(0), at: datetime = NOW) -> bytes:
    """Make a capture file whose deliveries came one after the other."""
    times = (at + i * apart for i in range(len(bodies)))
    return b"".join(
        format_line(Delivery(f"0:{i}-0", when, body))
        for i, (when, body) in enumerate(zip(times, bodies, strict=True))
    )


BODY = b'{"object": "page",\r\n "entry": []}'


def test_a_file_is_posted_byte_for_byte_and_signed(receiver: Receiver) -> None:
    Path("odd.bin").write_bytes(BODY)

    result = replay("odd.bin", "--to", receiver.url)

    assert result.exit_code == 0
    assert receiver.bodies == [BODY]
    assert "1 delivery posted" in result.output


def test_a_capture_is_posted_line_by_line_and_byte_for_byte(receiver: Receiver) -> None:
    bodies = [b'{"a": "caf\\u00e9" }', b"\xff\x00\n", b""]
    Path("kept.jsonl").write_bytes(captured(*bodies))

    assert replay("kept.jsonl", "--to", receiver.url).exit_code == 0
    assert receiver.bodies == bodies


def test_a_capture_is_known_by_how_it_begins(receiver: Receiver) -> None:
    Path("kept").write_bytes(captured(b"1", b"2"))

    replay("kept", "--to", receiver.url)

    assert receiver.bodies == [b"1", b"2"]


def test_what_is_refused_is_told_and_does_not_stop_the_rest(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_APP_SECRET", "another")
    Path("kept.jsonl").write_bytes(captured(b"1", b"2"))

    result = replay("kept.jsonl", "--to", receiver.url)

    assert result.exit_code == 1
    assert "401 kept.jsonl:1" in result.output
    assert "401 kept.jsonl:2" in result.output
    assert result.output.count("It does not believe this secret") == 1


def test_the_summary_is_json_where_that_is_asked_for(receiver: Receiver) -> None:
    Path("kept.jsonl").write_bytes(captured(b"1", b"2"))

    told = json.loads(replay("kept.jsonl", "--to", receiver.url, "--json").stdout)

    assert (told["deliveries"], told["answered"], told["refused"]) == (2, 2, [])
    assert told["by_status"]["200"]["count"] == 2


ONE, TWO = (delivery_body(message_item(f"wamid.{i}", f"text {i}")) for i in (1, 2))
CHOSEN = {
    "by words": (["--contains", "text 2"], [TWO]),
    "by number": (["--number", "77"], None),
    "by kind": (["--kind", "message"], [ONE, TWO]),
    "the first": (["--limit", "1"], [ONE]),
    "since then": (["--since", (NOW + timedelta(seconds=30)).isoformat()], [TWO]),
    "until then": (["--until", (NOW + timedelta(seconds=30)).isoformat()], [ONE]),
}


@pytest.mark.parametrize(("args", "posted"), CHOSEN.values(), ids=CHOSEN)
def test_only_what_fits_is_posted(
    receiver: Receiver, args: list[str], posted: list[bytes] | None
) -> None:
    Path("kept.jsonl").write_bytes(captured(ONE, TWO, apart=timedelta(minutes=1)))

    result = replay("kept.jsonl", "--to", receiver.url, *args)

    assert receiver.bodies == (posted or [])
    assert result.exit_code == (2 if posted is None else 0)


def test_a_replay_goes_as_many_times_as_fast_as_asked(receiver: Receiver) -> None:
    Path("kept.jsonl").write_bytes(captured(b"1", b"2", b"3", apart=timedelta(seconds=1)))

    told = json.loads(replay("kept.jsonl", "--to", receiver.url, "--speed", "10x", "--json").stdout)

    assert told["seconds"] >= 0.2


def test_deliveries_of_one_customer_keep_their_order_on_many_connections(
    receiver: Receiver,
) -> None:
    people = [f"35190000000{i}" for i in range(5)]
    bodies = [
        delivery_body(message_item(f"wamid.{n}", str(n), person)) for n in range(20)
        for person in people
    ]  # fmt: skip
    Path("kept.jsonl").write_bytes(captured(*bodies))

    replay("kept.jsonl", "--to", receiver.url, "--concurrency", "4")

    assert sorted(receiver.bodies) == sorted(bodies)
    for person in people:
        sent = [body for body in bodies if person.encode() in body]
        assert [body for body in receiver.bodies if person.encode() in body] == sent


def test_fresh_messages_are_other_ones_sent_just_now(receiver: Receiver) -> None:
    old = NOW - timedelta(days=30)
    body = delivery_body(message_item("wamid.1", at=int(old.timestamp())))
    Path("kept.jsonl").write_bytes(captured(body, at=old))

    assert replay("kept.jsonl", "--to", receiver.url, "--fresh", "--seed", "a").exit_code == 0
    assert replay("kept.jsonl", "--to", receiver.url, "--seed", "a").exit_code == 0
    assert replay("kept.jsonl", "--to", receiver.url, "--fresh").exit_code == 0
    messages = [
        json.loads(one)["entry"][0]["changes"][0]["value"]["messages"][0] for one in receiver.bodies
    ]
    assert messages[0]["id"] == messages[1]["id"] != messages[2]["id"]
    assert abs(int(messages[0]["timestamp"]) - datetime.now(UTC).timestamp()) < 60


def test_a_single_body_of_long_ago_is_made_fresh_by_its_own_time(receiver: Receiver) -> None:
    Path("one.json").write_bytes(delivery_body(message_item("wamid.1", at=1_500_000_000)))

    replay("one.json", "--to", receiver.url, "--fresh")

    assert b"1500000000" not in receiver.bodies[0]
    (message,) = json.loads(receiver.bodies[0])["entry"][0]["changes"][0]["value"]["messages"]
    assert abs(int(message["timestamp"]) - datetime.now(UTC).timestamp()) < 60


OLD = captured(b"1", at=NOW - timedelta(days=9)) + captured(b"2")
REFUSED = {
    "no such file": (["nowhere"], "Cannot read nowhere: No such file or directory."),
    "an empty folder": (["empty"], "The folder empty holds no files."),
    "no address": (["one", "--to", "example.org"], "example.org is no web address"),
    "no port": (["one", "--to", "http://h:port/"], "http://h:port/ is no web address"),
    "nothing named": ([], "Name files or folders, or give --inbox, and not both."),
    "two sources": (["one", "--inbox"], "Name files or folders, or give --inbox, and not both."),
    "no speed": (["one", "--speed", "fast"], "fast is no speed: write 1x, 10x or max."),
    "standing still": (["one", "--speed", "0x"], "0x is no speed: write 1x, 10x or max."),
    "no kind": (["one", "--kind", "text"], "text is no kind: write one of message, status,"),
    "no time": (["one", "--since", "noon"], "noon is no time"),
    "nothing fits": (["one", "--contains", "x"], "No delivery fits, so nothing was replayed."),
    "old": (["old.jsonl"], "was received more than 8 days ago, the first at old.jsonl:1"),
    "cut": (["cut.jsonl"], "cut.jsonl:2 is cut in the middle."),
    "no capture": (["odd.jsonl"], "odd.jsonl:1 is no JSON, and so no delivery of Meta."),
    "a pipe": (["pipe"], "pipe can be read only once: write it to a file, and replay that."),
    "a long line": (["long.jsonl"], "long.jsonl:1 is longer than any delivery of Meta."),
    "a host without a name": (["one", "--to", "http://a..b/"], "http://a..b/ is no web address"),
}  # fmt: skip


@pytest.mark.parametrize(("args", "sentence"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_one_sentence(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, args: list[str], sentence: str
) -> None:
    monkeypatch.setattr("gateway.cli.develop.replay.over_http.HERE", receiver.url)
    Path("empty").mkdir()
    Path("one").write_bytes(BODY)
    Path("old.jsonl").write_bytes(OLD)
    Path("cut.jsonl").write_bytes(captured(b"1", b"2")[:-4])
    Path("odd.jsonl").write_bytes(b"{\n")
    Path("long.jsonl").write_bytes(b" " * 2000 + b"{}\n")
    monkeypatch.setattr("gateway.cli.common.delivery_source.MOST_BYTES", 1024)
    os.mkfifo("pipe")

    result = replay(*args)

    assert result.exit_code == 2
    assert sentence in result.output
    assert receiver.bodies == []


def test_a_store_that_is_away_is_one_sentence() -> None:
    Path("one").write_bytes(BODY)

    result = CliRunner().invoke(app, ["replay", "dry-run", "one"])

    assert result.exit_code == 2
    assert result.output == "error: Redis does not answer (ConnectionError).\n"


BEFORE = {
    "posted": ("'a b' --to http://h/", "post 'a b' --to http://h/"),
    "posted from here": ("one", "post one"),
    "the inbox, posted": ("--inbox --to=http://h/", "post --inbox --to=http://h/"),
    "a shadow": ("one --shadow --again", "dry-run one"),
    "the inbox": ("--inbox --fresh", "dry-run --inbox --fresh"),
    "sent": ("one --send --yes", "apply one --yes"),
    "the inbox, sent": ("--send --inbox", "apply --inbox"),
}


@pytest.mark.parametrize(("before", "today"), BEFORE.values(), ids=BEFORE)
def test_what_was_written_before_is_answered_with_what_is_written_today(
    before: str, today: str
) -> None:
    result = CliRunner().invoke(app, ["replay", *shlex.split(before)])

    assert result.exit_code == 2
    assert result.output.endswith(f": write gateway replay {today}\n")


def test_what_is_old_is_replayed_again_where_that_is_asked_for(receiver: Receiver) -> None:
    Path("old.jsonl").write_bytes(OLD)

    assert replay("old.jsonl", "--to", receiver.url, "--again").exit_code == 0
    assert receiver.bodies == [b"1", b"2"]


def test_what_is_old_is_left_out_by_since(receiver: Receiver) -> None:
    Path("old.jsonl").write_bytes(OLD)

    assert replay("old.jsonl", "--to", receiver.url, "--since", "8d").exit_code == 0
    assert receiver.bodies == [b"2"]


def test_a_host_that_is_down_is_one_sentence() -> None:
    Path("one").write_bytes(BODY)
    url = f"http://127.0.0.1:{free_port()}/webhook"

    result = replay("one", "--to", url)

    assert result.exit_code == 2
    assert result.output == f"error: Nobody listens at {url}, so nothing was posted.\n"


def test_an_address_of_version_6_is_an_address() -> None:
    Path("one").write_bytes(BODY)
    url = f"http://[::1]:{free_port()}/webhook"

    assert "is no web address" not in replay("one", "--to", url).output


def test_a_host_that_speaks_no_tls_is_one_sentence(receiver: Receiver) -> None:
    Path("one").write_bytes(BODY)
    url = receiver.url.replace("http:", "https:")

    result = replay("one", "--to", url)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {url} cannot be reached ([SSL")
    assert result.stderr.endswith("), so nothing was posted.\n")


def test_a_bug_in_one_lane_ends_the_replay(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise KeyError("sign")

    monkeypatch.setattr("gateway.cli.develop.replay.over_http.sign", broken)
    Path("kept.jsonl").write_bytes(captured(*[b"1"] * 50))

    assert isinstance(replay("kept.jsonl", "--to", receiver.url).exception, KeyError)


def test_a_host_that_goes_away_ends_the_replay_with_where(receiver: Receiver) -> None:
    Path("kept.jsonl").write_bytes(captured(*[b"1"] * 200))
    receiver.leave_after = 20

    result = replay("kept.jsonl", "--to", receiver.url, "--concurrency", "2")

    assert result.exit_code == 2
    assert "it ended at kept.jsonl:" in result.output
    assert f"when {receiver.answered} of 200 were posted." in result.output


def test_an_interrupted_replay_ends_what_it_began_and_tells_how_far_it_got(
    receiver: Receiver, tmp_path: Path
) -> None:
    Path("kept.jsonl").write_bytes(captured(*[b"1"] * 50))
    receiver.held.clear()
    posting = ["replay", "post", "kept.jsonl", "--to", receiver.url]
    command = [sys.executable, "-m", "gateway.cli", *posting]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=dict(os.environ)) as running:
        wait_until(lambda: len(receiver.bodies) == 1, "the first is posted")
        running.send_signal(signal.SIGINT)
        receiver.held.set()
        _, told = running.communicate(timeout=180)

    assert running.returncode == 130
    assert f"Interrupted: {len(receiver.bodies)} of 50 were answered." in told.decode()


def test_a_file_may_be_called_anything(receiver: Receiver) -> None:
    name = os.fsdecode(b"[red]\xff.jsonl")
    Path(name).write_bytes(captured(b"1"))
    receiver.url += "/elsewhere"

    result = replay(name, "--to", receiver.url)

    assert result.exit_code == 1
    assert "401 [red]?.jsonl:1" in result.output


def test_without_settings_every_missing_name_is_told(receiver: Receiver) -> None:
    Path(".env").write_text("")
    Path("one").write_bytes(BODY)

    result = replay("one", "--to", receiver.url)

    assert result.exit_code == 2
    assert "META_APP_SECRET is not set" in result.output
