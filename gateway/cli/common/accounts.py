"""Accounts of a command: all of them, or the one that an option names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Self

from pydantic import SecretStr

from gateway.accounts.account import Account, Accounts, OwnNumber
from gateway.accounts.loader import (
    AccountDefaults,
    AccountsError,
    load_accounts,
    read_accounts,
)
from gateway.accounts.rule_zones import read_zone_of_rules
from gateway.accounts.rulebooks import AccountRules
from gateway.accounts.values import ValueReader
from gateway.cli.common import errors
from gateway.cli.common.options import selector
from gateway.config.environment import SettingsError, environment, read_settings
from gateway.config.settings import Settings
from gateway.core.text import suggestion_for
from gateway.rules.loader import read_file
from gateway.rules.reloader import RulebookSource

USUAL_RULES = "rules/"
AccountName = Annotated[str, selector("Only of this account of GATEWAY_ACCOUNTS.")]


def load_if_usable(given: Settings) -> Accounts | None:
    """Return the accounts, None if their file cannot be used here, which another command tells."""
    try:
        return load_accounts(given)
    except AccountsError:
        return None


def load_or_end(given: Settings) -> Accounts:
    """Return the accounts, or end the command with every mistake of their file."""
    with errors.exit_on_config_error():
        return load_accounts(given)


def choose_account(accounts: Accounts, name: str) -> Account:
    """Return the account of a name, or end the command with the names that there are."""
    if account := accounts.named(name):
        return account
    names = [one.name for one in accounts if one.name]
    hint = suggestion_for(name, names) if names else "GATEWAY_ACCOUNTS is not set"
    raise errors.fail(f"There is no account {name}; {hint}")


def choose_names(given: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of accounts, each once; end the command for one that the file lacks."""
    if not names:
        return ()
    accounts = load_or_end(given)
    return tuple(dict.fromkeys(choose_account(accounts, name).name for name in names))


def choose_one_account(accounts: Accounts, name: str) -> Account:
    """Return the account of a name, the only one without it, or end the command."""
    if name:
        return choose_account(accounts, name)
    first, *others = accounts
    if others:
        known = ", ".join(one.name for one in accounts)
        raise errors.fail(f"There are several accounts: say which with --account ({known})")
    return first


def settings_of(given: Settings, account: Account, number: OwnNumber) -> Settings:
    """Return the settings as if the META_ variables described this account and its number."""
    credentials = number.credentials
    return given.model_copy(
        update={
            "gateway_accounts": None,
            "gateway_rules": account.rules,
            "meta_app_id": account.app,
            "meta_app_secret": tuple(SecretStr(one.value.decode()) for one in account.secrets),
            "meta_verify_token": SecretStr(account.verify_token),
            "meta_access_token": SecretStr(credentials.token),
            "meta_graph_version": credentials.graph_version,
            "meta_messages_per_second": number.pace,
            "meta_phone_number_id": number.id,
            "meta_waba_id": number.waba,
        }
    )


def variables_of(settings: Settings) -> dict[str, str]:
    """Return the variables of a process that serves the account of these settings alone."""
    values = {
        "META_APP_SECRET": ",".join(one.get_secret_value() for one in settings.meta_app_secret),
        "META_VERIFY_TOKEN": settings.meta_verify_token.get_secret_value(),
        "META_ACCESS_TOKEN": settings.meta_access_token.get_secret_value(),
        "META_PHONE_NUMBER_ID": settings.meta_phone_number_id,
        "META_APP_ID": settings.meta_app_id,
        "META_WABA_ID": settings.meta_waba_id,
        "META_GRAPH_VERSION": settings.meta_graph_version,
        "META_MESSAGES_PER_SECOND": str(settings.meta_messages_per_second),
        "GATEWAY_RULES": str(settings.gateway_rules),
    }
    return values | {"GATEWAY_ACCOUNTS": ""} | {f"{name}_FILE": "" for name in values}


def load_of_environment(usual_rules: Path) -> Accounts | None:
    """Return the accounts of the file that the environment names, None if it names none.

    Nothing else of the settings is needed; the rules are `usual_rules` of accounts without any.
    """
    with errors.exit_on_config_error():
        env = environment()
        name = read_settings(["gateway_accounts"], env).get("gateway_accounts")
        if not name:
            return None
        file = Path(name)
        fields = Settings.model_fields
        version, pace = fields["meta_graph_version"], fields["meta_messages_per_second"]
        defaults = AccountDefaults(version.default, pace.default, usual_rules)
        return read_accounts(read_file(file), ValueReader(env, file.parent), defaults)


def zone_of_rules(path: Path) -> str:
    """Return the time zone of the account that uses a file or folder of rules, "" for none.

    The account is one of the file that the environment names; other mistakes in it do not matter.
    """
    env = environment()
    try:
        name = read_settings(["gateway_accounts"], env).get("gateway_accounts")
    except SettingsError:
        return ""
    usual = Path(env.get("GATEWAY_RULES") or USUAL_RULES)
    return read_zone_of_rules(Path(name), usual, path) if name else ""


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """Accounts of a command, and the one that its option names; without one it means all."""

    accounts: Accounts | None  # None where their file cannot be used here
    only: Account | None = None

    @classmethod
    def of(cls, given: Settings, name: str) -> Self:
        """Return the choice, or end the command if there is no account of this name."""
        if not name:
            return cls(load_if_usable(given))
        accounts = load_or_end(given)
        return cls(accounts, choose_account(accounts, name))

    def has(self, number: str) -> bool:
        """Say whether the command means a number."""
        return self.only is None or self.only.number(number) is not None

    def numbers(self, known: Iterable[str]) -> list[str]:
        """Return the numbers that the command means: known ones, and those of the accounts."""
        meant = [self.only] if self.only else self.accounts or ()
        listed = {number.id for account in meant for number in account.numbers}
        return sorted({*filter(self.has, known), *listed} - {""})

    def check_number(self, number: str) -> None:
        """End the command if a number is none of the chosen account's."""
        if number and self.only and not self.has(number):
            hint = suggestion_for(number, self.numbers(()))
            raise errors.fail(f"{number} is no number of the account {self.only.name}; {hint}")

    def name_of(self, number: str) -> str:
        """Return the name of the account that has a number, "" if it has none."""
        return self.accounts.name_of(number) if self.accounts else ""

    @property
    def has_names(self) -> bool:
        """Say whether the accounts are in a file, so that each has a name to show."""
        return any(one.name for one in self.accounts or ())


def open_rules(accounts: Accounts, given: Settings) -> AccountRules:
    """Return the rules of all accounts, as workers would open them; raises RulebookError."""
    trial_hours = given.gateway_trial_hours
    return AccountRules(lambda: accounts, partial(RulebookSource, trial_hours=trial_hours))
