"""`gateway capture`: writes deliveries that are still in the inbox to a file."""

import secrets
from itertools import islice
from typing import Annotated, BinaryIO

import typer

from gateway.cli.common import errors
from gateway.cli.common.capture_file import STANDARD_OUTPUT, open_atomic
from gateway.cli.common.options import DeliveryOptions, spread_options
from gateway.cli.common.output import progress_bar
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.core.capture.anonymize import Anonymizer
from gateway.core.capture.file_format import format_line
from gateway.core.capture.filter import DeliveryFilter
from gateway.core.formats import pluralize
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.history import History

REMAINS = (
    "Anonymous: numbers, names, texts and ids are stand-ins. What remains are times, kinds, Meta's "
    "codes, what is true or false, and the phone number ids of yours."
)


@spread_options
def capture(
    wanted: DeliveryOptions,
    file: Annotated[
        str, typer.Argument(help="Where to write JSON Lines; - is standard output.")
    ] = STANDARD_OUTPUT,
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Replace numbers, names, texts and ids.")
    ] = False,
) -> None:
    """Write deliveries that are still in the inbox to a file, one a line, as they were received."""
    given = target.settings()
    try:
        with open_store(given.redis_url, _describe_incomplete(file)) as store:
            history = History(store, Bodies(given.encryption_keys))
            fitting = wanted.to_filter(dead_letters.server_time(store))
            with open_atomic(file) as out:
                count = _write(history, fitting, wanted.limit, out, anonymous=anonymous)
    except BrokenPipeError:
        raise typer.Exit(1) from None  # the reader of the pipe has closed it
    except OSError as error:
        raise errors.fail(f"Cannot write {file}: {error.strerror}.") from None
    _report(count, history.unopened, anonymous=anonymous)


def _write(
    history: History, wanted: DeliveryFilter, limit: int | None, out: BinaryIO, *, anonymous: bool
) -> int:
    """Write the matching deliveries, and return their number."""
    anonymizer = Anonymizer(secrets.token_bytes(32)) if anonymous else None
    count = 0
    # The number of deliveries between two moments is unknown until they are read.
    total = None if wanted.since or wanted.until else history.count()
    with progress_bar() as progress:
        deliveries = history.deliveries(wanted.since, wanted.until)
        tracked = progress.track(deliveries, total=total, description="Capturing")
        for delivery in islice(filter(wanted.matches, tracked), limit):
            out.write(format_line(anonymizer.delivery(delivery) if anonymizer else delivery))
            count += 1
    return count


def _describe_incomplete(file: str) -> str:
    """Describe the file that is left by a capture that ended early."""
    return "so this is not all" if file == STANDARD_OUTPUT else f"so {file} was not written"


def _report(count: int, unopened: int, *, anonymous: bool) -> None:
    """Print on stderr what was written; exit code 1 if something is missing."""
    errors.errors.print(f"{pluralize(count, 'delivery', 'deliveries')} written.")
    if anonymous:
        errors.errors.print(REMAINS)
    if unopened:
        skipped = pluralize(unopened, "delivery", "deliveries")
        errors.errors.print(
            f"[yellow]warning:[/] {skipped} left out: GATEWAY_ENCRYPTION_KEYS has no key that "
            "opens them, or they are damaged."
        )
        raise typer.Exit(1)
