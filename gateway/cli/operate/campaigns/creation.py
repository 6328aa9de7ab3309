"""`gateway campaigns create`: its options become the fields of the API, and those a draft."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter

from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.operate.campaigns.desk import CampaignDesk, opened_desk
from gateway.config.types import Duration
from gateway.core.api.field_errors import FieldError, FieldReader
from gateway.core.api.message_request import read_moment
from gateway.core.campaigns.definition import Definition, check_times, read_definition
from gateway.core.forwards.receiver import RECEIVER_NAME
from gateway.store.campaigns.drafts import TOO_MANY, TooManyCampaignsError, create_campaign
from gateway.store.campaigns.view import view_campaign

Name = Annotated[str, typer.Argument(help="Name of the campaign.")]
Template = Annotated[str, typer.Option(help="Name of a template.")]
Language = Annotated[str, typer.Option(help="Language of the template.")]
Params = Annotated[
    list[str] | None,
    typer.Option(help="A value of the template, such as {{ first_name }}; may be repeated."),
]
Words = Annotated[str, typer.Option(help="A text, for people who have just written.")]
Pace = Annotated[str, typer.Option(help="Messages: 50/s, 100/m or 2000/h.")]
StartAt = Annotated[str, typer.Option(help="When: 2026-12-01T09:00+01:00.")]
FinishBy = Annotated[str, typer.Option(help="Until when; a day more than it takes.")]
Quiet = Annotated[str, typer.Option(help="When nobody is written to by their clock: 21:00-08:00.")]
First = Annotated[
    str,
    typer.Option(help="How many go first, and for how long it then waits: 200/15m; 0 for none."),
]
Notify = Annotated[
    list[str] | None,
    typer.Option(help="Where its end is reported: post, a forward such as crm, or +351900000099."),
]
NotifyTemplate = Annotated[
    str, typer.Option(help="Template for that phone: done, or done:{{ campaign }}.")
]
Stop = Annotated[
    list[str] | None,
    typer.Option(help="A stop rule, such as opted_out=5 or quality=no; may be repeated."),
]
SkipUnreachable = Annotated[
    bool,
    typer.Option("--skip-unreachable", help="Leave out whom Meta could not reach in 30 days."),
]
WhenClosed = Annotated[
    str, typer.Option(help="What becomes of a text whose window is closed: fail or drop.")
]
NoMarketing = Annotated[
    bool,
    typer.Option("--no-marketing", help="It is none: who wants no marketing gets it too."),
]
Number = Annotated[str, typer.Option("--from", help="Phone number id to send from.")]

# What the API calls otherwise than the command.
_OPTIONS = {
    "": "the message", "from": "--from", "start_at": "--start-at", "finish_by": "--finish-by",
    "pace": "--pace", "first/size": "--first", "when_closed": "--when-closed",
    "notify/to": "--notify", "notify/forward": "--notify", "notify/template": "--notify-template",
}  # fmt: skip
_DURATION: TypeAdapter[Duration] = TypeAdapter(Duration)
_FIRST = "--first takes how many go first, and how long it then waits, a day at most: 200/15m."
_QUIET = "--quiet takes two different times of a recipient's clock, such as 21:00-08:00."


def create(
    name: Name,
    template: Template = "",
    language: Language = "en",
    param: Params = None,
    text: Words = "",
    pace: Pace = "50/s",
    start_at: StartAt = "",
    finish_by: FinishBy = "",
    quiet: Quiet = "",
    first: First = "",
    notify: Notify = None,
    notify_template: NotifyTemplate = "",
    stop: Stop = None,
    skip_unreachable: SkipUnreachable = False,
    when_closed: WhenClosed = "",
    no_marketing: NoMarketing = False,
    number: Number = "",
    json: Json = False,
) -> None:
    """Make a draft. It needs an audience and a check before it starts."""
    message = read_message(template, language, param or (), text)
    fields = {"name": name, "pace": pace, "marketing": not no_marketing, **message}
    optional = {
        "start_at": start_at, "finish_by": finish_by, "quiet_hours": read_quiet(quiet),
        "first": read_first(first), "when_closed": when_closed,
        "notify": read_notify(notify or (), notify_template, language),
        "stop": read_stop(stop or ()), "skip_unreachable": skip_unreachable, "from": number,
    }  # fmt: skip
    definition = read_definition(fields | {key: value for key, value in optional.items() if value})
    if isinstance(definition, list):
        raise refuse(definition)
    _make(definition, json)


def _make(definition: Definition, json: bool) -> None:
    """Store a draft, and print its id."""
    with opened_desk("so no campaign was made") as opened:
        id_ = _store_draft(opened, definition)
        if json:
            print_json(view_campaign(opened.find(id_), opened.now()))
        else:
            typer.echo(id_)
            errors.errors.print(f"Next: gateway campaigns audience {id_} FILE.csv")


def _store_draft(opened: CampaignDesk, definition: Definition) -> str:
    """Store a draft and return its id, or end the command."""
    if wrong := check_times(definition, opened.now()):
        raise refuse(wrong)
    number = opened.number_of(definition)
    try:
        return create_campaign(opened.store, opened.bodies, number, definition)
    except TooManyCampaignsError:
        raise errors.fail(TOO_MANY) from None


def read_message(template: str, language: str, params: Sequence[str], text: str) -> dict[str, Any]:
    """Return what a campaign sends, in the form of the API, or end the command."""
    if bool(template) == bool(text):
        raise errors.fail("A campaign needs one of --template and --text.")
    if params and not template:
        raise errors.fail("--param is a value of a --template; a --text has {{ column }} in it.")
    if text:
        return {"text": text}
    return {"template": {"name": template, "language": language, "params": list(params)}}


def read_quiet(hours: str) -> dict[str, str]:
    """Return quiet hours in the form of the API, or end the command."""
    start, _, end = (part.strip() for part in hours.partition("-"))
    if bool(start) != bool(end):
        raise errors.fail(_QUIET)
    return {"from": start, "to": end} if hours else {}


def read_first(batch: str) -> dict[str, int]:
    """Return the first batch in the form of the API, or end the command."""
    size, has_wait, wait = (part.strip() for part in batch.partition("/"))
    if not batch:
        return {}
    try:
        first = {"size": int(size)}
        if has_wait:
            first["wait"] = int(_DURATION.validate_python(wait).total_seconds())
    except ValueError:
        raise errors.fail(_FIRST) from None
    return first


def read_end(finish_by: str) -> datetime | None:
    """Return the moment of an option, None for "", or end the command."""
    reader = FieldReader({"finish_by": finish_by or None})
    end = read_moment(reader, "finish_by")
    if reader.errors:
        raise refuse(reader.errors)
    return end


def read_notify(places: Sequence[str], template: str, language: str) -> dict[str, Any]:
    """Return where a campaign's end is reported, in the form of the API, or end the command."""
    name, *values = template.split(":")
    receivers = [one for one in places if RECEIVER_NAME.fullmatch(one) and one != "post"]
    phones = [one for one in places if one not in ("post", *receivers)]
    if len(phones) > 1 or len(receivers) > 1:
        raise errors.fail("--notify takes post, one receiver of forwards, and one phone.")
    if bool(phones) != bool(name):
        raise errors.fail("--notify-template names the template that the phone of --notify gets.")
    form: dict[str, Any] = {"post": True} if "post" in places else {}
    if receivers:
        form["forward"] = receivers[0]
    if phones:
        params = [one.strip() for one in values]
        staff = {"name": name, "language": language, "params": params}
        form |= {"to": phones[0], "template": staff}
    return form


def read_stop(rules: Sequence[str]) -> dict[str, Any]:
    """Return stop rules in the form of the API, or end the command; what they hold it refuses."""
    form: dict[str, Any] = {}
    words: dict[str, Any] = {"yes": True, "no": False}
    for rule in rules:
        name, is_named, value = (part.strip() for part in rule.partition("="))
        if not is_named:
            raise errors.fail(f"--stop takes a rule and its value, such as opted_out=3, not {rule}")
        form[name] = words.get(value, int(value) if value.isdecimal() else value)
    return form


def refuse(wrong: Sequence[FieldError]) -> typer.Exit:
    """Print everything that is wrong with a campaign, by the options that say it."""
    return errors.fail("; ".join(map(_say, wrong)))


def _say(one: FieldError) -> str:
    place = one.pointer.removeprefix("#").removeprefix("/")
    if place == "quiet_hours":
        return _QUIET
    if place == "first/wait":
        return _FIRST
    if place.startswith("stop/"):
        return f"--stop {place.removeprefix('stop/')} {one.detail}"
    return f"{_OPTIONS.get(place, place)} {one.detail}"
