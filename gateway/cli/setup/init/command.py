"""`gateway init`: asks for what Meta's pages show, tries each answer, and writes a valid `.env`."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.local.log_view import own_command
from gateway.cli.local.rules_folder import USUAL
from gateway.cli.setup.init import dotenv_file, text_file
from gateway.cli.setup.init.account import add_account
from gateway.cli.setup.init.prompts import Asker, PromptAnswers
from gateway.cli.setup.init.questions import APP_ID, NUMBER_ID, QUESTIONS, WABA_ID
from gateway.config.environment import environment, read_process_settings, read_settings
from gateway.config.settings import Settings
from gateway.config.types import HttpUrl
from gateway.graph.admin.client import AdminClient
from gateway.rules.loader import load_if_any
from gateway.rules.problems import RulebookError

ENV = Path(".env")
# Generated once and then kept: stored data can be decrypted only with its key.
_GENERATED: Mapping[str, Callable[[], str]] = {
    "META_VERIFY_TOKEN": lambda: secrets.token_hex(16),
    "GATEWAY_API_KEYS": lambda: secrets.token_urlsafe(32),
    "GATEWAY_ENCRYPTION_KEYS": lambda: secrets.token_hex(32),
    "FLOWER_BASIC_AUTH": lambda: f"flower:{secrets.token_urlsafe(16)}",
}
# It is not written: the commands that start a server of their own would use that address instead.
NO_REDIS = (
    "\n[bold]REDIS_URL[/] is not set: gateway dev, gateway tunnel and docker compose bring a Redis "
    "of their own.\nFor every other way to run, add the address of yours to .env, such as "
    "REDIS_URL=redis://localhost:6379/0."
)
UNCHECKED = (
    "[yellow]Meta was asked nothing, so nothing of it is checked: run {} doctor once Meta can be "
    "reached.[/]"
)
_out = Console(highlight=False, soft_wrap=True)


def init(
    app_id: Annotated[str, typer.Option(help="Meta's id of your app.")] = "",
    waba_id: Annotated[str, typer.Option(help="Id of the WhatsApp Business Account.")] = "",
    phone_number_id: Annotated[str, typer.Option(help="Meta's id of the number.")] = "",
    account: Annotated[
        str,
        typer.Option(help="Add an account of this name to GATEWAY_ACCOUNTS (docs/accounts.md)."),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Change an .env without asking.")] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nothing of Meta; the answers stay unchecked.")
    ] = False,
) -> None:
    """Ask for what Meta gave you, try each at Meta, make the other secrets, and write .env.

    What is in the environment is not asked for, such as META_APP_SECRET and META_ACCESS_TOKEN.
    """
    options = {APP_ID.name: app_id, WABA_ID.name: waba_id, NUMBER_ID.name: phone_number_id}
    try:
        given = {name: value for name, value in options.items() if value}
        if account:
            with errors.exit_on_config_error():
                meta = _meta_factory()
                add_account(account, given, Asker(_out), meta, sure=yes, offline=offline)
            return
        _set_up(given, sure=yes, offline=offline)
    except text_file.FileError as error:
        raise errors.fail(str(error)) from None
    except (KeyboardInterrupt, typer.Abort):
        _out.print("\nLeft; nothing was written.")
        raise typer.Exit(errors.INTERRUPTED) from None


def _set_up(options: Mapping[str, str], *, sure: bool, offline: bool) -> None:
    names = [question.name for question in QUESTIONS]
    before = read_settings(names, dotenv_file.parse_values(text_file.read(ENV)))
    text_file.check_writable(ENV)
    with errors.exit_on_config_error():
        here = read_process_settings([*names, *_GENERATED])
        meta = _meta_factory()
    asker = Asker(_out)
    prompts = PromptAnswers(asker, {**here, **options}, before, meta, offline=offline)
    answers = prompts.collect()
    _write(answers, here, asker, sure=sure)
    _warn_of_overrides(answers, here)
    if prompts.is_offline:
        _out.print(UNCHECKED.format(escape(own_command())))
    _print_next_steps()


def _generate_secrets(here: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return our own secrets: those that are set stay, also if they are in files."""
    return {
        name: here.get(name) or before.get(name) or make()
        for name, make in _GENERATED.items()
        if f"{name}_FILE" not in before
    }


def _meta_factory() -> Callable[..., AdminClient]:
    """Return the factory of clients for the configured Graph URL: Meta, a proxy or a stand-in."""
    known, fields = environment(), Settings.model_fields
    url = known.get("META_GRAPH_URL") or fields["meta_graph_url"].default
    version = known.get("META_GRAPH_VERSION") or fields["meta_graph_version"].default
    try:
        return partial(AdminClient, TypeAdapter(HttpUrl).validate_python(url), version)
    except ValidationError:
        raise errors.fail("META_GRAPH_URL is no web address: write https://host.") from None


def _write(
    answers: Mapping[str, str], here: Mapping[str, str], asker: Asker, *, sure: bool
) -> None:
    """Write the answers; an existing file is changed only if the operator agrees."""
    # Read again: it may have been created meanwhile, with keys already used for stored data.
    text = text_file.read(ENV)
    generated = _generate_secrets(here, dotenv_file.parse_values(text))
    if not (to_set := dotenv_file.find_changes(text, _missing_answers(answers, text) | generated)):
        dotenv_file.restrict_access(ENV)
        _out.print("\n[bold].env[/] says all of this already.")
        return
    if text is not None and not sure:
        names = ", ".join(to_set)
        if not asker.confirm(f"\n.env is there already. Set {names} in it, and leave the rest?"):
            raise errors.fail("Nothing was written: .env is as it was (--yes changes it).")
    dotenv_file.write(ENV, dotenv_file.merge_values(text, to_set))
    keys = "; it holds new keys as well" if generated.keys() & to_set.keys() else ""
    _out.print(f"\n[bold].env[/] is written, for your eyes only{keys}.")


def _missing_answers(answers: Mapping[str, str], text: str | None) -> dict[str, str]:
    """Return the answers that are set neither in the text nor in a file that it names."""
    known = read_settings(answers, dotenv_file.parse_values(text))
    return {name: value for name, value in answers.items() if known.get(name) != value}


def _warn_of_overrides(answers: Mapping[str, str], here: Mapping[str, str]) -> None:
    """Warn of environment variables that override right answers for every command in this shell."""
    if other := [name for name, value in answers.items() if here.get(name, value) != value]:
        _out.print(
            f"[yellow]The environment has another {', '.join(other)}, and wins over .env: "
            "unset it before you go on.[/]"
        )


def _has_rules() -> bool:
    path = Path(environment().get("GATEWAY_RULES") or USUAL)
    try:
        return path.exists() and bool(load_if_any(path).rules)
    except RulebookError:
        return True  # other commands tell what is wrong with them


def _print_next_steps() -> None:
    name = escape(own_command())
    write_rules = (
        f"  [bold]{name} rules new[/]      writes a first file; without rules nothing is answered\n"
    )
    _out.print(
        f"\nNext, to a reply on your phone:\n{'' if _has_rules() else write_rules}"
        f"  [bold]{name} tunnel[/]         lets your phone's messages in; replies go nowhere yet\n"
        f"  [bold]{name} tunnel --real[/]  the same, and the reply is sent\n"
        f"  [bold]{name} doctor[/]         says what is wrong if none comes"
    )
    if not read_settings(["REDIS_URL"], environment()):
        _out.print(NO_REDIS)
