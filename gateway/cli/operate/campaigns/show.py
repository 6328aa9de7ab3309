"""How a campaign looks in a terminal: its phase, its funnel, and a screen that follows it."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from gateway.cli.common.output import open_console
from gateway.core.campaigns.checks.check import CampaignCheck
from gateway.core.campaigns.checks.cost import CampaignCost
from gateway.core.campaigns.course import ENDED
from gateway.core.campaigns.recipient_state import CELLS
from gateway.core.campaigns.view import find_advice, is_settling, view_waiting
from gateway.core.formats import pluralize
from gateway.core.planning.campaign_answers import CampaignAnswers
from gateway.core.text import printable
from gateway.store.campaigns.campaigns import Campaign
from gateway.store.campaigns.uploads.upload import UploadResult

EVERY_S = 0.5
_TONES = {"failed": "red", "unconfirmed": "yellow", "delivered": "green", "read": "green"}
_WAITS = {
    "start": "its start",
    "first_batch": "the first batch",
    "quiet_hours": "the end of quiet hours",
    "retries": "messages that Meta refused for a while, to send them again",
    "template": "its template, which Meta has stopped",
    "reach": "reach: Meta lets it begin no more conversations now",
    "number_paused": "its number, which is paused",
    "number_held": "its number, which an operator holds",
    "number_rests": "its number, which Meta lets rest",
}
_UNFIT = {
    "too_long": "have a value that is too long for the template, which Meta refuses",
    "other": "have a message that does not fit the template, which Meta refuses",
}
_PHASES = {"running": "green", "paused": "yellow", "completed": "bold green"}


def render_campaign(campaign: Campaign, now: datetime) -> RenderableType:
    """Return a campaign with its progress and its funnel."""
    head = Text.assemble(
        (printable(campaign.definition.name), "bold"),
        f"  {campaign.id}  from {campaign.number}  ",
        (campaign.phase, _PHASES.get(campaign.phase, "")),
    )
    lines: list[RenderableType] = [head]
    if campaign.why:
        lines.append(Text(f"by {printable(campaign.by)}: {printable(campaign.why)}"))
    if waiting := view_waiting(campaign.standing, now):
        at = waiting["until"]
        until = f" until {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
        lines.append(Text(f"waits for {_WAITS[waiting['reason']]}{until}"))
    if is_settling(campaign.phase, campaign.changed_at, campaign.funnel, now):
        lines.append(Text("statuses may still come"))
    return Group(*lines, _progress(campaign), _funnel(campaign), *_answers(campaign.answers))


def follow(read: Callable[[], Campaign], clock: Callable[[], datetime]) -> Campaign:
    """Show a campaign until it ends, in a screen that is drawn anew twice a second."""
    console = open_console()
    campaign = read()
    with Live(render_campaign(campaign, clock()), console=console, auto_refresh=False) as live:
        while True:
            live.update(render_campaign(campaign, clock()), refresh=True)
            if campaign.phase in ENDED and not campaign.funnel.pending:
                break
            time.sleep(EVERY_S)
            campaign = read()
    if not console.is_terminal:
        console.line()  # where nothing is drawn anew, the last line has no end
    return campaign


def list_table(found: list[Campaign]) -> Table:
    """Return a table of campaigns; in a narrow terminal all but names and moments are whole."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("name", overflow="fold")
    for title in ("phase", "written to", "failed", "replied"):
        table.add_column(title, no_wrap=True)
    table.add_column("created", min_width=10)
    for one in found:
        table.add_row(
            one.id,
            printable(one.definition.name),
            Text(one.phase, _PHASES.get(one.phase, "")),
            f"{one.funnel.written_count:,} of {one.recipients:,}",
            f"{one.funnel.of('failed'):,}",
            f"{one.answers.replied:,}",
            f"{one.created_at:%Y-%m-%d %H:%M}",
        )
    return table


def upload_lines(result: UploadResult, campaign_id: str) -> Iterator[str]:
    """Yield what a file held, in sentences."""
    reader = result.reader
    yield f"{pluralize(result.recipients, 'recipient')} from {pluralize(reader.rows, 'row')}."
    for cause, count in sorted(reader.skipped.items()):
        yield f"{count:,} left out: {cause}."
    if reader.repaired:
        numbers = pluralize(reader.repaired, "number")
        yield f"{numbers} lost the decimal point that a spreadsheet gave."
    for one in reader.problems[:10]:
        yield f"  line {one.line}: {one.detail}"
    if (more := sum(reader.skipped.values()) - 10) > 0:
        yield f"  and {more:,} more: gateway campaigns problems {campaign_id}"


