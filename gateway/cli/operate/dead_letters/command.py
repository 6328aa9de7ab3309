"""`gateway dead-letters`: the operator lists, redrives and drops sends and events that died."""

from collections import Counter
from contextlib import AbstractContextManager
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.common.accounts import AccountChoice
from gateway.cli.common.options import Json, Reveal, Yes, spread_options
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target, workspace
from gateway.cli.operate.dead_letters import view
from gateway.cli.operate.dead_letters.selection import (
    Dropper,
    LetterOptions,
    Outcomes,
    Redriver,
    act_on_each,
    choose,
    confirm,
    find_letter,
    format_causes,
)
from gateway.core.dead_letters.dead_letter import DeadEvent
from gateway.core.dead_letters.deferred_delivery import DeferredDelivery
from gateway.core.dead_letters.filter import Letter
from gateway.core.formats import pluralize
from gateway.core.text import printable
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters, review_list
from gateway.store.dead_letters.unreadable import read_bytes
from gateway.store.inbox.lookup import TracedInbox
from gateway.store.redis.client import Store

LEFT = {
    "accepted": "Meta had them after all; drop them.",
    "aside": "They wait and are tried again by themselves; add --aside to give them up for good, "
    "without the effect that they should have had.",
    "unconfirmed": "Meta may have had them, so their customers might read them twice; "
    "add --unconfirmed where that is better than not at all.",
    "changed": "They are no longer what they were: somebody was faster, or news came.",
    "too_often": "They were redriven 50 times already; drop them.",
    "textless": "What they said is no longer kept, so it cannot be sent again; drop them.",
    "unopened": "What they said cannot be opened with GATEWAY_ENCRYPTION_KEYS as it is set here; "
    "redrive them where the right key is.",
    "trimmed": "Their deliveries are no longer kept, so nothing can be planned again.",
}

DONE_SO_FAR = "but what was done so far stays done"

Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All there are.")]

commands = typer.Typer(
    name="dead-letters",
    help="List, show, redrive and drop what a person has to look at.",
    no_args_is_help=True,
    add_completion=False,
)


@commands.command("list")
@spread_options
def list_letters(
    filters: LetterOptions,
    limit: Annotated[int, typer.Option(help="Show at most so many.", min=1)] = 50,
    json: Json = False,
) -> None:
    """List dead letters, the newest first."""
    shown: list[Letter] = []
    causes = Counter[str]()
    choice = filters.choose_account()
    with _open_store() as store:
        now = dead_letters.server_time(store)
        wanted = filters.to_filter(now)
        for letter in review_list.iter_letters(store, wanted):
            causes[letter.cause] += 1
            if len(shown) < limit:
                shown.append(letter)
    if json:
        rows = [view.summary_to_dict(one, choice.name_of(one.number)) for one in shown]
        print_json({"dead_letters": rows, "causes": causes})
        return
    if shown:
        open_console().print(
            view.render_table(shown, now, choice.name_of if choice.has_names else None)
        )
    by_cause = f" ({format_causes(causes)})" if causes else ""
    typer.echo(f"{pluralize(causes.total(), 'dead letter')}{by_cause}")


@commands.command()
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.")],
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """Show all that is known of a dead letter, and the body that would be sent again."""
    with _open_store() as store:
        bodies = _bodies()
        letter = find_letter(store, name, bodies)
        # Decrypted if this process has the keys.
        inside = unread = None
        if isinstance(letter, DeferredDelivery):
            inside = TracedInbox(store, bodies).read_content(letter.id)
        elif isinstance(letter, DeadEvent) and letter.cause == "unreadable":
            unread = read_bytes(store, bodies, letter)
        account = AccountChoice.of(target.settings(), "").name_of(letter.number)
        whole = view.letter_to_dict(letter, inside, unread, account=account, reveal=reveal)
    if json:
        print_json(whole)
        return
    facts = Table.grid(padding=(0, 2))
    for label, value in view.iter_lines(whole):
        facts.add_row(Text(label, "dim"), Text(value, overflow="fold"))
    console = open_console()
    console.print(facts)
    for part in (view.render_story(whole), Text(printable(whole.get("trace", "")))):
        console.print(part)
    console.print_json(data=whole["body"], highlight=False)


@commands.command()
@spread_options
def redrive(
    filters: LetterOptions,
    ids: Ids = None,
    every: All = False,
    unconfirmed: Annotated[
        bool, typer.Option("--unconfirmed", help="Also what Meta may have had already.")
    ] = False,
    per_second: Annotated[float, typer.Option(help="How many a second.", min=0.1, max=1000)] = 20,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Send again, or plan again, what died; each once for each time that it died."""
    # The Celery settings are those of the environment, and dev's beat rings within a second.
    rings = workspace.find_running() is None
    with _open_own_store() as store:
        selections = choose(store, ids or (), filters, every=every)
        if selections and not ids and not yes:
            confirm("Redrive", selections)
        act = Redriver(store, _bodies(), unconfirmed=unconfirmed, rings=rings).redrive
        outcomes = act_on_each(selections, act, per_second=per_second, silent=json)
    _report("redriven", outcomes, json=json)


@commands.command()
@spread_options
def drop(
    filters: LetterOptions,
    ids: Ids = None,
    every: All = False,
    aside: Annotated[
        bool, typer.Option("--aside", help="Also what was set aside: it never has its effect then.")
    ] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Take dead letters off the list for good, without sending anything."""
    with _open_own_store() as store:
        selections = choose(store, ids or (), filters, every=every)
        if selections and not ids and not yes:
            confirm("Drop", selections)
        outcomes = act_on_each(selections, Dropper(store, include_deferred=aside).drop, silent=json)
    _report("dropped", outcomes, json=json)


def _open_store() -> AbstractContextManager[Store]:
    return open_store(target.settings().redis_url, DONE_SO_FAR)


def _open_own_store() -> AbstractContextManager[Store]:
    return open_own_store(target.settings(), DONE_SO_FAR)


def _bodies() -> Bodies:
    return Bodies(target.settings().encryption_keys)


def _report(verb: str, outcomes: Outcomes, *, json: bool) -> None:
    """Report the outcome of the letters; exit code 1 if some were left."""
    count = len(outcomes.pop(verb, ()))
    if json:
        print_json({verb: count, "left": outcomes})
    else:
        typer.echo(f"{count:,} {verb}.")
        for outcome, ids in outcomes.items():
            typer.echo(f"{len(ids):,} left. {LEFT[outcome]}")
    if outcomes:
        raise typer.Exit(1)
