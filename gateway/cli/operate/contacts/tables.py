"""Commands about many customers: imported from a file, tagged by one, and exported to one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.common import errors
from gateway.cli.common.accounts import load_or_end
from gateway.cli.common.options import Json, Number
from gateway.cli.common.output import print_json, progress_bar, write_parts
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.common.table_file import open_table
from gateway.cli.local import target
from gateway.core.api.contact_request import MOST_TAG, MOST_TAGS
from gateway.core.formats import pluralize
from gateway.core.tables.contact_rows import split_tags
from gateway.store import number_list
from gateway.store.planning.contact_import import (
    ImportOptions,
    ImportResult,
    NoRoomError,
    import_contacts,
)
from gateway.store.planning.contact_scan import iter_contacts, list_variables
from gateway.store.redis.client import Store
from gateway.tables.contact_table import iter_csv, iter_json_lines

MOST_SHOWN = 10
Table = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV, JSON Lines or .xlsx, with a column phone.")
]
Encoding = Annotated[str, typer.Option(help="Unless UTF-8: such as cp1252.")]
Form = Literal["csv", "jsonl"]


def import_table(
    file: Table,
    number: Number = "",
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag that all of them get; may be repeated.")
    ] = None,
    encoding: Encoding = "",
    json: Json = False,
) -> None:
    """Import customers with name, tags (a;b), opted_out, and all other columns as variables.

    Repeated it changes nothing. A file that cannot be read changes nothing either.
    """
    _import(file, number, ImportOptions(tags=_read_tags(tag or ()), encoding=encoding), json)


def tag_table(
    tag: Annotated[str, typer.Argument(help="The tag.")],
    file: Table,
    number: Number = "",
    remove: Annotated[bool, typer.Option("--remove", help="Take it from them.")] = False,
    encoding: Encoding = "",
    json: Json = False,
) -> None:
    """Tag the customers of a file, or take the tag from them; its other columns do not count."""
    tags = _read_tags([tag])
    if not tags:
        raise errors.fail("Name the tag.")
    given, taken = ((), tags) if remove else (tags, ())
    _import(file, number, ImportOptions(given, taken, tags_only=True, encoding=encoding), json)


def export_table(number: str, tag: str, form: Form, out: Path | None) -> None:
    """Export the customers of a number, or those with a tag, in the form of an import."""
    with open_store(target.settings().redis_url, "so the export is not complete") as store:
        chosen = choose_number(store, number)
        write_parts(_write(store, chosen, tag, form), out)


def choose_number(store: Store, number: str) -> str:
    """Return the number that is named, or the default one; end the command where it is not ours."""
    accounts = load_or_end(target.settings())
    ours = accounts.numbers_among(number_list.numbers_at_meta(store))
    chosen = number or accounts.default_number
    if chosen not in ours:
        raise errors.fail("Say with --number which of our numbers is meant.")
    return chosen


def _read_tags(given: Sequence[str]) -> tuple[str, ...]:
    """Return the tags in some texts, in each with ; between them, as a table has them."""
    tags = tuple(tag for text in given for tag in split_tags(text))
    if len(tags) > MOST_TAGS or any(len(tag) > MOST_TAG for tag in tags):
        raise errors.fail(f"Give up to {MOST_TAGS} tags of up to {MOST_TAG} characters.")
    return tags


def _write(store: Store, number: str, tag: str, form: Form) -> Iterator[str]:
    if form == "jsonl":
        return iter_json_lines(iter_contacts(store, number, tag))
    variables = list_variables(store, number, tag)
    return iter_csv(iter_contacts(store, number, tag), variables)


def _import(file: Path, number: str, options: ImportOptions, json: bool) -> None:
    settings = target.settings()
    otherwise = "so it is not known how far the import is; repeat it"
    with (
        open_table(file) as source,
        open_own_store(settings, otherwise) as store,
        progress_bar(silent=json) as bar,
    ):
        chosen = choose_number(store, number)
        country = load_or_end(settings).country_of(chosen)
        task = bar.add_task("importing", total=None)
        try:
            result = import_contacts(
                store,
                chosen,
                source,
                replace(options, country=country),
                settings.gateway_store_bytes,
                lambda done: bar.update(task, completed=done),
            )
        except NoRoomError as error:
            raise errors.fail(str(error)) from None
    if result.error:
        raise errors.fail(f"{result.error} Nothing was changed.")
    if json:
        print_json(result.view())
        return
    for line in _lines(result):
        typer.echo(line)


def _lines(result: ImportResult) -> Iterator[str]:
    """Yield what an import did, in sentences."""
    yield (
        f"{pluralize(result.made, 'contact')} made, {result.changed:,} changed, "
        f"{result.unchanged:,} unchanged, of {pluralize(result.rows, 'row')}."
    )
    if result.left_out:
        yield f"{pluralize(result.left_out, 'row')} left out:"
    for line, detail in result.problems[:MOST_SHOWN]:
        yield f"  line {line}: {detail}"
    if (more := result.left_out - MOST_SHOWN) > 0:
        yield f"  and {more:,} more; --json shows the first hundred."
