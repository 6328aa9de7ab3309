"""`gateway send`: the operator sends a message, through the same code as a client of the API."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.accounts.account import Accounts
from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.common.store import open_own_store
from gateway.cli.local import target, workspace
from gateway.cli.operate.messages.content import (
    From,
    Language,
    Param,
    Template,
    Text,
    To,
    WhenClosed,
    check_encoding,
    read_content,
)
from gateway.cli.operate.messages.show import follow, print_message
from gateway.config.prices import read_prices
from gateway.config.settings import Settings
from gateway.core.api.field_errors import FieldError
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.api.template_uses import find_uses
from gateway.core.sending.send import Send
from gateway.store import number_list
from gateway.store.api.pending_send import AcceptedSend, RequestRefusedError
from gateway.store.api.send_writer import SendWriter
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store, StoreUnavailableError, connect_async
from gateway.store.templates.cache import TemplateCache
from gateway.store.templates.judgement import TemplateJudge
from gateway.web.api.messages.sending import view_accepted
from tasks.wakeup import ring_numbers

WAIT_S = 20.0


def send(
    to: To,
    text: Text = "",
    template: Template = "",
    language: Language = "en",
    param: Param = None,
    at: Annotated[str, typer.Option(help="When: 2026-12-01T09:00+01:00. Unset: now.")] = "",
    number: From = "",
    when_closed: WhenClosed = "fail",
    reference: Annotated[str, typer.Option(help="Your own name of the message.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and send nothing.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait up to 20 s until Meta has it.")
    ] = False,
    json: Json = False,
) -> None:
    """Send a message to a customer, now or at a time."""
    check_encoding(to, text, template, language, number, reference, *(param or ()))
    optional = {"from": number, "send_at": at, "reference": reference, "when_closed": when_closed}
    fields: dict[str, Any] = {"to": to, **read_content(text, template, language, param or ())}
    fields |= {name: value for name, value in optional.items() if value}
    settings = target.settings()
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    request = read_request(fields, accounts.country_of(number or accounts.default_number))
    if not isinstance(request, MessageRequest):
        raise _refuse(request)
    check_templates(settings, accounts, fields, request)
    if dry_run:
        print_json(dict(asyncio.run(_plan(settings, accounts, request)).body))
        return
    number, accepted = accept_message(settings, accounts, request)
    if not json and not wait:
        typer.echo(f"{accepted.id} is {view_accepted(accepted)['status']}.")
        return
    if not wait:
        print_json(view_accepted(accepted))
        return
    with open_own_store(settings) as store:
        message = follow(store, Bodies(settings.encryption_keys), number, accepted.id, WAIT_S)
    print_message(message, read_prices(settings.gateway_prices), json=json)


def check_templates(
    settings: Settings, accounts: Accounts, fields: Mapping[str, Any], request: MessageRequest
) -> None:
    """End the command if the message does not fit its templates, as far as these are known."""
    own = accounts.number(request.number or accounts.default_number)
    uses = find_uses(fields, request)
    if own is None or not uses:
        return
    store = Store(settings.redis_url)
    try:
        judge = TemplateJudge(store, TemplateCache(store), settings.meta_graph_url)
        if found := judge.judge(own, uses):
            raise _refuse([FieldError(one.pointer, one.detail) for one in found])
    finally:
        store.close()


def _refuse(problems: Sequence[FieldError]) -> typer.Exit:
    """Print each mistake on a line; the option or argument has the name of the field."""
    lines = [f"{one.pointer.removeprefix('#/')}: {one.detail}" for one in problems]
    return errors.fail("The message cannot be sent:\n  " + "\n  ".join(lines))


def accept_message(
    settings: Settings, accounts: Accounts, request: MessageRequest
) -> tuple[str, AcceptedSend]:
    """Store the message, wake a worker, and return the number that it is sent from."""
    with open_own_store(settings, "so nothing was sent") as store:
        number = _choose_number(accounts, request, number_list.numbers_at_meta(store))
        rung: list[tuple[str, str]] = []
        accepted = asyncio.run(_write(settings, number, request, rung))
        # The Celery settings are those of the environment, and dev's beat rings within a second.
        if workspace.find_running() is None:
            ring_numbers(store, rung)
    return number, accepted


def _choose_number(accounts: Accounts, request: MessageRequest, listed: Sequence[str]) -> str:
    number = request.number or accounts.default_number
    if not number:
        raise errors.fail("Say with --from which number sends: there is no default account.")
    if number not in accounts.numbers_among(listed):
        raise errors.fail(f"{number} is none of our numbers.")
    return number


async def _write(
    settings: Settings, number: str, request: MessageRequest, rung: list[tuple[str, str]]
) -> AcceptedSend:
    client = connect_async(settings.redis_url)
    writer = SendWriter(client, lambda number, priority: rung.append((number, priority)))
    writer.start()
    try:
        return await writer.submit(number, request, None, 0)
    except RequestRefusedError as error:
        raise _refuse(error.errors) from None
    finally:
        await writer.close()
        await client.aclose()


async def _plan(settings: Settings, accounts: Accounts, request: MessageRequest) -> Send:
    client = connect_async(settings.redis_url)
    try:
        number = _choose_number(accounts, request, [request.number] if request.number else [])
        planned, _, _ = await SendWriter(client, lambda *_: None).plan(number, request)
    except RequestRefusedError as error:
        raise _refuse(error.errors) from None
    except StoreUnavailableError as error:
        raise errors.fail(f"Redis does not answer ({error}), so nothing can be told.") from None
    finally:
        await client.aclose()
    return planned
