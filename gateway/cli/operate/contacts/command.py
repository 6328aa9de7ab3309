"""`gateway contacts`: the operator sees customers, and gives back those that a person answers."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway.cli.common import errors
from gateway.cli.common.accounts import AccountChoice, AccountName
from gateway.cli.common.options import Json, Number, Reveal, Yes, parse_customer, selector
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.cli.operate.contacts.erasing import erase_now, erasure_lines
from gateway.cli.operate.contacts.tables import Form, export_table, import_table, tag_table
from gateway.cli.operate.contacts.view import contact_lines, mask_contact
from gateway.core.formats import format_time, pluralize
from gateway.core.text import printable, suggestion_for
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.planning.changed_contact import find_known
from gateway.store.planning.handed_over import (
    HandedOver,
    HandedOverContact,
    find_handed_over,
    give_back,
)
from gateway.store.redis.client import Store
from gateway.store.tracing.masking import Masking
from gateway.web.api.contacts.erasure_view import view_erasure
from gateway.web.api.contacts.export import write_export
from gateway.web.api.contacts.view import view_contact

MOST_SHOWN = 1_000
Customer = Annotated[
    str, typer.Argument(metavar="+NUMBER|USERID", help="The customer, as Meta names them.")
]

commands = typer.Typer(
    name="contacts",
    help="Show, import, tag, export and erase customers, and let rules answer them again.",
    no_args_is_help=True,
    add_completion=False,
)


@commands.command("list")
def list_contacts(
    handed_over: Annotated[
        bool, selector("Those that a person answers, and no rule.", "--handed-over")
    ] = False,
    number: Number = "",
    account: AccountName = "",
    limit: Annotated[
        int, typer.Option(help="Of a number: how many at most.", min=1, max=MOST_SHOWN)
    ] = 100,
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """List customers that a person answers: since when, until when, and why."""
    if not handed_over:
        raise errors.fail("Say which: --handed-over lists those that a person answers.")
    given = target.settings()
    choice = AccountChoice.of(given, account)
    choice.check_number(number)
    with open_store(given.redis_url, "so nothing can be told") as store:
        known = filter(choice.has, number_list.numbers_at_meta(store))
        numbers = [number] if number else list(known)
        found = {one: find_handed_over(store, one, limit) for one in numbers}
    rows = [
        {"account": choice.name_of(one) or None} | _to_dict(one, contact, Masking(reveal))
        for one, each in found.items()
        for contact in each.contacts
    ]
    if json:
        print_json({"contacts": rows, "unreadable": _count_unreadable(found)})
        return
    _print_rows(rows, with_account=choice.has_names)
    if unreadable := _count_unreadable(found):
        typer.echo(f"{pluralize(unreadable, 'contact')} cannot be read.")


@commands.command()
def show(
    contact: Customer,
    number: Number = "",
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """Show what each of our numbers knows of a customer."""
    name = read_customer(contact)
    with open_store(target.settings().redis_url, "so nothing can be told") as store:
        known = find_known(store, choose_numbers(store, number), name)
    if not known:
        raise errors.fail("None of these numbers knows such a customer.")
    now, masking = datetime.now(UTC), Masking(reveal)
    shown = [view_contact(one, each, now) for one, each in known.items()]
    if json:
        print_json({"contacts": [mask_contact(one, masking) for one in shown]})
        return
    for one in shown:
        for line in contact_lines(mask_contact(one, masking)):
            typer.echo(line)


@commands.command()
def export(
    contact: Annotated[
        str,
        typer.Argument(metavar="[+NUMBER|USERID]", help="One customer; else all."),
    ] = "",
    number: Number = "",
    tag: Annotated[str, typer.Option(help="Of all: those with this tag.")] = "",
    form: Annotated[Form, typer.Option("--format", help="Of all: csv or jsonl.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Of all: the file; unset: the output.")] = None,
) -> None:
    """Print all that is stored of a customer as JSON, or all customers as a table.

    Texts, names and phone numbers are as they are. `contacts import` reads the table again.
    """
    if not contact:
        export_table(number, tag, form, out)
        return
    name, given = read_customer(contact), target.settings()
    bodies = Bodies(given.encryption_keys)
    with open_store(given.redis_url, "so the export is not complete") as store:
        numbers = choose_numbers(store, number)
        for part in write_export(store, bodies, name, numbers, datetime.now(UTC)):
            typer.echo(part, nl=False)
    typer.echo()


@commands.command()
def erase(
    contact: Customer,
    number: Number = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Erase a customer from all that is stored: messages, texts, deliveries, records and more.

    What waits for its effect, or is being posted, is erased by the workers once that is over.
    """
    name, given = read_customer(contact), target.settings()
    with open_own_store(given, "so it is not known how far the erasure is; repeat it") as store:
        numbers = choose_numbers(store, number) if number else None
        if not yes:
            question = "Erase this customer for good? Nothing brings back what was stored."
            typer.confirm(question, abort=True, err=True)
        erasure = erase_now(store, given, name, numbers)
    if json:
        print_json(view_erasure(erasure))
        return
    for line in erasure_lines(erasure):
        typer.echo(line)


@commands.command()
def unmute(
    number: Annotated[str, typer.Argument(help="The phone number id of ours.")],
    contact: Customer,
) -> None:
    """Let rules answer a customer again, who was muted or handed over to a person."""
    name = read_customer(contact)
    with open_own_store(target.settings(), "so nothing was changed") as store:
        choose_numbers(store, number)
        after = give_back(store, number, name)
    if after is None:
        raise errors.fail("This number knows no such customer.")
    typer.echo(f"{after.change[0].upper()}{after.change[1:]}.")


def read_customer(text: str) -> str:
    """Return the key of a customer, or end the command."""
    if name := parse_customer(text.strip()):
        return name
    raise errors.fail("Give a number such as +351900000001, or Meta's user id.")


def choose_numbers(store: Store, number: str) -> list[str]:
    """Return the number that is named, or all of ours; end the command for one that is not ours."""
    known = number_list.numbers_at_meta(store)
    if number and number not in known:
        raise errors.fail(f"{number} is none of our numbers; {suggestion_for(number, known)}")
    return [number] if number else known


def _to_dict(number: str, contact: HandedOverContact, masking: Masking) -> dict[str, Any]:
    hand_over = contact.hand_over
    return {
        "number": number,
        "contact": masking.person(contact.key),
        "since": format_time(hand_over.since),
        "until": format_time(hand_over.until),
        "why": hand_over.cause,
    }


def _print_rows(rows: list[dict[str, Any]], *, with_account: bool) -> None:
    if rows:
        accounts = ["account"] if with_account else []
        table = Table(*accounts, "number", "customer", "since", "until", "why")
        for row in rows:
            name, *values = row.values()
            shown = [name or "–", *values] if with_account else values
            table.add_row(*(printable(str(value)) for value in shown))
        open_console().print(table)
    typer.echo(f"{pluralize(len(rows), 'customer')} answered by a person.")


def _count_unreadable(found: Mapping[str, HandedOver]) -> int:
    return sum(one.unreadable for one in found.values())


commands.command("import")(import_table)
commands.command("tag")(tag_table)
