"""`gateway init --account`: asks for one app's values, and adds it to the accounts file."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.accounts.loader import AccountsError
from gateway.cli.common import errors
from gateway.cli.local.log_view import own_command
from gateway.cli.setup.init import account_file, dotenv_file, text_file
from gateway.cli.setup.init.account_file import NewAccount
from gateway.cli.setup.init.prompts import Asker, PromptAnswers
from gateway.cli.setup.init.questions import (
    APP_ID,
    APP_SECRET,
    NUMBER_ID,
    QUESTIONS,
    TOKEN,
    WABA_ID,
)
from gateway.config.environment import environment, read_process_settings, read_settings
from gateway.config.settings import ACCOUNT_SECRETS
from gateway.graph.admin.client import AdminClient

ENV = Path(".env")
NO_INSTALLATION = (
    "GATEWAY_INSTALLATION is not set: with a file of accounts the gateway needs a name. Add it to "
    ".env, such as GATEWAY_INSTALLATION=shops, and begin again."
)


def add_account(
    name: str,
    options: Mapping[str, str],
    asker: Asker,
    meta: Callable[..., AdminClient],
    *,
    sure: bool,
    offline: bool,
) -> None:
    """Ask for the values of an account, and write them; raises FileError."""
    text, env = text_file.read(ENV), environment()
    path = Path(env.get("GATEWAY_ACCOUNTS") or account_file.USUAL)
    before = text_file.read(path)
    _check_beginning(name, path, before, env, text)
    here = read_process_settings([question.name for question in QUESTIONS])
    prompts = PromptAnswers(asker, {**here, **options}, {}, meta, offline=offline)
    account = _to_account(name, prompts.collect())
    after = account_file.append_account(before, account)
    _check_whole(path, after, env | dict(account.values))
    to_set = dict(account.values)
    if not env.get("GATEWAY_ACCOUNTS"):
        to_set["GATEWAY_ACCOUNTS"] = str(path)
    question = f"\nAdd {name} to {path}, and set {', '.join(to_set)} in .env?"
    if not sure and not asker.confirm(question):
        raise errors.fail(f"Nothing was written: {path} and .env are as they were (--yes writes).")
    # The values first: a file that names a missing one could not be used.
    dotenv_file.write(ENV, dotenv_file.merge_values(text, to_set))
    account_file.write(path, after)
    _show_next_steps(name, path, asker)


def _check_beginning(
    name: str, path: Path, before: str | None, env: Mapping[str, str], dotenv: str | None
) -> None:
    """End the command, before the first question, where the account could not be added."""
    if not account_file.is_name(name):
        raise errors.fail(f"{name} is no name: write small letters, digits and -, such as shop.")
    text_file.check_writable(ENV)
    text_file.check_writable(path)
    if in_file := read_settings(ACCOUNT_SECRETS, dotenv_file.parse_values(dotenv)):
        names = ", ".join(one.upper() for one in in_file)
        raise errors.fail(
            f"{names} in .env describes one account, which a file of several replaces: "
            "docs/accounts.md says how that becomes the first account of the file."
        )
    if not env.get("GATEWAY_INSTALLATION"):
        raise errors.fail(NO_INSTALLATION)
    if before is not None:
        with errors.exit_on_config_error():
            accounts = account_file.check_text(path, before, env)
        if accounts.named(name):
            raise errors.fail(f"There is an account {name} in {path} already.")


def _to_account(name: str, answers: Mapping[str, str]) -> NewAccount:
    secret, verify_token, token = account_file.variable_names(name)
    values = {
        secret: answers[APP_SECRET.name],
        verify_token: secrets.token_hex(16),
        token: answers[TOKEN.name],
    }
    app, waba, number = (answers[one.name] for one in (APP_ID, WABA_ID, NUMBER_ID))
    return NewAccount(name, app, waba, number, values)


def _check_whole(path: Path, text: str, env: Mapping[str, str]) -> None:
    """End the command if the file could not be used with the new account."""
    try:
        account_file.check_text(path, text, env)
    except AccountsError as error:
        raise errors.fail(
            f"Nothing was written: with this account {path} could not be used:\n{error}"
        ) from None


def _show_next_steps(name: str, path: Path, asker: Asker) -> None:
    command = own_command()
    asker.show(
        f"\n[bold]{path}[/] has the account {name}; its secrets are in [bold].env[/], for your "
        f"eyes only.\nA gateway that runs with this file takes it up by itself.\n\nNext:\n"
        f"  [bold]{command} accounts check[/]           says whether all accounts can be used\n"
        f"  [bold]{command} tunnel --account {name}[/]  lets its messages in on this machine\n"
        f"  [bold]{command} doctor --account {name}[/]  says what is wrong if none comes\n"
        f"At Meta its callback is https://your.address/webhook/{name}."
    )
