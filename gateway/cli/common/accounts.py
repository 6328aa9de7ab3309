"""Accounts of a command: all of them, or the one that an option names."""

from functools import partial
from typing import Annotated

from gateway.accounts.account import Account, Accounts
from gateway.accounts.loader import AccountsError, load_accounts
from gateway.accounts.rulebooks import AccountRules
from gateway.cli.common import errors
from gateway.cli.common.options import selector
from gateway.config.settings import Settings
from gateway.core.text import suggestion_for
from gateway.rules.reloader import RulebookSource

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


def open_rules(accounts: Accounts, given: Settings) -> AccountRules:
    """Return the rules of all accounts, as workers would open them; raises RulebookError."""
    trial_hours = given.gateway_trial_hours
    return AccountRules(lambda: accounts, partial(RulebookSource, trial_hours=trial_hours))
