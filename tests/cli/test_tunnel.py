"""`gateway tunnel` ends with one sentence and exit code 2 before anything is started or set."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

NEEDED = {
    "META_APP_ID": "7",
    "META_APP_SECRET": "hush-secret",
    "META_PHONE_NUMBER_ID": "9",
    "META_WABA_ID": "8",
    "META_ACCESS_TOKEN": "hush-token",
    "META_VERIFY_TOKEN": "hush-word",
    "META_GRAPH_URL": "https://graph.test",
}
URL = "https://my.tunnel.dev"


def refusal(*args: str, **env: str) -> str:
    """Run the command, and return what it says where it ends with exit code 2."""
    result = CliRunner().invoke(app, ["tunnel", *args], env=NEEDED | env)
    assert result.exit_code == 2
    assert "hush" not in result.output
    return result.output


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)


ADDRESSES = ["http://my.tunnel.dev", "my.tunnel.dev", "https://a.dev/b", "https://a.dev?b=hush"]


@pytest.mark.parametrize("url", ADDRESSES)
def test_an_address_that_meta_could_not_post_to_is_refused(url: str) -> None:
    assert "is no address that Meta could post to" in refusal("--url", url)


@pytest.mark.parametrize("url", ["https://me:hush@a.dev", "https://a.dev/b#hush"])
def test_what_may_be_secret_in_an_address_is_not_told(url: str) -> None:
    assert "a.dev" in refusal("--url", url)


def test_an_env_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")

    assert ".env cannot be read" in refusal("--url", URL)


def test_this_machine_is_no_address_of_the_real_meta() -> None:
    assert "is no address that Meta" in refusal("--url", "http://127.0.0.1:8000")


def test_ids_that_are_not_set_are_named() -> None:
    said = refusal("--url", URL, META_APP_ID="", META_WABA_ID="")

    assert "✗ settings    META_APP_ID and META_WABA_ID not set" in said
    assert "gateway init" in said


def test_settings_that_are_missing_are_all_named() -> None:
    said = refusal("--url", URL, META_APP_SECRET="", META_ACCESS_TOKEN="")

    assert "gateway init asks for" in said
    assert "META_APP_SECRET is not set" in said
    assert "META_ACCESS_TOKEN is not set" in said


@pytest.mark.parametrize("port", ["0", "65536", "eight"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert "--port" in refusal("--port", port)


def test_nothing_was_written_where_nothing_was_begun(tmp_path: Path) -> None:
    refusal("--url", "my.tunnel.dev")

    assert list(tmp_path.iterdir()) == []
