"""`gateway tunnel` leads one number of an account here, with its secrets and address."""

from pathlib import Path

import pytest
import typer

from gateway.cli.local.environment import rehearse
from gateway.cli.setup.tunnel.preparation import TunnelScope, choose_scope
from tests.support.accounts import CLINIC, TestAccount, write_accounts

SHOP = TestAccount("shop", ["1001", "1002"], "501", more="default: yes\nrules: shop.yaml")


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the environment of a gateway with two accounts."""
    monkeypatch.chdir(tmp_path)
    env = write_accounts(tmp_path, [SHOP, CLINIC])
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


def described(scope: TunnelScope) -> tuple[str, str, str, str]:
    settings = scope.settings
    return (
        settings.meta_app_id,
        settings.meta_phone_number_id,
        settings.meta_access_token.get_secret_value(),
        scope.path,
    )


@pytest.mark.parametrize(
    ("account", "number", "expected"),
    [
        ("shop", "", ("501", "1001", "EAA-shop", "/webhook")),
        ("shop", "1002", ("501", "1002", "EAA-shop", "/webhook")),
        ("clinic", "", ("502", "2001", "EAA-clinic", "/webhook/clinic")),
    ],
)
def test_a_gateway_that_sends_for_real_is_reached_at_the_address_of_the_account(
    given: dict[str, str], account: str, number: str, expected: tuple[str, ...]
) -> None:
    scope = choose_scope(given, account, number, real=True)

    assert described(scope) == expected
    assert scope.given == given


def test_a_rehearsal_serves_the_account_alone(given: dict[str, str], tmp_path: Path) -> None:
    scope = choose_scope(given, "shop", "1002", real=False)

    settings = rehearse(scope.given, 8000).settings

    assert scope.path == "/webhook"
    assert settings.gateway_accounts is None
    assert settings.app_secrets == (b"secret of shop",)
    assert settings.gateway_rules == tmp_path / "shop.yaml"
    assert settings.meta_phone_number_id == "1002"


@pytest.mark.parametrize(
    ("account", "number", "sentence"),
    [
        ("", "", "There are several accounts: say which with --account (shop, clinic)"),
        ("clinik", "", "There is no account clinik; did you mean 'clinic'?"),
        ("clinic", "1001", "1001 is no number of the account clinic; "),
    ],
)
def test_an_account_or_number_that_is_none_ends_the_command(
    given: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    account: str,
    number: str,
    sentence: str,
) -> None:
    with pytest.raises(typer.Exit):
        choose_scope(given, account, number, real=True)

    assert sentence in capsys.readouterr().err
