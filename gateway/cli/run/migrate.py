"""`gateway migrate`: converts a store that an older release wrote for this release."""

from contextlib import closing
from typing import Annotated

import typer
from rich.progress import TaskID

from gateway.cli.common import errors
from gateway.cli.common.output import print_json, progress_bar
from gateway.store.maintenance.migration import STRAGGLERS_S, Migration, MigrationError, Progress
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.server.ownership import find_stranger


def migrate(
    json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
    wait: Annotated[
        float,
        typer.Option(help="Seconds that senders of the older release have to settle.", min=0),
    ] = STRAGGLERS_S,
) -> None:
    """Migrate the store to the layout of this release, once and forwards.

    Run it while everything goes on, with REDIS_URL as it is, and then start this release in the
    place of the older one. Workers of the older release take nothing any more from then on, and its
    web processes answer 503, so that Meta delivers again. There is no way back. Ended in the
    middle, it is run again.
    """
    settings = errors.settings()
    try:
        with closing(Store(settings.redis_url)) as store:
            if problem := find_stranger(store, settings.installation):
                raise errors.fail(problem)
            progress = migrate_store(store, wait, silent=json)
    except MigrationError as error:
        raise errors.fail(str(error)) from None
    except (StoreUnavailableError, ScriptError) as error:
        raise errors.fail(f"Redis did not do it ({error}): run gateway migrate again.") from None
    if json:
        print_json({"migrated": progress is not None, "sends": progress.sends if progress else 0})
    elif progress is None:
        typer.echo("The store has the layout of this release already.")
    else:
        typer.echo(
            f"Migrated. {progress.sends} sends that were over will be compacted in their time."
        )


def migrate_store(store: Store, wait_s: float, *, silent: bool = False) -> Progress | None:
    """Migrate, with a bar for each step.

    Returns the final progress, None if there was nothing to do. Raises MigrationError,
    StoreUnavailableError or ScriptError.
    """
    progress = None
    with progress_bar(silent=silent) as bar:
        tasks: dict[str, TaskID] = {}
        for progress in Migration(store).run(wait_s):
            if progress.step not in tasks:
                tasks[progress.step] = bar.add_task(progress.step, total=progress.total)
            bar.update(tasks[progress.step], completed=progress.done, total=progress.total)
    return progress
