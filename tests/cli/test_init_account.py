"""`gateway init --account` adds an app to the accounts file, and its secrets to .env alone."""

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from typer.testing import CliRunner, Result

from gateway.accounts.loader import load_accounts
from gateway.cli.main import app
from gateway.cli.setup.init.account_file import variable_names
from gateway.config.settings import Settings

SECRETS = ("clinic-app-secret", "EAAclinic-token")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a gateway that has a name, and no account yet."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    Path(".env").write_text("GATEWAY_INSTALLATION=fleet\nREDIS_URL=redis://unused\n")
    return tmp_path


def init(account: str, *ids: str, more: tuple[str, ...] = ("--yes",)) -> Result:
    app_id, waba, number = ids or ("50001", "60001", "70001")
    options = ["--app-id", app_id, "--waba-id", waba, "--phone-number-id", number]
    return CliRunner().invoke(
        app,
        ["init", "--account", account, "--offline", *options, *more],
        input=f"{account}-app-secret\nEAA{account}-token\n",
    )


def test_the_first_account_makes_a_file_that_loads_and_holds_no_secret() -> None:
    result = init("clinic")

    assert result.exit_code == 0, result.output
    (account,) = load_accounts(Settings.from_env())
    assert (account.name, account.app, account.wabas) == ("clinic", "50001", ("60001",))
    assert account.secret_values == (SECRETS[0].encode(),)
    assert account.numbers[0].credentials.token == SECRETS[1]
    assert not any(secret in Path("accounts.yaml").read_text() for secret in SECRETS)
    assert not any(secret in result.output for secret in SECRETS)
    assert stat.S_IMODE(Path(".env").stat().st_mode) == 0o600


def test_another_account_leaves_the_file_as_it_was_before_it() -> None:
    init("clinic")
    text = Path("accounts.yaml").read_text() + "# a comment\n"
    Path("accounts.yaml").write_text(text)

    result = init("shop", "50002", "60002", "70002")

    assert result.exit_code == 0, result.output
    assert Path("accounts.yaml").read_text().startswith(text)
    assert [one.name for one in load_accounts(Settings.from_env())] == ["clinic", "shop"]


@pytest.mark.parametrize(
    ("account", "ids", "sentence"),
    [
        ("clinic", (), "There is an account clinic in accounts.yaml already."),
        ("Shop!", (), "Shop! is no name"),
        ("shop", ("50002", "60002", "70001"), "with this account accounts.yaml could not be used"),
    ],
)
def test_an_account_that_cannot_be_added_changes_nothing(
    account: str, ids: tuple[str, ...], sentence: str
) -> None:
    init("clinic")
    before = Path("accounts.yaml").read_text(), Path(".env").read_text()

    result = init(account, *ids)

    assert result.exit_code == 2
    assert sentence in result.output
    assert (Path("accounts.yaml").read_text(), Path(".env").read_text()) == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("REDIS_URL=redis://unused\n", "GATEWAY_INSTALLATION is not set"),
        ("GATEWAY_INSTALLATION=a\nMETA_APP_SECRET=s\n", "META_APP_SECRET in .env describes one"),
    ],
)
def test_what_has_to_be_done_first_is_said_before_the_first_question(
    text: str, sentence: str
) -> None:
    Path(".env").write_text(text)

    result = init("clinic")

    assert result.exit_code == 2
    assert sentence in result.output
    assert not Path("accounts.yaml").exists()


def test_nothing_is_written_without_agreement() -> None:
    result = init("clinic", more=())

    assert result.exit_code == 2
    assert "Nothing was written" in result.output
    assert list(dotenv_values(".env")) == ["GATEWAY_INSTALLATION", "REDIS_URL"]


@pytest.mark.parametrize("name", ["meta", "gateway-two", "7days"])
def test_variables_of_an_account_are_never_those_of_a_setting(name: str) -> None:
    names = variable_names(name)

    assert all(one.startswith("ACCOUNT_") for one in names)
