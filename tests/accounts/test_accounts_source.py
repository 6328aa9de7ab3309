"""Which accounts are in force while their file, and the values that it names, change."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.accounts import loader
from gateway.accounts.loader import AccountsError
from gateway.accounts.source import AccountsSource
from gateway.config.settings import Settings
from gateway.rules.loader import File, read_file
from tests.support.accounts import CLINIC, SHOP, TestAccount, accounts_text, variables

IN_FILE = TestAccount("shop", ["1001"], "501")


class Watched:
    """A source over a file, looked at once a second."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.file = folder / "accounts.yaml"
        env = {
            "REDIS_URL": "redis://store:6379/0",
            "GATEWAY_ACCOUNTS": str(self.file),
            "GATEWAY_INSTALLATION": "fleet",
        }
        self.source = AccountsSource(Settings.from_env(env), clock=lambda: self.now)

    def write(self, *accounts: TestAccount) -> None:
        self.file.write_text(accounts_text(accounts))

    def names_after(self, seconds: int) -> list[str]:
        for _ in range(seconds):
            self.now += 1
            self.source.reload_if_changed()
        return [one.name for one in self.source.current()]

    @property
    def token(self) -> str:
        found = self.source.current().number("1001")
        assert found
        return found.credentials.token


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder; the environment has the values of all accounts."""
    monkeypatch.chdir(tmp_path)
    for name, value in variables([SHOP, CLINIC]).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def watched(folder: Path) -> Watched:
    (folder / "accounts.yaml").write_text(accounts_text([SHOP]))
    return Watched(folder)


def put_token_in_file(watched: Watched) -> Path:
    """Let the account's token stand in a file, and return that file."""
    held = watched.file.with_name("token")
    held.write_text("EAA-old")
    watched.file.write_text(accounts_text([SHOP]).replace("{env: SHOP_TOKEN}", "{file: token}"))
    watched.names_after(3)
    return held


def test_an_added_account_is_taken_up_once_the_file_has_settled(watched: Watched) -> None:
    watched.write(SHOP, CLINIC)

    assert watched.names_after(1) == ["shop"]
    assert watched.names_after(1) == ["shop", "clinic"]


def test_a_file_that_goes_on_changing_is_not_taken_up(watched: Watched) -> None:
    for number in range(5):
        watched.write(SHOP, TestAccount("clinic", [str(number)], "502"))
        assert watched.names_after(1) == ["shop"]


def test_a_file_with_a_mistake_leaves_all_accounts_in_force(watched: Watched) -> None:
    watched.file.write_text(accounts_text([CLINIC, SHOP]).replace("'2001'", "'1001'"))

    with capture_logs() as logs:
        names = watched.names_after(5)

    assert names == ["shop"]
    assert [one["event"] for one in logs] == ["accounts_rejected"]
    assert "stands already" in watched.source.problem


def test_a_file_that_vanishes_and_comes_back_changes_nothing(watched: Watched) -> None:
    text = watched.file.read_text()
    watched.file.unlink()

    assert watched.names_after(3) == ["shop"]
    assert "No such file" in watched.source.problem

    watched.file.write_text(text)

    assert watched.names_after(3) == ["shop"]
    assert watched.source.problem == ""


