"""`gateway schedules`: the operator makes, shows, pauses and removes schedules."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from gateway.accounts.source import AccountsSource
from gateway.cli.common import errors
from gateway.cli.common.options import Json, Number
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.cli.operate.messages.listing import known_numbers
from gateway.cli.operate.schedules.add import add
from gateway.cli.operate.schedules.show import format_moment, print_schedule
from gateway.core.api.schedules.cron import find_cron_problem, find_zone_problem, next_moments
from gateway.core.formats import pluralize
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.api.schedules.rows import StoredSchedule
from gateway.store.body_codec import Bodies
from gateway.web.api.messages.schedules.view import SHOWN_AHEAD, schedule_status, view_schedule

MOST_LISTED = 1_000
MOST_TRIES = 5

commands = typer.Typer(
    name="schedules",
    help="Make, show, pause and remove schedules: messages that are sent again and again.",
    no_args_is_help=True,
    add_completion=False,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the schedule.")]

commands.command()(add)


@commands.command("list")
def list_schedules(
    number: Number = "",
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=MOST_LISTED)] = 50,
    json: Json = False,
) -> None:
    """List schedules, the one that is due next first."""
    with _open_book() as (book, numbers):
        found = book.list_next([number] if number else numbers, limit)
    if json:
        print_json({"data": [view_schedule(one) for one in found]})
        return
    table = Table("id", "number", "status", "cron", "next", "name")
    for one in found:
        table.add_row(
            one.id, one.number, schedule_status(one), one.schedule.cron,
            format_moment(one.progress.next_at, one.schedule.zone), one.schedule.name,
        )  # fmt: skip
    open_console().print(table)
    typer.echo(f"{pluralize(len(found), 'schedule')}.")


@commands.command()
def show(schedule_id: Id, json: Json = False) -> None:
    """Show a schedule, its next moments and its last sends."""
    with _open_book() as (book, numbers):
        stored = _find(book, numbers, schedule_id)
        print_schedule(stored, book.read_sends(stored), json=json)


@commands.command()
def pause(schedule_id: Id) -> None:
    """Let a schedule make no sends until it is resumed."""
    _set_paused(schedule_id, paused=True)
    typer.echo(f"The schedule {schedule_id} is paused.")


@commands.command()
def resume(schedule_id: Id) -> None:
    """Let a paused schedule go on with its next moment; what passed meanwhile is not sent."""
    stored = _set_paused(schedule_id, paused=False)
    if stored.progress.next_at is None:
        typer.echo(f"The schedule {schedule_id} is over.")
        return
    due = format_moment(stored.progress.next_at, stored.schedule.zone)
    typer.echo(f"The schedule {schedule_id} sends at {due}.")


@commands.command()
def remove(schedule_id: Id) -> None:
    """Remove a schedule; messages that it made already stay."""
    with _open_book("removed") as (book, numbers):
        if not book.remove(numbers, schedule_id):
            raise _unknown(schedule_id)
    typer.echo(f"The schedule {schedule_id} is removed.")


@commands.command()
def preview(
    cron: Annotated[str, typer.Argument(help="Five fields, such as '0 9 * * MON-FRI'.")],
    zone: Annotated[str, typer.Option(help="IANA time zone, such as Europe/Lisbon.")] = "UTC",
    json: Json = False,
) -> None:
    """Show the next moments of a cron expression, and store nothing."""
    problems = {"cron": find_cron_problem(cron), "zone": find_zone_problem(zone)}
    if found := [f"{name}: {problem}" for name, problem in problems.items() if problem]:
        raise errors.fail("Nothing can be shown:\n  " + "\n  ".join(found))
    moments = next_moments(cron, zone, datetime.now(UTC), SHOWN_AHEAD)
    if json:
        print_json({"zone": zone, "upcoming": moments})
        return
    for moment in moments:
        typer.echo(format_moment(moment, zone))


def _set_paused(schedule_id: str, *, paused: bool) -> StoredSchedule:
    with _open_book("changed") as (book, numbers):
        for _ in range(MOST_TRIES):
            stored = _find(book, numbers, schedule_id)
            schedule = replace(stored.schedule, paused=paused)
            if changed := book.change(stored, schedule, book.now()):
                return changed
    raise errors.fail("The schedule is being changed by others; repeat the command.")


def _find(book: ScheduleBook, numbers: Sequence[str], schedule_id: str) -> StoredSchedule:
    if (found := book.find(numbers, schedule_id)) is None:
        raise _unknown(schedule_id)
    return found


def _unknown(schedule_id: str) -> typer.Exit:
    return errors.fail(f"No schedule has the id {schedule_id}; gateway schedules list shows all.")


@contextmanager
def _open_book(done: str = "") -> Iterator[tuple[ScheduleBook, Sequence[str]]]:
    """Yield the schedules and all numbers; `done` is what a command that writes does to one."""
    settings = target.settings()
    with errors.exit_on_config_error():
        accounts = AccountsSource(settings).current()
    if done:
        opened = open_own_store(settings, f"so nothing was {done}")
    else:
        opened = open_store(settings.redis_url, "so nothing can be told")
    with opened as store:
        book = ScheduleBook(store, Bodies(settings.encryption_keys))
        yield book, known_numbers(store, accounts)
