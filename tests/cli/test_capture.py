"""`gateway capture` writes what is in the inbox to a file, whole or not at all."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.common.capture_file import open_atomic
from gateway.cli.main import app
from gateway.core.capture.file_format import parse_line
from gateway.core.events import Delivery
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from tests.support.factories import ANA, delivery_body, message_item, status_item
from tests.support.servers import Server, free_port
from tests.support.store.inbox_state import inbox, keep

BODIES = [
    delivery_body(message_item("wamid.1", "apples")),
    delivery_body(statuses=[status_item("wamid.2", "read")], number="77"),
    b"\xff\x00",
]


@pytest.fixture(autouse=True)
def _settings(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(
        f"REDIS_URL={server.url}\nMETA_APP_SECRET=s\nMETA_VERIFY_TOKEN=v\nMETA_ACCESS_TOKEN=t\n"
        "META_PHONE_NUMBER_ID=1\n"
    )


@pytest.fixture
def kept(store: Store) -> Store:
    """Give a store in which deliveries were kept."""
    for body in BODIES:
        store.call("keep", "gw:{p3}:", "meta|0|", Bodies().pack(body))
    inbox(store).append_internal(b'{"what": "canary", "key": "1"}')
    return store


def capture(*args: str) -> Result:
    return CliRunner().invoke(app, ["capture", *args])


def lines(path: str = "kept.jsonl") -> list[Delivery]:
    return [parse_line(one) for one in Path(path).read_bytes().splitlines(keepends=True)]


pytestmark = pytest.mark.store


def test_what_meta_posted_is_written_as_it_was_kept(kept: Store) -> None:
    result = capture("kept.jsonl")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 deliveries written." in result.stderr
    assert [one.body for one in lines()] == BODIES
    assert {(one.origin, one.secret) for one in lines()} == {("meta", "0")}


def test_without_a_file_it_goes_to_standard_output(kept: Store) -> None:
    result = capture("--limit", "1")

    assert parse_line(result.stdout_bytes).body == BODIES[0]


FITTING = {
    "all": ([], BODIES),
    "words": (["--contains", "APPLE"], BODIES[:1]),
    "a number": (["--number", "77"], BODIES[1:2]),
    "kinds": (["--kind", "message", "--kind", "unreadable"], [BODIES[0], BODIES[2]]),
    "the oldest": (["--limit", "2"], BODIES[:2]),
    "now": (["--since", "1h"], BODIES),
    "long ago": (["--until", "1h"], []),
}


@pytest.mark.parametrize(("args", "bodies"), FITTING.values(), ids=FITTING)
def test_only_what_fits_is_written(kept: Store, args: list[str], bodies: list[bytes]) -> None:
    assert capture("kept.jsonl", *args).exit_code == 0
    assert [one.body for one in lines()] == bodies


def test_an_anonymous_capture_names_nobody_and_says_what_remains(kept: Store) -> None:
    result = capture("kept.jsonl", "--anonymous")

    assert ANA.encode() not in Path("kept.jsonl").read_bytes()
    assert len(lines()) == 3
    assert "What remains are times, kinds" in result.stderr


def test_two_anonymous_captures_have_nobody_in_common(kept: Store) -> None:
    capture("one.jsonl", "--anonymous")
    capture("two.jsonl", "--anonymous")

    assert lines("one.jsonl")[0].body != lines("two.jsonl")[0].body


def test_nobody_else_may_read_a_capture(kept: Store) -> None:
    capture("kept.jsonl")

    assert stat.S_IMODE(Path("kept.jsonl").stat().st_mode) == 0o600


def test_what_cannot_be_opened_is_told_and_the_rest_is_written(kept: Store) -> None:
    keep(kept, 0, "secret", bodies=Bodies([b"k" * 32]))

    result = capture("kept.jsonl")

    assert result.exit_code == 1
    assert "1 delivery left out" in result.stderr
    assert len(lines()) == 3


REFUSED = {
    "no folder": ("nowhere/kept.jsonl", "Cannot write nowhere/kept.jsonl: No such file"),
    "a folder": (".", "Cannot write .: "),
}


@pytest.mark.parametrize(("file", "sentence"), REFUSED.values(), ids=REFUSED)
def test_where_nothing_can_be_written_it_says_so(kept: Store, file: str, sentence: str) -> None:
    result = capture(file)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == [".env"]


def test_a_store_that_is_away_is_one_sentence_and_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("kept.jsonl").write_text("old")
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    result = capture("kept.jsonl")

    assert result.exit_code == 2
    assert result.stderr == (
        "error: Redis does not answer (ConnectionError), so kept.jsonl was not written.\n"
    )
    assert Path("kept.jsonl").read_text() == "old"


def test_a_file_appears_when_it_is_whole_and_not_where_writing_ends_early(tmp_path: Path) -> None:
    def write_half() -> None:
        with open_atomic("kept.jsonl") as out:
            out.write(b"half")
            assert not Path("kept.jsonl").exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == [tmp_path / ".env"]


def test_a_link_to_a_file_stays_a_link(kept: Store) -> None:
    Path("link.jsonl").symlink_to("kept.jsonl")

    assert capture("link.jsonl").exit_code == 0
    assert Path("link.jsonl").is_symlink()
    assert len(lines("kept.jsonl")) == 3


def test_a_pipe_is_written_to_and_stays_a_pipe(kept: Store) -> None:
    os.mkfifo("pipe")
    reading = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)

    assert capture("pipe").exit_code == 0
    assert os.read(reading, 2**16).count(b"\n") == 3
    assert Path("pipe").is_fifo()
    os.close(reading)


def test_who_has_read_enough_may_leave(kept: Store) -> None:
    for _ in range(50):
        inbox(kept).replay([delivery_body(message_item("wamid.3", "x" * 5000))] * 10)
    command = f"{sys.executable} -m gateway.cli capture | head -c 100"

    done = subprocess.run(command, shell=True, capture_output=True, env=dict(os.environ))

    assert done.stdout.startswith(b'{"delivery":')
    assert done.stderr == b""