def test_half_a_file_is_not_taken_up(watched: Watched) -> None:
    text = accounts_text([SHOP, CLINIC])
    watched.file.write_text(text[: len(text) // 2])

    assert watched.names_after(3) == ["shop"]

    watched.file.write_text(text)

    assert watched.names_after(3) == ["shop", "clinic"]


def test_a_renewed_token_file_is_taken_up(watched: Watched) -> None:
    held = put_token_in_file(watched)
    before = watched.token

    held.write_text("EAA-new")
    watched.names_after(3)

    assert (before, watched.token) == ("EAA-old", "EAA-new")


def test_a_renewed_token_file_is_taken_up_at_once_when_asked(watched: Watched) -> None:
    held = put_token_in_file(watched)
    held.write_text("EAA-new")

    assert watched.source.reload_now()
    assert watched.token == "EAA-new"
    assert not watched.source.reload_now()


def test_a_token_file_that_is_empty_for_a_moment_keeps_the_token(watched: Watched) -> None:
    held = put_token_in_file(watched)
    held.write_text("")

    assert not watched.source.reload_now()
    assert watched.token == "EAA-old"


def test_a_token_file_that_vanishes_and_comes_back_keeps_the_token(watched: Watched) -> None:
    held = put_token_in_file(watched)
    held.unlink()

    assert watched.names_after(3) == ["shop"]
    assert "the file cannot be read" in watched.source.problem
    assert watched.token == "EAA-old"

    held.write_text("EAA-new")

    assert watched.names_after(3) == ["shop"]
    assert (watched.source.problem, watched.token) == ("", "EAA-new")


def test_an_account_whose_variable_is_missing_stops_every_change(watched: Watched) -> None:
    spa = TestAccount("spa", ["4001"], "504")
    watched.write(CLINIC, spa)

    assert watched.names_after(3) == ["shop"]
    assert "account 'spa': secrets: the environment has no SPA_SECRET" in watched.source.problem

    watched.write(CLINIC)

    assert watched.names_after(3) == ["clinic"]


def test_a_file_with_a_mistake_is_refused_at_the_start(folder: Path) -> None:
    (folder / "accounts.yaml").write_text("version: 1\n")

    with pytest.raises(AccountsError, match="accounts: missing"):
        Watched(folder)


def test_a_file_that_changes_while_it_is_first_read_is_taken_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "accounts.yaml"
    file.write_text(accounts_text([SHOP]))
    later = [accounts_text([SHOP, CLINIC])]

    def read_before_a_change(path: Path) -> File:
        read = read_file(path)
        if later:
            file.write_text(later.pop())
        return read

    monkeypatch.setattr(loader, "read_file", read_before_a_change)

    assert Watched(folder).names_after(3) == ["shop", "clinic"]


def test_the_token_file_of_the_variables_is_taken_up_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "token").write_text("EAA-old")
    env = {
        "REDIS_URL": "redis://store:6379/0",
        "META_APP_SECRET": "s",
        "META_VERIFY_TOKEN": "v",
        "META_ACCESS_TOKEN_FILE": str(folder / "token"),
        "META_PHONE_NUMBER_ID": "1001",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("META_ACCESS_TOKEN", raising=False)
    now = [100.0]
    source = AccountsSource(Settings.from_env(), clock=lambda: now[0])

    (folder / "token").write_text("EAA-new")
    for _ in range(3):
        now[0] += 1
        source.reload_if_changed()

    number = source.current().number("1001")
    assert number
    assert number.credentials.token == "EAA-new"


def test_a_process_of_one_account_keeps_it_until_it_is_restarted_with_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"META_APP_SECRET": "s", "META_VERIFY_TOKEN": "v", "META_ACCESS_TOKEN": "EAA-one"}
    both = {"REDIS_URL": "redis://store:6379/0", "META_PHONE_NUMBER_ID": "1001"}
    several = {"GATEWAY_ACCOUNTS": "accounts.yaml", "GATEWAY_INSTALLATION": "fleet"}
    for name in (*one, *both, *several):
        monkeypatch.delenv(name, raising=False)
    write_dotenv(folder, one | both)
    now = [100.0]
    source = AccountsSource(Settings.from_env(), clock=lambda: now[0])

    write_dotenv(folder, both | several)
    for _ in range(3):
        now[0] += 1
        source.reload_if_changed()

    (account,) = source.current()
    assert account.secret_values == (b"s",)
    assert source.problem == "GATEWAY_ACCOUNTS is set by now: restart, to serve its accounts"


def write_dotenv(folder: Path, values: Mapping[str, str]) -> None:
    lines = [f"{name}={value}\n" for name, value in values.items()]
    (folder / ".env").write_text("".join(lines))
