"""How a command ends when it cannot do what it was asked: one sentence, and exit code 2."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from gateway.config.settings import Settings, SettingsError
from gateway.rules.problems import RulebookError
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.inspection import check_server

BAD_INPUT = 2
INTERRUPTED = 130  # as a shell ends what Ctrl-C ended
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(sentence: str) -> typer.Exit:
    """Say what is wrong, and give the exception that ends the command."""
    errors.print(f"[bold red]error:[/] {escape(sentence)}")
    return typer.Exit(BAD_INPUT)


@contextmanager
def exit_on_config_error() -> Iterator[None]:
    """Turn what is wrong with settings and rules into sentences."""
    try:
        yield
    except SettingsError as error:
        raise fail("The settings are not complete:\n  " + "\n  ".join(error.problems)) from None
    except RulebookError as error:
        raise fail(f"The rules cannot be used:\n{error}") from None


def settings() -> Settings:
    """Return the settings, or end with all that is wrong with them."""
    with exit_on_config_error():
        return Settings.from_env()


def check_store(given: Settings) -> None:
    """Say at start what is wrong with the server, and end where nothing could be kept for good.

    A server that does not answer is no reason to end: it may come back, and until then web answers
    503 and workers wait.
    """
    try:
        with closing(Store(given.redis_url)) as store:
            health = check_server(store, given.gateway_store_bytes)
    except StoreUnavailableError as error:
        if "Auth" in str(error):
            raise fail("Redis refuses the password in REDIS_URL.") from None
        errors.print("[yellow]warning:[/] Redis does not answer yet; waiting for it.")
        return
    for sentence in health.warnings:
        errors.print(f"[yellow]warning:[/] {escape(sentence)}")
    if health.fatal:
        raise fail(" ".join(health.fatal))