def check_lines(check: CampaignCheck) -> Iterator[str]:
    """Yield what a check found, in sentences."""
    yield f"{check.would_get:,} of {pluralize(check.recipients, 'recipient')} would get it."
    for count, reason in (
        (check.opted_out, "want no marketing"),
        (check.window_closed, "have not written for 24 hours, and the message is no template"),
        (check.empty, "have an empty value that the message needs"),
        (check.not_needed, "have the message of the campaign before after all"),
    ):
        if count:
            yield f"{count:,} {_agree(count, reason)}."
    for unfit in check.unfit:
        rows = ", ".join(map(str, unfit.rows)) + (", …" if unfit.count > len(unfit.rows) else "")
        what = _agree(unfit.count, _UNFIT[unfit.cause])
        yield f"{unfit.count:,} {what}: {_agree(unfit.count, 'recipients')} {rows} of the export."
    if check.unreachable:
        what = "they are" if check.skips_unreachable else "with --skip-unreachable they are"
        yield (
            f"{check.unreachable:,} could not be reached within 30 days (code 131026): {what} "
            "left out."
        )
    yield f"It takes {_duration(check.takes)}."
    yield from _reach_lines(check)
    yield _cost_line(check.cost)
    for warning in check.warnings:
        yield f"Warning: {warning}"
    for one in check.problems:
        yield f"Meta would refuse it: {one.pointer} {one.detail}"


def _agree(count: int, words: str) -> str:
    """Return words about several so that they fit the count."""
    if count != 1:
        return words
    first, _, rest = words.partition(" ")
    one = {"have": "has", "want": "wants", "recipients": "recipient"}[first]
    return f"{one} {rest}".rstrip()


def start_question(campaign: Campaign) -> str:
    """Ask whether a draft is to start, with what its last check said."""
    name, takes, at = printable(campaign.definition.name), campaign.takes, campaign.checked_at
    who = pluralize(campaign.recipients, "recipient")
    if campaign.would_get is not None:
        who = f"{campaign.would_get:,} of {who} would get it"
    when = f" by the check of {at:%H:%M} UTC" if at else ""
    return f"{name}: {who}{when}, and it takes {_duration(takes)}. Start it?"


def _reach_lines(check: CampaignCheck) -> Iterator[str]:
    """Say how far Meta's limit reaches for those outside their window."""
    reach = check.reach
    if not check.outreach or (reach and not reach.is_limited):
        return
    if reach is None:
        yield "Meta does not say how many customers a day the number may reach."
        return
    days = reach.days_for(check.outreach)
    lasts = f": {pluralize(days, 'day')}" if days else ""
    yield f"Reach {reach.limit:,} a day, {reach.used:,} used{lasts}."


def _cost_line(cost: CampaignCost) -> str:
    if not (count := sum(cost.countries.values())):
        return "It costs nothing."
    if cost.unpriced == count:
        reason = "GATEWAY_PRICES has no price of it" if cost.category else "no category is known"
        return f"What it costs is not known: {reason}."
    rest = f", and {cost.unpriced:,} recipients whose price is not known" if cost.unpriced else ""
    return f"It costs {cost.amount:,f} {cost.currency} by the prices of {cost.prices_of}{rest}."


def _duration(takes: timedelta) -> str:
    """Return it in whole seconds, rounded up."""
    return str(max(timedelta(seconds=1), -(-takes // timedelta(seconds=1)) * timedelta(seconds=1)))


def _progress(campaign: Campaign) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    progress = Progress(*columns)
    done = campaign.recipients - campaign.funnel.pending
    progress.add_task("done", total=campaign.recipients, completed=done)
    return progress


def _funnel(campaign: Campaign) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    for cell in CELLS:
        if count := campaign.funnel.cells.get(cell):
            table.add_row(f"{count:,}", Text(cell, _TONES.get(cell, "")))
    for cause, count in sorted(campaign.funnel.skipped.items()):
        table.add_row(f"{count:,}", f"left out: {cause}")
    for code, count in sorted(campaign.funnel.codes.items()):
        if advice := find_advice(code):
            table.add_row(f"{count:,}", f"code {code}: {advice}")
    table.add_row(f"{campaign.funnel.total:,}", Text("in all", "bold"))
    return table


def _answers(answers: CampaignAnswers) -> Iterator[RenderableType]:
    """Yield who answered, beside the funnel; nothing before somebody does."""
    words = {"replied": "replied", "tapped": "tapped a button", "opted_out": "opted out after it"}
    counts = {said: getattr(answers, kind) for kind, said in words.items()}
    if not any(counts.values()):
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    for said, count in counts.items():
        table.add_row(f"{count:,}", Text(said, "cyan"))
    for title, count in sorted(answers.buttons.items()):
        table.add_row(f"{count:,}", f"tapped {printable(title)} first")
    yield table
