"""`gateway beat`: when beat rings for the gateway's own jobs, shown and changed by the operator."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.table import Table

from gateway.cli.common import errors
from gateway.cli.common.options import Json
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.config.types import Duration
from gateway.core.formats import format_time
from tasks.scheduled import entry_changes
from tasks.scheduled.entry_changes import BeatEntry, EntryChangeError

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
commands = typer.Typer(
    name="beat",
    help="Show and change when beat starts the gateway's own jobs.",
    no_args_is_help=True,
    add_completion=False,
)


@commands.command("list")
def list_entries(json: Json = False) -> None:
    """List the entries of beat's schedule, and those that cannot be used."""
    with _open_schedule() as app:
        entries, broken = entry_changes.list_entries(app)
    if json:
        print_json({"entries": [asdict(one) for one in entries], "broken": broken})
        return
    table = Table("name", "when", "enabled", "last started", "task")
    for one in entries:
        last = format_time(one.last_run_at) if one.last_run_at else ""
        table.add_row(one.name, one.schedule, "yes" if one.is_enabled else "no", last, one.task)
    open_console().print(table)
    for name in broken:
        typer.echo(f"{name} cannot be used.")


@commands.command("set")
def set_entry(
    name: Annotated[str, typer.Argument(help="Name of the entry, as gateway beat list shows it.")],
    every: Annotated[str, typer.Option(help="Start it every so often: 30s, 5m, 1d.")] = "",
    cron: Annotated[str, typer.Option(help="Start it at these times (UTC): '0 2 * * *'.")] = "",
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it is started at all.")
    ] = None,
) -> None:
    """Change an entry while beat runs; what cannot be used is refused and changes nothing."""
    if not every and not cron and enabled is None:
        raise errors.fail("Say what changes: --every, --cron, --enable or --disable.")
    every_s = _read_seconds(every) if every else None
    with _open_schedule(writes=True) as app:
        try:
            changed = entry_changes.change_entry(
                app, name, every_s=every_s, cron=cron, enabled=enabled
            )
        except EntryChangeError as error:
            raise errors.fail(str(error)) from None
    typer.echo(f"{_describe(changed)}.")


def _describe(entry: BeatEntry) -> str:
    return f"{entry.name}: {entry.schedule}" if entry.is_enabled else f"{entry.name} is disabled"


def _read_seconds(text: str) -> float:
    try:
        return _DURATION.validate_python(text).total_seconds()
    except (ValueError, OverflowError):
        raise errors.fail(f"{text} is no length of time: write 30s, 5m or 1d.") from None


@contextmanager
def _open_schedule(*, writes: bool = False) -> Iterator[Any]:
    """Yield the application that holds the schedule, once the store has answered."""
    settings = target.settings()
    opened = (
        open_own_store(settings, "so nothing was changed")
        if writes
        else open_store(settings.redis_url, "so nothing can be told")
    )
    with opened as store:
        store.run(lambda client: client.ping())
        yield entry_changes.open_schedule(settings)
