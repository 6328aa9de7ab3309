"""`gateway rules explain`: which rule answers an event, and why the others do not."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import load_or_end, zone_of_rules
from gateway.cli.common.delivery_source import CaptureFiles, Item
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.common.store import open_store
from gateway.cli.develop.rules.diff import mask_message
from gateway.cli.develop.rules.paths import console, resolve_rules_path
from gateway.cli.local import target
from gateway.core.formats import format_time
from gateway.core.text import printable
from gateway.core.webhook.parser import split
from gateway.rules.explain import format_explanations
from gateway.rules.loader import SUFFIXES, load
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.explanation import EventExplanation, explain_next
from gateway.rules.testing.planner import EventPlanner
from gateway.rules.testing.runner import campaign_message
from gateway.rules.testing.simulated_customer import SimulatedCustomer
from gateway.rules.testing.testcase import parse_moment
from gateway.store.body_codec import Bodies
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.stored_event import find_stored_event
from gateway.store.tracing.traces import Traces

STYLES = {"✓": "green", "~": "yellow", "✗": "dim"}
NOT_FOUND = 1
MADE_UP_NUMBER, MADE_UP_CUSTOMER = "100000000000001", "351900000001"


What = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE|WAMID|RULES",
        help="A captured delivery, or a message's id; beside --text the rules.",
        show_default=False,
    ),
]
MadeUpText = Annotated[
    str | None,
    typer.Option(
        "--text",
        help="Instead: what a made-up customer writes, now or --at, for the first time.",
        show_default=False,
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="'DAY TIME [ZONE]'",
        help="With --text: when it is written, such as '2026-11-30 20:15'; without a zone by "
        "the clock of the opening hours.",
        show_default=False,
    ),
]
Campaign = Annotated[
    str | None,
    typer.Option(
        "--campaign",
        metavar="NAME",
        help="With --text: the campaign whose message they got an hour before.",
        show_default=False,
    ),
]
Rules = Annotated[
    Path | None, typer.Option("--rules", help="Other rules than those in use.", show_default=False)
]
Everything = Annotated[
    bool, typer.Option("--all", help="Tell of every rule, also of those far from fitting.")
]
Reveal = Annotated[bool, typer.Option(help="Show texts and phone numbers.")]


def explain_event(
    what: What = None,
    text: MadeUpText = None,
    at: At = None,
    campaign: Campaign = None,
    rules: Rules = None,
    everything: Everything = False,
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """Tell which rule answers an event, which nearly do, and on which condition each fails.

    Of a file, what is known of a customer is worked out from the file alone; of a message it is
    what was known before it, but for tags and variables, which are those of now. A made-up text
    needs neither: `gateway rules explain rules/ --text "hi"`.
    """
    if text is None:
        if at is not None or campaign is not None:
            raise errors.fail(
                "--at says when the text of --text is written, and --campaign what it answers; "
                "name --text as well."
            )
        explanations = _explain_given(what, rules)
    else:
        explanations = [_explain_text(text, at, campaign, _rules_beside_text(what, rules))]
    masking = Masking(reveal or text is not None)
    if json:
        report = [_to_dict(one, masking) for one in explanations]
        print_json(report)
        return
    out = console()
    for one in explanations:
        for line in _lines(one, masking, everything=everything):
            out.print(line)


def _explain_given(what: str | None, rules: Path | None) -> Iterable[EventExplanation]:
    if what is None:
        raise errors.fail("Name a file, a message's id, or a text with --text: one of the three.")
    is_id = what.startswith("wamid.")
    return _explain_stored(what, rules) if is_id else _explain_file(what, rules)


def _rules_beside_text(what: str | None, rules: Path | None) -> Path | None:
    """Return the rules that explain a text, by either way to name them."""
    if what is None:
        return rules
    if rules is not None:
        raise errors.fail(f"Beside --text, {what} would name the rules, and --rules does already.")
    if not Path(what).exists():
        raise errors.fail(f"Beside --text only rules can be named, and {what} does not exist.")
    return Path(what)


def _explain_text(
    text: str, at: str | None, campaign: str | None, rules: Path | None
) -> EventExplanation:
    with errors.exit_on_config_error():
        path_of_rules = resolve_rules_path(rules)
        rulebook = load(path_of_rules, zone=zone_of_rules(path_of_rules))
    now = _parse_at(at, rulebook) if at else datetime.now(UTC)
    (event,) = SimulatedCustomer(MADE_UP_NUMBER, MADE_UP_CUSTOMER).text(now, text)
    planner = EventPlanner(rulebook)
    if campaign:
        planner.remember_campaign(campaign_message(campaign, now))
    return explain_next(planner, rulebook, event, now)


def _parse_at(at: str, rulebook: Rulebook) -> datetime:
    zones = {hours.zone for hours in rulebook.hours.values()}
    try:
        return parse_moment(at, zones.pop() if len(zones) == 1 else "UTC").astimezone(UTC)
    except ValueError as error:
        raise errors.fail(f"--at {error}.") from None


def _explain_file(what: str, rules: Path | None) -> Iterable[EventExplanation]:
    path = Path(what)
    if not path.exists():
        raise errors.fail(f"{what} is no file, and no message's id, which begins with wamid.")
    is_folder_of_rules = any(path.glob("*.y*ml")) and not any(path.glob("*json*"))
    if path.suffix in SUFFIXES or is_folder_of_rules:
        raise errors.fail(
            f"{what} holds rules, and no deliveries: name what they are to explain, "
            f"as in `gateway rules explain {what} --text hi`, or a delivery and --rules {what}."
        )
    with errors.exit_on_config_error():
        path_of_rules = resolve_rules_path(rules)
        rulebook = load(path_of_rules, zone=zone_of_rules(path_of_rules))
    return list(_explain_deliveries(CaptureFiles([Path(what)]), rulebook))


def _explain_deliveries(
    deliveries: Iterable[Item], rulebook: Rulebook
) -> Iterator[EventExplanation]:
    folding = EventPlanner(rulebook)
    for item in deliveries:
        for event in split(item.delivery):
            now = item.delivery.received_at if item.is_timed else event.at
            yield explain_next(folding, rulebook, event, now)


def _explain_stored(wamid: str, rules: Path | None) -> Iterable[EventExplanation]:
    if not re.fullmatch(r"wamid\.[!-~]{1,250}", wamid):
        raise errors.fail("A message's id has no spaces and at most 256 characters.")
    given = target.settings()
    with open_store(given.redis_url, "so nothing can be told") as store:
        traces = Traces(store, Bodies(given.encryption_keys))
        stored_event = find_stored_event(store, traces, wamid)
    if stored_event is None:
        errors.errors.print(f"Nothing is known of {wamid}, or its delivery is no longer kept.")
        raise typer.Exit(NOT_FOUND)
    owner = load_or_end(given).owner_of(stored_event.event.number)
    with errors.exit_on_config_error():
        path = rules or (owner.rules if owner else given.gateway_rules)
        zone = owner.time_zone if owner else ""
        rulebook = load(path, zone=zone_of_rules(path) or zone)
    why = stored_event.explain(rulebook)
    fired = tuple(one.rule for one in why if one.fired)
    notes = stored_event.describe_change(fired, rulebook.version)
    return [EventExplanation(stored_event.event, why, notes=notes)]


def _to_dict(explanation: EventExplanation, masking: Masking) -> dict[str, Any]:
    return {
        "at": explanation.event.at.isoformat(),
        "event": masking.event(explanation.event),
        "data": masking.fields(explanation.event),
        "rules": [
            {"rule": one.rule, "fired": one.fired, "near": one.is_near_miss, "why": one.reason}
            for one in explanation.why
        ],
        "said": [mask_message(message, masking) for message in explanation.messages],
        "notes": explanation.notes,
    }


def _lines(explanation: EventExplanation, masking: Masking, *, everything: bool) -> Iterator[Text]:
    yield Text(
        f"{format_time(explanation.event.at)}  {printable(masking.event(explanation.event))}",
        "bold",
    )
    for name, value in masking.fields(explanation.event).items():
        yield Text(f"  {name}: {printable(value)}", "dim")
    lines = map(str, explanation.why) if everything else format_explanations(explanation.why)
    for line in lines:
        yield Text(f"  {line}", STYLES.get(line[:1], ""))
    for message in explanation.messages:
        yield Text(f"  → {mask_message(message, masking)}")
    for note in explanation.notes:
        yield Text(f"  ({note})", "yellow")
