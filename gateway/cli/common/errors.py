"""Errors of commands: one sentence on stderr, and exit code 2."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from gateway.accounts.loader import AccountsError
from gateway.config.environment import SettingsError
from gateway.config.settings import Settings
from gateway.rules.problems import RulebookError
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.inspection import check_server

BAD_INPUT = 2
INTERRUPTED = 130  # as a shell reports a command that Ctrl-C ended
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(sentence: str) -> typer.Exit:
    """Print the error, and return the exception that ends the command."""
    errors.print(f"[bold red]error:[/] {escape(sentence)}")
    return typer.Exit(BAD_INPUT)


@contextmanager
def exit_on_config_error() -> Iterator[None]:
    """End the command with a sentence for each error in settings, accounts and rules."""
    try:
        yield
    except SettingsError as error:
        raise fail("The settings are not complete:\n  " + "\n  ".join(error.problems)) from None
    except AccountsError as error:
        raise fail(f"The accounts cannot be used:\n{error}") from None
    except RulebookError as error:
        raise fail(f"The rules cannot be used:\n{error}") from None


def settings() -> Settings:
    """Return the settings, or end the command with everything that is wrong with them."""
    with exit_on_config_error():
        return Settings.from_env()


def check_store(given: Settings) -> None:
    """Warn at startup about the server's configuration; end if it could store nothing durably.

    An unavailable server is no reason to end: it may come back, and until then the web process
    answers 503 and workers wait.
    """
    try:
        with closing(Store(given.redis_url)) as store:
            health = check_server(store, given.gateway_store_bytes, given.installation)
    except StoreUnavailableError as error:
        if "Auth" in str(error):
            raise fail("Redis refuses the password in REDIS_URL.") from None
        reason = escape(str(error))
        errors.print(f"[yellow]warning:[/] Redis does not answer yet ({reason}); waiting for it.")
        return
    for sentence in health.warnings:
        errors.print(f"[yellow]warning:[/] {escape(sentence)}")
    if health.fatal:
        raise fail(" ".join(health.fatal))
