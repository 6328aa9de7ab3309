"""Commands that send a campaign's message once more: to one number, or to those who failed."""

from typing import Annotated

import typer

from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.operate.campaigns.creation import refuse
from gateway.cli.operate.campaigns.desk import opened_desk
from gateway.cli.operate.messages.send import accept_message, check_templates
from gateway.core.api.message_request import MessageRequest, read_request
from gateway.core.campaigns.definition import trial_fields
from gateway.core.campaigns.retry_source import SCOPES
from gateway.store.campaigns.audience import read_first
from gateway.store.campaigns.drafts import TOO_MANY, TooManyCampaignsError
from gateway.store.campaigns.uploads.repetition import (
    WARNING,
    find_obstacle,
    repeat_campaign,
    warn_of_left_out,
)
from gateway.store.campaigns.view import view_campaign
from gateway.web.api.messages.sending import view_accepted

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the campaign.")]


def send_test(
    campaign_id: Id,
    to: Annotated[str, typer.Argument(metavar="NUMBER", help="Who gets it: +351912345678.")],
    json: Json = False,
) -> None:
    """Send the message to one number, with the values of the first recipient."""
    with opened_desk("so nothing was sent") as desk:
        campaign = desk.find(campaign_id)
        first = read_first(desk.store, desk.bodies, campaign)
    if first is None:
        raise errors.fail(f"It has no audience: gateway campaigns audience {campaign_id} FILE")
    fields = trial_fields(campaign.definition, campaign.number, to, first.values)
    if fields is None:
        raise errors.fail("The first recipient lacks a value that the message needs.")
    request = read_request(fields, desk.accounts.country_of(campaign.number))
    if not isinstance(request, MessageRequest):
        raise refuse(request)
    check_templates(desk.settings, desk.accounts, fields, request)
    _, accepted = accept_message(desk.settings, desk.accounts, request)
    if json:
        print_json(view_accepted(accepted))
    else:
        typer.echo(f"{accepted.id} is {view_accepted(accepted)['status']}.")
        errors.errors.print(f"What becomes of it: gateway trace {accepted.id}")


def retry(
    campaign_id: Id,
    scope: Annotated[
        str, typer.Option(help="For the failed, expired, cancelled or unconfirmed.")
    ] = "failed",
    code: Annotated[
        list[int] | None, typer.Option(help="Only failures with this code; may be repeated.")
    ] = None,
    accept_duplicates: Annotated[
        bool,
        typer.Option("--accept-duplicates", help="With the unconfirmed: some may get it twice."),
    ] = False,
    json: Json = False,
) -> None:
    """Make a draft for those whom an ended campaign did not reach."""
    wanted = next((one for one in SCOPES if one == scope), None)
    if wanted is None or (code and wanted != "failed"):
        raise errors.fail(
            f"--scope is {', '.join(SCOPES[:-1])} or {SCOPES[-1]}, and --code is for the failed."
        )
    if wanted == "unconfirmed" and not accept_duplicates:
        raise errors.fail(f"{WARNING}. If that is better, add --accept-duplicates.")
    with opened_desk("so no campaign was made") as desk:
        campaign = desk.find(campaign_id)
        if obstacle := find_obstacle(campaign, wanted, code or ()):
            raise errors.fail(obstacle)
        zone = desk.home_of(campaign.number).zone
        try:
            again = repeat_campaign(desk.store, desk.bodies, campaign, wanted, code or (), zone)
        except TooManyCampaignsError:
            raise errors.fail(TOO_MANY) from None
        draft, now = desk.find(again), desk.now()
    if json:
        print_json(view_campaign(draft, now))
        return
    typer.echo(again)
    warning = WARNING if wanted == "unconfirmed" else warn_of_left_out(campaign, wanted, code or ())
    if warning:
        errors.errors.print(f"[yellow]{warning}.[/]")
    errors.errors.print(f"{draft.recipients:,} recipients. Next: gateway campaigns check {again}")
