"""`gateway templates`: list, show and fetch what Meta says of templates, and draw one."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store
from gateway.cli.local import target
from gateway.cli.operate.messages.template_params import read_params as read_param_options
from gateway.cli.operate.templates.as_files import diff, pull, push
from gateway.cli.operate.templates.sources import (
    NO_ACCOUNT,
    From,
    choose_number,
    open_registry,
)
from gateway.core.formats import pluralize
from gateway.core.messages import template as template_body
from gateway.core.messages.rendering.renderer import ChatMessage, render_page
from gateway.core.templates.check import find_mismatches
from gateway.core.templates.param_form import read_params
from gateway.core.templates.parameters import read_parameters
from gateway.core.templates.sync_schedule import RegistryState
from gateway.core.templates.template import MetaTemplate, template_key
from gateway.core.templates.view import choose_keys, view_list, view_template
from gateway.core.text import printable
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import fetch_list

SYNC_WAIT_S = 60.0
commands = typer.Typer(
    name="templates",
    help="Look at Meta's templates, and keep them as files.",
    no_args_is_help=True,
    add_completion=False,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the template.")]
Language = Annotated[str, typer.Argument(metavar="LANGUAGE", help="Language, such as en_US.")]
Status = Annotated[str, typer.Option(help="A status of Meta's, or usable, or unusable.")]
commands.command()(pull)
commands.command()(diff)
commands.command()(push)


@commands.command("list")
def list_templates(
    status: Status = "",
    query: Annotated[str, typer.Option("--query", "-q", help="A part of the name.")] = "",
    from_: From = "",
    json: Json = False,
) -> None:
    """List templates by name, and how old the list is."""
    settings = target.settings()
    number = choose_number(settings, from_)
    with open_registry(settings, number) as registry:
        state, now = registry.read_state()
        keys = choose_keys(registry.read_words(), status, query)
        found = registry.read(keys, state)
    if json:
        shown = {"data": [view_template(one) for one in found], "list": view_list(state, now)}
        print_json(shown)
        return
    table = Table("name", "language", "status", "category", "quality", "parameters")
    for one in found:
        count = str(len(read_parameters(one))) if one.components is not None else "?"
        words = (one.name, one.language, one.status, one.category, one.quality, count)
        table.add_row(*map(printable, words), style="" if one.is_usable else "red")
    open_console().print(table)
    typer.echo(_describe_list(len(found), state, now))


@commands.command()
def show(name: Name, language: Language, from_: From = "", json: Json = False) -> None:
    """Show a template with its parameters."""
    settings = target.settings()
    with open_registry(settings, choose_number(settings, from_)) as registry:
        template = _find(registry, name, language)
    if json:
        print_json(view_template(template))
        return
    out = open_console()
    reason = f": {template.unusable_reason}" if template.unusable_reason else ""
    out.print(Text(f"{template.name} ({template.language}) is {template.status}{reason}"))
    for component in template.components or ():
        if text := component.get("text"):
            out.print(Text(f"{str(component.get('type')).lower()}: {printable(str(text))}"))
    for one in read_parameters(template):
        most = f", up to {one.max:,} characters" if one.max else ""
        optional = "" if one.is_required else ", may be left out"
        out.print(Text(f"  {one.where} {one.key}: {one.kind}{most}{optional} {one.example!r}"))


@commands.command()
def preview(
    name: Name,
    language: Language,
    param: Annotated[
        list[str] | None, typer.Option(help="A value, as for gateway send; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File of the page. Unset: stdout.")] = None,
    from_: From = "",
) -> None:
    """Draw a template as the chat shows it, as a page of HTML."""
    settings = target.settings()
    with open_registry(settings, choose_number(settings, from_)) as registry:
        template = _find(registry, name, language)
    form = read_params(read_param_options(param or []))
    wrong = form.mismatches + find_mismatches(form.components, read_parameters(template))
    for one in wrong if param else ():
        errors.errors.print(f"[yellow]warning:[/] {one.detail}")
    body = template_body(template.name, template.language, form.components)
    definition = {"components": list(template.components or ())}
    page = render_page([ChatMessage(body, template=definition)], f"{name} ({language})")
    if out is None:
        typer.echo(page)
        return
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise errors.fail(f"{out} cannot be written: {error.strerror}.") from None
    typer.echo(f"{out} shows {name} ({language}).")


@commands.command()
def sync(from_: From = "", json: Json = False) -> None:
    """Fetch the list from Meta now, at most once a minute."""
    settings = target.settings()
    number = choose_number(settings, from_)
    if not number.waba:
        raise errors.fail(NO_ACCOUNT)
    with open_own_store(settings, "so nothing was fetched") as store:
        args = (store, settings.meta_graph_url, number.waba, number.credentials)
        result = fetch_list(*args, wait_s=SYNC_WAIT_S)
    if json:
        print_json({"step": result.step, "list": view_list(result.state, result.now)})
    if result.step == "failed":
        raise errors.fail(result.error)
    if result.step == "too_soon":
        raise errors.fail("The list was fetched, or tried, within the last minute.")
    if not json:
        typer.echo(_describe_list(result.state.count, result.state, result.now))


def _find(registry: TemplateRegistry, name: str, language: str) -> MetaTemplate:
    state, _ = registry.read_state()
    if found := registry.read([template_key(name, language)], state):
        return found[0]
    known = sorted(key for key in registry.read_words() if key.split(" ")[0] == name)
    hint = f"; there is {', '.join(known)}" if known else ""
    raise errors.fail(f"No template {name} ({language}) is known{hint}: gateway templates sync.")


def _describe_list(count: int, state: RegistryState, now: datetime) -> str:
    """Return how many templates are shown, and how old the list is."""
    if state.fetched_at is None:
        why = f" ({state.error})" if state.error else ""
        return f"{pluralize(count, 'template')}; the list was never fetched{why}."
    minutes = int((now - state.fetched_at).total_seconds() // 60)
    age = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    error = f" Fetching it again failed: {state.error}" if state.error else ""
    return f"{pluralize(count, 'template')}; the list is {age} old.{error}"
