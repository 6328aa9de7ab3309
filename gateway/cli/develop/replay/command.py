"""`gateway replay`: posts captured deliveries again, plans them without effect, or applies them."""

import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gateway.cli.common import errors
from gateway.cli.common.options import Json, Reveal, Yes, spread_options
from gateway.cli.common.store import open_store
from gateway.cli.develop.replay.into_store import StoreReplay
from gateway.cli.develop.replay.options import ReplayOptions
from gateway.cli.develop.replay.over_http import post_all, receiver_of
from gateway.cli.develop.replay.pacing import MAX, ReplayPace, parse_pace
from gateway.cli.local import target
from gateway.store.redis.client import Store

Again = Annotated[
    bool, typer.Option("--again", help="Also what is older than 8 days and may be forgotten.")
]
Speed = Annotated[str, typer.Option(help="1x as it was received, 10x, or max.")]


class ReplayCommands(TyperGroup):
    """Command group with a hint for the syntax of the former single command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reject arguments without a subcommand, and name the present one to write instead."""
        if args and args[0] not in (*self.commands, "--help"):
            today = shlex.join(["gateway", "replay", *rewrite_args(args)])
            raise errors.fail(f"gateway replay is post, dry-run or apply: write {today}")
        return super().parse_args(ctx, args)


def rewrite_args(args: Sequence[str]) -> list[str]:
    """Rewrite arguments of the former single command for the present subcommands; pure."""
    left = [one for one in args if one not in ("--send", "--shadow")]
    posts = any(one.partition("=")[0] == "--to" for one in args)
    if "--send" in args:
        return ["apply", *left]
    if "--shadow" in args or ("--inbox" in args and not posts):
        return ["dry-run", *(one for one in left if one != "--again")]
    return ["post", *left]


commands = typer.Typer(
    name="replay",
    cls=ReplayCommands,
    help="Replay deliveries: post them, plan them without effect, or apply them.",
    no_args_is_help=True,
    add_completion=False,
)


@commands.command()
@spread_options
def post(
    chosen: ReplayOptions,
    to: Annotated[
        str, typer.Option(help="Post there; to the gateway dev of this folder if unsaid.")
    ] = "",
    again: Again = False,
    speed: Speed = MAX,
    concurrency: Annotated[int, typer.Option(help="Post so many at once.", min=1, max=64)] = 1,
    json: Json = False,
) -> None:
    """Post deliveries over HTTP, signed, as Meta would."""
    pace, address = _parse_speed(speed), receiver_of(to, chosen.account)
    with _open_store() if chosen.inbox else nullcontext() as store:
        selection = chosen.select(store)
        count = selection.check(again=again)
        post_all(selection, count, address, pace, concurrency, json=json)


@commands.command("dry-run")
@spread_options
def dry_run(
    chosen: ReplayOptions,
    rules: Annotated[
        Path | None, typer.Option(help="Plan with these rules, not with those in force.")
    ] = None,
    reveal: Reveal = False,
    json: Json = False,
) -> None:
    """Tell what would be sent, and do nothing."""
    with _open_store() as store:
        selection = chosen.select(store)
        count = selection.check(again=True)  # a dry run has no effect, so old deliveries do no harm
        replay = StoreReplay(
            store, selection, count, rules, account=chosen.account, reveal=reveal, json=json
        )
        replay.report(only=True)


@commands.command()
@spread_options
def apply(
    chosen: ReplayOptions,
    again: Again = False,
    speed: Speed = MAX,
    reveal: Reveal = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put deliveries into the inbox, to have their effect for real, after telling what follows."""
    pace = _parse_speed(speed)
    with _open_store() as store:
        selection = chosen.select(store)
        count = selection.check(again=again)
        replay = StoreReplay(
            store, selection, count, account=chosen.account, reveal=reveal, json=json
        )
        replay.report(only=False)
        replay.send(pace, yes=yes)


def _open_store() -> AbstractContextManager[Store]:
    return open_store(target.settings().redis_url)


def _parse_speed(speed: str) -> ReplayPace:
    if pace := parse_pace(speed):
        return pace
    raise errors.fail(f"{speed} is no speed: write 1x, 10x or max.")
