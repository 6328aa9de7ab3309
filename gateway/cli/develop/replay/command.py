"""`gateway replay`: captured deliveries once more: posted, planned in the shadow, or for real."""

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from gateway.cli.common import errors, options
from gateway.cli.common.delivery_source import CaptureFiles, StoredDeliveries
from gateway.cli.common.output import pluralize
from gateway.cli.common.store import open_store
from gateway.cli.develop.replay.into_store import StoreReplay
from gateway.cli.develop.replay.over_http import post_all, receiver_of
from gateway.cli.develop.replay.pacing import MAX, ReplayPace, parse_pace
from gateway.cli.develop.replay.selection import DeliverySelection
from gateway.cli.local import target
from gateway.core.capture.filter import DeliveryFilter
from gateway.store.body_encryption import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.history import History
from gateway.store.redis.client import Store

ReplayMode = Literal["post", "shadow", "send"]


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="What capture wrote, single bodies as they were received, or folders."),
    ] = None,
    inbox: Annotated[
        bool, typer.Option("--inbox", help="Take what is still in the inbox, and no files.")
    ] = False,
    to: Annotated[
        str, typer.Option(help="Post there; files go to the gateway dev of this folder if unsaid.")
    ] = "",
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Tell what would be sent, and do nothing.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Put it into the inbox, to have its effect for real.")
    ] = False,
    rules: Annotated[
        Path | None, typer.Option(help="Of a shadow: plan with these, not with those in force.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make messages new: other ids, and sent just now.")
    ] = False,
    seed: Annotated[str, typer.Option(help="With --fresh: the same seed makes the same ids.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Also what is older than 8 days and may be forgotten.")
    ] = False,
    speed: Annotated[str, typer.Option(help="1x as it was received, 10x, or max.")] = MAX,
    concurrency: Annotated[int, typer.Option(help="Post so many at once.", min=1, max=64)] = 1,
    since: options.Since = "",
    until: options.Until = "",
    number: options.Number = "",
    kind: options.Kind = None,
    contains: options.Contains = "",
    limit: options.Limit = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show texts and phone numbers.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --send.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Replay deliveries: post files, or tell what would follow from those in the inbox."""
    mode = _choose_mode(files or [], inbox=inbox, to=to, shadow=shadow, send=send)
    if rules and mode != "shadow":
        raise errors.fail("--rules is for a shadow: what is posted or sent meets those in force.")
    pace, seed_bytes = _parse_speed(speed), _resolve_seed(seed, fresh=fresh)
    address = receiver_of(to) if mode == "post" else None
    with _open_store(needed=inbox or mode != "post") as store:
        clock = _clock(store)
        wanted = options.build_filter(since, until, number, kind, contains, clock())
        source = _open_source(store if inbox else None, files or [], wanted)
        selection = DeliverySelection(source, wanted, limit, seed_bytes, clock)
        count = selection.check(again=again)
        _warn(source.unopened)
        if address:
            post_all(selection, count, address, pace, concurrency, json=json)
        elif store:
            store_replay = StoreReplay(store, selection, count, rules, reveal=reveal, json=json)
            store_replay.report(only=mode == "shadow")
            if mode == "send":
                store_replay.send(pace, yes=yes)


def _choose_mode(
    files: list[Path], *, inbox: bool, to: str, shadow: bool, send: bool
) -> ReplayMode:
    """Say how it is replayed, or end the command where that is not clear."""
    if inbox == bool(files):
        raise errors.fail("Name files or folders, or give --inbox, and not both.")
    if [bool(to), shadow, send].count(True) > 1:
        raise errors.fail("Choose one of --to, --shadow and --send.")
    if send:
        return "send"
    return "shadow" if shadow or (inbox and not to) else "post"


def _parse_speed(speed: str) -> ReplayPace:
    if pace := parse_pace(speed):
        return pace
    raise errors.fail(f"{speed} is no speed: write 1x, 10x or max.")


def _resolve_seed(text: str, *, fresh: bool) -> bytes | None:
    """Return what new ids are made from, None where there are none; a person may need it again."""
    if not fresh:
        if text:
            raise errors.fail("--seed says how --fresh makes ids: give both.")
        return None
    seed = text or secrets.token_hex(4)
    errors.errors.print(
        "Messages get other ids, and were sent just now; "
        f"--seed {escape(seed)} makes the same ids again."
    )
    return seed.encode()


def _open_store(*, needed: bool) -> AbstractContextManager[Store | None]:
    """Open the store where one is needed."""
    return open_store(target.settings().redis_url) if needed else nullcontext()


def _clock(store: Store | None) -> Callable[[], datetime]:
    """Return a clock: the server's where there is a server, asked once."""
    ahead = dead_letters.server_time(store) - datetime.now(UTC) if store else None
    return lambda: datetime.now(UTC) + ahead if ahead else datetime.now(UTC)


def _open_source(
    store: Store | None, files: list[Path], wanted: DeliveryFilter
) -> CaptureFiles | StoredDeliveries:
    """Return where deliveries come from: the inbox of a store, or files."""
    if store is None:
        return CaptureFiles(files)
    history = History(store, Bodies(target.settings().encryption_keys))
    return StoredDeliveries(history, wanted.since, wanted.until)


def _warn(unopened: int) -> None:
    if unopened:
        deliveries = pluralize(unopened, "delivery", "deliveries")
        errors.errors.print(f"[yellow]warning:[/] {deliveries} of the inbox cannot be opened here.")
