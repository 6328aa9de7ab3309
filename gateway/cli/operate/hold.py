"""`gateway hold`: the operator stops sending; deliveries are still stored and planned."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import AccountChoice, AccountName
from gateway.cli.common.options import Json, Number, Yes, selector
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store
from gateway.cli.local import target
from gateway.core.formats import pluralize
from gateway.core.sending.pauses import NumberPauses
from gateway.core.text import suggestion_for
from gateway.rules.loader import load
from gateway.rules.problems import RulebookError
from gateway.store import number_list
from gateway.store.redis.client import Store
from gateway.store.sending import pauses

Rule = Annotated[str, selector("Only what this rule says.")]


@contextmanager
def open_numbers(
    number: str, rule: str, account: str
) -> Iterator[tuple[Store, AccountChoice, list[str]]]:
    """Yield the store, the account and the numbers that are meant, or end with a sentence."""
    settings = target.settings()
    choice = AccountChoice.of(settings, account)
    choice.check_number(number)
    if rule:
        _check_rule(choice, rule)
    with open_own_store(settings) as store:
        yield store, choice, _select_numbers(store, choice, number)


def show(store: Store, choice: AccountChoice, numbers: Sequence[str], *, json: bool) -> None:
    """Print the reasons why each number does not send."""
    by_number = pauses.pauses_by_number(store, numbers)
    if json:
        shown = {number: pauses_to_dict(one) for number, one in by_number.items()}
        print_json(shown)
        return
    accounts = ["account"] if choice.has_names else []
    table = Table(*accounts, "number", "does it send?")
    for number, state in by_number.items():
        reasons = "\n".join(state.sentences())
        is_stopped = state.pause or any(not one.rule for one in state.holds)
        answer = Text("no: " if is_stopped else "yes, but: ", "yellow") + Text(reasons)
        names = [choice.name_of(number) or "–"] if accounts else []
        table.add_row(*names, number, answer if reasons else Text("yes", "green"))
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


def _select_numbers(store: Store, choice: AccountChoice, number: str) -> list[str]:
    """Return the selected numbers; one that has not sent yet may be held as well."""
    known = choice.numbers(number_list.numbers_at_meta(store))
    if number and number not in known:
        raise errors.fail(f"{number} is none of our numbers; {suggestion_for(number, known)}")
    numbers = [number] if number else known
    for one in numbers:
        number_list.add_number(store, one)
    return numbers


def _check_rule(choice: AccountChoice, rule: str) -> None:
    """End the command if no rulebook of the accounts has a rule of this name."""
    accounts = [choice.only] if choice.only else choice.accounts or ()
    try:
        zones = {one.rules: one.time_zone for one in accounts}
        rulebooks = [load(path, zone=zone) for path, zone in zones.items()]
    except RulebookError:
        return  # the rules are elsewhere or broken, which must not prevent holding one
    names = [one.name for rulebook in rulebooks for one in rulebook.rules]
    if rulebooks and rule not in names:
        raise errors.fail(f"There is no rule of this name; {suggestion_for(rule, names)}")


def hold(
    number: Number = "",
    rule: Rule = "",
    account: AccountName = "",
    why: Annotated[str, typer.Option(help="What the others are told who look at it.")] = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Stop sending, within two seconds: all of it, an account, a number or one rule.

    What is in flight ends; nothing that waits is lost, but it expires at its time.
    """
    with open_numbers(number, rule, account) as (store, choice, numbers):
        if not (number or rule or yes):
            whose = f" of {account}" if account else ""
            counted = pluralize(len(numbers), "number")
            question = f"Stop everything that {counted}{whose} would send?"
            typer.confirm(question, abort=True, err=True)
        full = pauses.hold(store, numbers, rule, why)
        if full:
            raise errors.fail(
                f"So much is held of {', '.join(full)} that nothing more may be: release rules, "
                "or hold the whole number with `gateway hold --number`."
            )
        show(store, choice, numbers, json=json)


def release(
    number: Number = "", rule: Rule = "", account: AccountName = "", json: Json = False
) -> None:
    """Let what was held go on: all, an account, a number, or what one rule says.

    A rule that is held by its own name is released by its own name.
    """
    with open_numbers(number, rule, account) as (store, choice, numbers):
        if not pauses.release(store, numbers, rule):
            holds = [
                one
                for state in pauses.pauses_by_number(store, numbers).values()
                for one in state.holds
            ]
            names = ", ".join(sorted({one.rule or "all of a number" for one in holds}))
            raise errors.fail(f"That is not held. Held: {names or 'nothing'}.")
        show(store, choice, numbers, json=json)
        typer.echo("Released.", err=True)
