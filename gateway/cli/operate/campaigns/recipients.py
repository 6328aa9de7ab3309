"""Commands that say what became of each recipient of a campaign, and of each row of its file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from gateway.cli.common import errors
from gateway.cli.common.options import Json, selector
from gateway.cli.common.output import open_console, print_json, write_parts
from gateway.cli.operate.campaigns.desk import CampaignDesk, opened_desk
from gateway.core.campaigns.recipient_state import CELLS, MOST_CODE, CampaignRecipient
from gateway.core.campaigns.view import view_recipient
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.recipients.export import iter_export
from gateway.store.campaigns.recipients.page import RecipientFilter, read_recipient_page
from gateway.store.campaigns.uploads.problems import iter_problem_lines

AT_ONCE = 200
LISTED, MOST_LISTED = 200, 10_000
Out = Annotated[Path | None, typer.Option(help="File to write; unset: the output.")]
Excel = Annotated[bool, typer.Option("--excel", help="With a byte order mark and semicolons.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the campaign.")]


def list_recipients(
    campaign_id: Id,
    status: Annotated[
        list[str] | None, selector("In this cell of the funnel, such as failed; may be repeated.")
    ] = None,
    code: Annotated[int | None, selector("Who failed with this code of Meta's.", least=1)] = None,
    limit: Annotated[int, selector("So many at most, the first.", least=1)] = LISTED,
    json: Json = False,
) -> None:
    """List recipients, what became of each, and the id of the message for `gateway trace`."""
    wanted = RecipientFilter(frozenset(status or ()), code or 0)
    if strange := sorted(wanted.cells - frozenset(CELLS)):
        raise errors.fail(f"{strange[0]} is no cell: write one of {', '.join(CELLS)}.")
    if wanted.code > MOST_CODE or limit > MOST_LISTED:
        raise errors.fail(f"--code is a code of Meta's, and --limit {MOST_LISTED:,} at most.")
    with opened_desk("so nothing can be told") as desk:
        found, has_more = _collect(desk, desk.find(campaign_id), wanted, limit)
    if json:
        print_json({"recipients": [view_recipient(one) for one in found], "more": has_more})
    elif found:
        open_console().print(render_recipients(found))
    else:
        typer.echo("There is no such recipient.")
    if has_more:
        errors.errors.print(
            f"There are more: --limit shows up to {MOST_LISTED:,}, "
            f"and gateway campaigns export {campaign_id} all."
        )


def export(campaign_id: Id, out: Out = None, excel: Excel = False) -> None:
    """Export what became of each recipient, with Meta's code and advice, as CSV."""
    with opened_desk("so nothing was exported") as desk:
        campaign = desk.find(campaign_id)
        write_parts(iter_export(desk.store, desk.bodies, campaign, for_excel=excel), out)


def export_problems(campaign_id: Id, out: Out = None, excel: Excel = False) -> None:
    """Export the rows of the audience's file that were left out, and why, as CSV."""
    with opened_desk("so nothing was exported") as desk:
        campaign = desk.find(campaign_id)
        write_parts(iter_problem_lines(desk.store, desk.bodies, campaign, for_excel=excel), out)


def _collect(
    desk: CampaignDesk, campaign: Campaign, wanted: RecipientFilter, limit: int
) -> tuple[Sequence[CampaignRecipient], bool]:
    """Return the first recipients that are wanted, and whether there may be more."""
    found: list[CampaignRecipient] = []
    row: int | None = 0
    while row is not None and len(found) < limit:
        left = min(AT_ONCE, limit - len(found))
        page = read_recipient_page(desk.store, desk.bodies, campaign, wanted, row, left)
        found += page.recipients
        row = page.next_row
    return found, row is not None


def render_recipients(found: Sequence[CampaignRecipient]) -> Table:
    """Return a table with what the API shows of each."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("phone", "status", "code"):
        table.add_column(title, no_wrap=True)
    for title in ("advice", "answers"):
        table.add_column(title)
    table.add_column("message", overflow="fold")  # in a narrow terminal on two lines, but whole
    for one in map(view_recipient, found):
        cells = (
            one["phone"] or one["user_id"],
            *(one[name] for name in ("status", "code", "advice")),
        )
        answers = ", ".join(one["answers"])
        table.add_row(*(str(cell or "") for cell in (*cells, answers, one["message"])))
    return table
