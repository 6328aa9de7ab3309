"""`gateway campaigns`: the operator sends one message to many, and sees what becomes of each."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.common import errors
from gateway.cli.common.options import Json, Yes
from gateway.cli.common.output import open_console, print_json, progress_bar
from gateway.cli.common.table_file import open_table
from gateway.cli.operate.campaigns import show as view
from gateway.cli.operate.campaigns.check_table import draw_check
from gateway.cli.operate.campaigns.creation import create, read_end
from gateway.cli.operate.campaigns.desk import (
    CampaignDesk,
    find_components,
    opened_desk,
    too_late,
)
from gateway.cli.operate.campaigns.recipients import export, export_problems, list_recipients
from gateway.cli.operate.campaigns.repetition import retry, send_test
from gateway.cli.operate.campaigns.samples import draw_samples
from gateway.core.api.field_errors import FieldReader
from gateway.core.campaigns.audience import read_column_map
from gateway.core.campaigns.checks.check import view_check
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.check import check_campaign
from gateway.store.campaigns.start_conditions import STALE_CHECK, find_start_obstacle
from gateway.store.campaigns.uploads.known_customers import KnownCustomers
from gateway.store.campaigns.uploads.upload import TableForm, UploadResult, store_file, store_known
from gateway.store.campaigns.view import read_log, view_campaign

BY = "the operator"
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the campaign.")]
Why = Annotated[str, typer.Option(help="Why, for whoever looks at it later.")]

commands = typer.Typer(
    name="campaigns",
    help="Send one message to many, and see what becomes of each.",
    no_args_is_help=True,
    add_completion=False,
)


commands.command()(create)


@commands.command()
def audience(
    campaign_id: Id,
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV, JSON Lines or .xlsx, with a column phone.", exists=True),
    ] = None,
    tag: Annotated[
        str, typer.Option(help="No file: the customers of the number who have this tag.")
    ] = "",
    encoding: Annotated[str, typer.Option(help="Unless UTF-8: such as cp1252.")] = "",
    column_map: Annotated[
        list[str] | None,
        typer.Option("--map", help="A column with another name: phone=Handynummer; repeat it."),
    ] = None,
    json: Json = False,
) -> None:
    """Give a draft its recipients, whole or not at all."""
    _check_source(file, tag, column_map)
    with opened_desk("so nothing was stored") as opened:
        campaign = opened.find(campaign_id)
        if file is None:
            known, home = KnownCustomers(tag), opened.home_of(campaign.number)
            result = store_known(opened.store, opened.bodies, campaign, known, home)
        else:
            form = TableForm(encoding, _read_map(column_map or [], campaign.definition.columns))
            result = _store_file(opened, campaign, file, form, silent=json)
    if result.error:
        raise errors.fail(f"{result.error} Nothing was stored.")
    if result.phase:
        raise too_late(result.phase)
    if json:
        print_json(result.view())
        return
    for line in view.upload_lines(result, campaign_id):
        typer.echo(line)
    if result.recipients:
        errors.errors.print(f"Next: gateway campaigns check {campaign_id}")


def _check_source(file: Path | None, tag: str, column_map: Sequence[str] | None) -> None:
    if bool(file) == bool(tag):
        raise errors.fail("Give a file, or --tag.")
    if tag and column_map:
        raise errors.fail("--map is for the columns of a file.")


def _store_file(
    opened: CampaignDesk, campaign: Campaign, file: Path, form: TableForm, *, silent: bool
) -> UploadResult:
    home = opened.home_of(campaign.number)
    with (
        open_table(file) as source,
        progress_bar(silent=silent) as bar,
        bar.wrap_file(source, file.stat().st_size, description="reading") as watched,
    ):
        return store_file(opened.store, opened.bodies, campaign, watched, form, home)


def _read_map(given: Sequence[str], needed: frozenset[str]) -> dict[str, str]:
    """Return the columns that --map names, or end the command."""
    pairs = (one.partition("=") for one in given)
    reader = FieldReader({name.strip(): column for name, _, column in pairs}, "--map")
    columns = read_column_map(reader, needed)
    if len(columns) < len(given):
        reader.add("", "names one of them twice")
    if reader.errors:
        about = "; ".join(f"{one.pointer} {one.detail}" for one in reader.errors)
        raise errors.fail(f"{about}: write it as --map phone=COLUMN.")
    return columns


@commands.command()
def check(campaign_id: Id, json: Json = False) -> None:
    """Check who would get a draft, who would not and why, and how long it takes."""
    with opened_desk("so nothing was checked") as opened:
        campaign = opened.find(campaign_id)
        if campaign.phase != "draft":
            raise too_late(campaign.phase)
        inputs = opened.check_inputs(campaign)
        with progress_bar(silent=json) as bar:
            task = bar.add_task("checking", total=campaign.recipients)
            found = check_campaign(
                opened.store,
                opened.bodies,
                campaign,
                inputs,
                lambda done: bar.update(task, completed=done),
            )
        template = find_components(inputs, found.samples)
    if json:
        print_json(view_check(found))
    else:
        for line in view.check_lines(found):
            typer.echo(line)
        open_console().print(draw_check(found))
        for frame in draw_samples(found.samples, template):
            open_console().print(frame)
    if found.problems:
        raise typer.Exit(1)
    if found.would_get and not json:
        errors.errors.print(f"Next: gateway campaigns start {campaign_id}")


@commands.command()
def start(campaign_id: Id, yes: Yes = False, json: Json = False) -> None:
    """Start a draft that was checked within the last hour, now or at its time.

    It shows what the check said and asks first; without a terminal it needs --yes.
    """

    def act(opened: CampaignDesk, campaign: Campaign) -> str:
        if campaign.phase == "draft":
            _check_start(opened, campaign, is_agreed=yes)
        return control.start(opened.store, campaign, BY, opened.now())

    _control(campaign_id, act, json)


def _check_start(opened: CampaignDesk, campaign: Campaign, *, is_agreed: bool) -> None:
    """Ask whether a draft is to start as it was checked; end the command where it is not."""
    judge, now = opened.judge(), opened.now()
    if obstacle := find_start_obstacle(campaign, campaign.check_id, judge, opened.accounts, now):
        raise errors.fail(_advise(obstacle, campaign))
    if is_agreed:
        return
    if not _has_terminal():
        raise errors.fail("Look at its check, then start it with --yes: there is no terminal.")
    typer.confirm(view.start_question(campaign), abort=True, err=True)
    if opened.find(campaign.id).check_id != campaign.check_id:
        raise errors.fail(STALE_CHECK)


def _advise(obstacle: str, campaign: Campaign) -> str:
    """Return why a draft cannot start, with the command that mends it."""
    verb = "check" if campaign.recipients else "audience"
    return f"{obstacle} See gateway campaigns {verb} {campaign.id}."


def _has_terminal() -> bool:
    """Say whether an operator can be asked."""
    return sys.stdin.isatty()


@commands.command()
def pause(campaign_id: Id, why: Why = "paused by hand", json: Json = False) -> None:
    """Pause a campaign, with what is queued already."""
    _control(campaign_id, lambda opened, one: control.pause(opened.store, one, BY, why), json)


@commands.command()
def resume(
    campaign_id: Id,
    finish_by: Annotated[str, typer.Option(help="Another end: 2026-12-01T18:00+01:00.")] = "",
    json: Json = False,
) -> None:
    """Let a paused campaign go on."""
    end = read_end(finish_by)

    def act(opened: CampaignDesk, campaign: Campaign) -> str:
        now = opened.now()
        if obstacle := control.find_resume_obstacle(campaign, now, end):
            raise errors.fail(obstacle)
        return control.resume(opened.store, campaign, BY, now, end)

    _control(campaign_id, act, json)


@commands.command()
def cancel(campaign_id: Id, why: Why = "cancelled by hand", json: Json = False) -> None:
    """End a campaign for good: who was not written to yet never is."""
    _control(campaign_id, lambda opened, one: control.cancel(opened.store, one, BY, why), json)


@commands.command("list")
def list_all(json: Json = False) -> None:
    """List campaigns, the newest first."""
    with opened_desk("so nothing can be told") as opened:
        found = campaigns.list_campaigns(opened.store, opened.bodies)
        if json:
            print_json({"campaigns": [view_campaign(one, opened.now()) for one in found]})
        elif found:
            open_console().print(view.list_table(found))
        else:
            typer.echo("There is no campaign: gateway campaigns create makes one.")


@commands.command()
def show(campaign_id: Id, json: Json = False) -> None:
    """Show a campaign: its phase, its funnel, and Meta's codes with advice."""
    with opened_desk("so nothing can be told") as opened:
        _show(opened, campaign_id, json)


@commands.command()
def watch(campaign_id: Id) -> None:
    """Follow a campaign until it ends."""
    with opened_desk("so nothing can be told") as opened:
        view.follow(lambda: opened.find(campaign_id), opened.now)


def _control(campaign_id: str, act: Callable[[CampaignDesk, Campaign], str], json: bool) -> None:
    with opened_desk("so nothing was changed") as opened:
        if obstacle := act(opened, opened.find(campaign_id)):
            raise too_late(obstacle)
        _show(opened, campaign_id, json)


def _show(opened: CampaignDesk, campaign_id: str, json: bool) -> None:
    campaign, now = opened.find(campaign_id), opened.now()
    if json:
        log: list[Mapping[str, Any]] = read_log(opened.store, campaign)
        print_json(view_campaign(campaign, now) | {"log": log})
    else:
        open_console().print(view.render_campaign(campaign, now))


commands.command("test")(send_test)
commands.command()(retry)
commands.command("recipients")(list_recipients)
commands.command()(export)
commands.command("problems")(export_problems)
