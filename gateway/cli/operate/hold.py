"""`gateway hold`: the operator stops sending; deliveries are still stored and planned."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import load_if_usable
from gateway.cli.common.formats import pluralize
from gateway.cli.common.options import Json, Number, Yes, selector
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store
from gateway.cli.local import target
from gateway.config.settings import Settings
from gateway.core.sending.pauses import NumberPauses
from gateway.core.text import suggestion_for
from gateway.rules.loader import load
from gateway.rules.problems import RulebookError
from gateway.store import number_list
from gateway.store.redis.client import Store
from gateway.store.sending import pauses

Rule = Annotated[str, selector("Only what this rule says.")]


@contextmanager
def open_numbers(number: str, rule: str) -> Iterator[tuple[Store, list[str]]]:
    """Yield the store and the selected numbers; end with a sentence if the store is unavailable."""
    settings = target.settings()
    if rule:
        _check_rule(settings, rule)
    with open_own_store(settings) as store:
        yield store, _select_numbers(store, settings, number)


def show(store: Store, numbers: Sequence[str], *, json: bool) -> None:
    """Print the reasons why each number does not send."""
    by_number = pauses.pauses_by_number(store, numbers)
    if json:
        shown = {number: pauses_to_dict(one) for number, one in by_number.items()}
        print_json(shown)
        return
    table = Table("number", "does it send?")
    for number, state in by_number.items():
        reasons = "\n".join(state.sentences())
        is_stopped = state.pause or any(not one.rule for one in state.holds)
        answer = Text("no: " if is_stopped else "yes, but: ", "yellow") + Text(reasons)
        table.add_row(number, answer if reasons else Text("yes", "green"))
    open_console().print(table)


def pauses_to_dict(state: NumberPauses) -> dict[str, Any]:
    """Return the pauses of a number in JSON form."""
    pause = state.pause
    return {
        "paused": {"since": pause.since, "probe_at": pause.probe_at, **pause.error}
        if pause
        else None,
        "held": [{"rule": one.rule, "since": one.since, "why": one.why} for one in state.holds],
    }


def _select_numbers(store: Store, settings: Settings, number: str) -> list[str]:
    """Return the selected numbers; one that has not sent yet may be held as well."""
    listed = (one.id for account in load_if_usable(settings) or () for one in account.numbers)
    known = {*number_list.numbers_at_meta(store), *listed} - {""}
    if number and number not in known:
        raise errors.fail(f"{number} is none of our numbers; {suggestion_for(number, known)}")
    numbers = [number] if number else sorted(known)
    for one in numbers:
        number_list.add_number(store, one)
    return numbers


def _check_rule(settings: Settings, rule: str) -> None:
    try:
        names = [one.name for one in load(settings.gateway_rules).rules]
    except RulebookError:
        return  # the rules are elsewhere or broken, which must not prevent holding one
    if rule not in names:
        raise errors.fail(f"There is no rule of this name; {suggestion_for(rule, names)}")


def hold(
    number: Number = "",
    rule: Rule = "",
    why: Annotated[str, typer.Option(help="What the others are told who look at it.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop sending, within two seconds: all of it, one number, or what one rule says.

    What is in flight ends; nothing that waits is lost, but it expires at its time.
    """
    with open_numbers(number, rule) as (store, numbers):
        if not (number or rule or yes):
            question = f"Stop everything that {pluralize(len(numbers), 'number')} would send?"
            typer.confirm(question, abort=True, err=True)
        full = pauses.hold(store, numbers, rule, why)
        if full:
            raise errors.fail(
                f"So much is held of {', '.join(full)} that nothing more may be: release rules, "
                "or hold the whole number with `gateway hold --number`."
            )
        show(store, numbers, json=json)


def release(number: Number = "", rule: Rule = "", json: Json = False) -> None:
    """Let what was held go on: the numbers, one of them, or what one rule says.

    A rule that is held by its own name is released by its own name.
    """
    with open_numbers(number, rule) as (store, numbers):
        if not pauses.release(store, numbers, rule):
            holds = [
                one
                for state in pauses.pauses_by_number(store, numbers).values()
                for one in state.holds
            ]
            names = ", ".join(sorted({one.rule or "all of a number" for one in holds}))
            raise errors.fail(f"That is not held. Held: {names or 'nothing'}.")
        show(store, numbers, json=json)
        typer.echo("Released.", err=True)
