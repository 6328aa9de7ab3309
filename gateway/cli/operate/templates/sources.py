"""Sources of templates for commands: the registry of an account, and Meta itself."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from gateway.accounts.account import OwnNumber
from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.store import open_store
from gateway.config.settings import Settings
from gateway.core.templates.graph_form import read_graph_row
from gateway.core.templates.template import MetaTemplate
from gateway.graph.admin.errors import SetupError
from gateway.graph.admin.templates import TemplateClient
from gateway.store.templates.registry import TemplateRegistry

From = Annotated[str, typer.Option("--from", help="Phone number id of the account. Unset: ours.")]
NO_ACCOUNT = "The id of the WhatsApp account is not known here: set META_WABA_ID."


def choose_number(settings: Settings, named: str, *, at_meta: bool = False) -> OwnNumber:
    """Return the number whose account's templates are meant, or end the command."""
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    number = accounts.number(named or accounts.default_number)
    if number is None:
        raise errors.fail("Say with --from which number's account: there is no default account.")
    if at_meta and not number.waba:
        raise errors.fail(NO_ACCOUNT)
    return number


@contextlib.contextmanager
def open_registry(settings: Settings, number: OwnNumber) -> Iterator[TemplateRegistry]:
    """Yield the registry of a number's account, and end the command if the store is away."""
    with open_store(settings.redis_url, "so nothing can be told") as store:
        yield TemplateRegistry(store, number.waba)


@contextlib.contextmanager
def open_client(settings: Settings, number: OwnNumber) -> Iterator[TemplateClient]:
    """Yield Meta's templates, and end the command with Meta's refusal."""
    client = TemplateClient(settings.meta_graph_url, number.credentials)
    try:
        with contextlib.closing(client):
            yield client
    except SetupError as error:
        raise errors.fail(error.sentence) from None


def read_from_meta(client: TemplateClient, number: OwnNumber) -> dict[str, MetaTemplate]:
    """Return all templates that Meta has, by key. Raises SetupError."""
    rows = (row for page in client.pages(number.waba) for row in page)
    found = (one for row in rows if (one := read_graph_row(row, None)))
    return {one.key: one for one in found}
