"""Replaying over HTTP: to whom, how it goes, and what is told of it at the end."""

import re
import time

import httpx
import orjson
import typer
from rich.console import Console
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.common.delivery_source import Item
from gateway.cli.common.output import a_bar
from gateway.cli.common.trace_line import many
from gateway.cli.local import workspace
from gateway.cli.replay.over_http import TIMEOUT_S, Failed, Lanes
from gateway.cli.replay.pacing import Pace
from gateway.cli.replay.replay_tally import Tally
from gateway.cli.replay.selection import Chosen

ADVICE = {
    401: "It does not believe this secret: set META_APP_SECRET to that of its app.",
    404: "It has no such path: a gateway takes deliveries at /webhook.",
    413: "It takes no body as large as that.",
    503: "It keeps nothing at the moment: run it again, for what it kept is known.",
}
HERE = "http://127.0.0.1:8000/webhook"
_ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[^/\s:\[\]]+)(:\d{1,5})?(/\S*)?")
INTERRUPTED = 130


def receiver_of(to: str) -> tuple[str, bytes]:
    """Return where to post, and the secret that is believed there."""
    if to and not _ADDRESS.fullmatch(to):
        raise errors.fail(f"{to} is no web address: write http://host:port/webhook.")
    running = workspace.find()
    if running and running.app_secret and to in ("", running.webhook):
        return running.webhook, running.app_secret.encode()
    there = running.webhook if running else HERE
    return to or there, errors.settings().app_secrets[0]


def post_all(
    chosen: Chosen, count: int, to: tuple[str, bytes], pace: Pace, lanes: int, *, json: bool
) -> None:
    """Post them, and tell what became of them; exit code 1 where one was refused."""
    tally, began = Tally(), time.monotonic()
    failed: Failed | None = None
    interrupted = False
    try:
        with a_bar(silent=json) as progress:
            task = progress.add_task("Posting", total=count)

            def answered(item: Item, status: int, took_ms: int) -> None:
                tally.note(item.where, status, took_ms)
                progress.advance(task)

            with Lanes(*to, lanes, answered) as posting:
                for item in chosen:
                    if not posting.wait(began + pace.due_s(item.delivery.received_at)):
                        break
                    posting.post(chosen.made(item))
            failed = posting.failed
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _tell(tally, count, time.monotonic() - began, json=json)
    if failed:
        raise errors.fail(_nobody(to[0], failed, tally.answered, count))
    if interrupted:
        errors.errors.print(f"Interrupted: {tally.answered:,} of {count:,} were answered.")
        raise typer.Exit(INTERRUPTED)
    if not tally.all_kept:
        raise typer.Exit(1)


def _tell(tally: Tally, count: int, seconds: float, *, json: bool) -> None:
    if json:
        told = {"deliveries": count, "answered": tally.answered, "seconds": round(seconds, 3)}
        named = [{"where": where, "status": status} for where, status in tally.refused]
        told_all = told | {"by_status": tally.plain(), "refused": named}
        typer.echo(orjson.dumps(told_all, option=orjson.OPT_INDENT_2))
        return
    for where, status in tally.refused:
        errors.errors.print(f"[red]{status}[/] {escape(where)}")
    for status in tally.took_ms.keys() & ADVICE.keys():
        errors.errors.print(f"[red]{status}[/] {ADVICE[status]}")
    if tally.answered:
        Console().print(tally.table())
        rate = tally.answered / max(seconds, 0.001)
        posted = many(tally.answered, "delivery", "deliveries")
        typer.echo(f"{posted} posted in {seconds:.1f} s, {rate:,.0f} a second.")


def _nobody(url: str, failed: Failed, answered: int, count: int) -> str:
    """Say why a replay ended, where, and what was done until then."""
    match failed.error:
        case httpx.ConnectError() if "refused" in str(failed.error):
            why = f"Nobody listens at {url}"
        case httpx.ConnectError():
            why = f"{url} cannot be reached ({failed.error})"
        case httpx.TimeoutException():
            why = f"No answer from {url} within {TIMEOUT_S:.0f} seconds"
        case UnicodeError() | httpx.InvalidURL():
            why = f"{url} is no web address"
        case httpx.HTTPError():
            why = f"No answer from {url} ({type(failed.error).__name__})"
        case _:
            raise failed.error
    if not answered:
        return f"{why}, so nothing was posted."
    return f"{why}: it ended at {failed.item.where}, when {answered:,} of {count:,} were posted."
