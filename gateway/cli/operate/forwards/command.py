"""`gateway forwards`: the operator lists, tests, pauses, resumes and replays receivers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.accounts.receivers import receivers_of
from gateway.accounts.rulebooks import AccountRules
from gateway.cli.common import errors
from gateway.cli.common.accounts import load_or_end, open_rules
from gateway.cli.common.options import Json, Number, Since, Until, Yes, parse_moment
from gateway.cli.common.output import print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target, workspace
from gateway.cli.operate.forwards.listen import listen
from gateway.cli.operate.forwards.listing import print_states
from gateway.config.receiver_secrets import ReceiverSecretError
from gateway.core.formats import pluralize
from gateway.core.forwards.receiver import Receiver
from gateway.core.text import suggestion_for
from gateway.http_out.receiver_posts import post_trial
from gateway.rules.problems import RulebookError
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.outgoing.forward_replay import ForwardReplay
from gateway.store.outgoing.forwards import pause_receiver, resume_receiver
from gateway.store.outgoing.receiver_states import mark_unnamed, read_receiver_states
from gateway.store.redis.client import Store
from tasks.outgoing.forwarding.burial import DROPPED, ForwardBurial
from tasks.wakeup import ring_forwards

commands = typer.Typer(
    name="forwards",
    help="List, test, pause, resume, replay and drop receivers of events.",
    no_args_is_help=True,
    add_completion=False,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the receiver in the rules.")]

commands.command()(listen)


@dataclass(frozen=True, slots=True)
class _Receivers:
    """The receivers of the rules here, and the numbers of ours."""

    by_number: Callable[[str], dict[str, Receiver]]
    numbers: list[str]
    rules: AccountRules

    def of_name(self, name: str) -> list[tuple[str, Receiver]]:
        """Return the receivers of a name with their numbers, or end the command."""
        found = [(n, own[name]) for n in self.numbers if name in (own := self.by_number(n))]
        if not found:
            known = {one for n in self.numbers for one in self.by_number(n)}
            hint = suggestion_for(name, known) if known else "there are no `forwards` in the rules"
            raise errors.fail(f"The rules have no forward {name}; {hint}.")
        return found


@commands.command("list")
def list_forwards(number: Number = "", json: Json = False) -> None:
    """List receivers: how each is, and what waits for it."""
    with _open(number, writes=False) as (store, receivers):
        states = read_receiver_states(store, receivers.numbers)
    states = mark_unnamed(states, receivers.rules.current())
    print_states(states, {n: receivers.by_number(n) for n in receivers.numbers}, json=json)


@commands.command("test")
def post_test(name: Name, number: Number = "", json: Json = False) -> None:
    """Post a test event to a receiver now, signed as its events are."""
    with _open(number, writes=False) as (_, receivers):
        _, receiver = receivers.of_name(name)[0]
    try:
        trial = post_trial(receiver)
    except ReceiverSecretError as error:
        raise errors.fail(f"{error}, so nothing can be signed.") from None
    if json:
        print_json({"receiver": name, "status": trial.status, "ms": trial.ms, "error": trial.error})
    elif trial.error:
        typer.echo(f"{name} did not take it: {trial.error} ({trial.ms} ms).")
    else:
        typer.echo(f"{name} took it: HTTP {trial.status} ({trial.ms} ms).")
    if trial.error:
        raise typer.Exit(1)


@commands.command()
def pause(name: Name, number: Number = "") -> None:
    """Let a receiver get nothing for now; what comes meanwhile waits, three days at most."""
    with _open(number, writes=True) as (store, receivers):
        changed = sum(pause_receiver(store, one, name) for one, _ in receivers.of_name(name))
    typer.echo(f"{name} is paused." if changed else f"{name} was paused already.")


@commands.command()
def resume(name: Name, number: Number = "") -> None:
    """Let a receiver get what waits, also one that rests because it failed."""
    with _open(number, writes=True) as (store, receivers):
        found = receivers.of_name(name)
        changed = sum(resume_receiver(store, one, name) for one, _ in found)
        _ring(store, [one for one, _ in found])
    typer.echo(f"{name} goes on." if changed else f"{name} was not paused; it is tried now.")


@commands.command()
def replay(
    name: Name,
    since: Since = "",
    until: Until = "",
    number: Number = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Let a receiver get the events of a range of time once more, each under the same id."""
    if not since:
        raise errors.fail("Say since when, as --since 2h or --since 2026-11-22T14:00.")
    now = datetime.now(UTC)
    with _open(number, writes=True) as (store, receivers):
        receivers.of_name(name)
        again = ForwardReplay(
            store,
            Bodies(target.settings().encryption_keys),
            lambda one: receivers.by_number(one).get(name),
            parse_moment(since, now),
            parse_moment(until, now),
            number,
        )
        counted = again.run(name, is_trial=True)
        if not (dry_run or yes or json):
            events = pluralize(counted.found, "event")
            typer.confirm(f"Post {events} to {name} once more?", abort=True, err=True)
        result = counted if dry_run else again.run(name)
        if not dry_run:
            _ring(store, result.numbers)
    if json:
        print_json({"found": result.found, "queued": result.queued, "unopened": result.unopened})
        return
    typer.echo(f"{result.found:,} found, {result.queued:,} queued; the others wait already.")
    if result.unopened:
        typer.echo(f"{pluralize(result.unopened, 'delivery')} cannot be opened with the keys here.")


@commands.command()
def drop(name: Name, number: Number = "", yes: Yes = False) -> None:
    """Make dead letters of all that waits for a receiver, also one that the rules lack."""
    settings = target.settings()
    with _open(number, writes=True) as (store, receivers):
        states = read_receiver_states(store, receivers.numbers)
        waiting = {one.number: one.waiting for one in states if one.receiver == name}
        total = sum(waiting.values())
        if not total:
            raise errors.fail(f"Nothing waits for {name}.")
        if not yes:
            asked = f"Make dead letters of {pluralize(total, 'event')} for {name}, 10,000 at most?"
            typer.confirm(asked, abort=True, err=True)
        burial = ForwardBurial(
            store, Bodies(settings.encryption_keys), receivers.rules, settings.gateway_results
        )
        dropped = sum(_drop_all(burial, one, name) for one in waiting)
    typer.echo(f"{pluralize(dropped, 'event')} dropped; gateway dead-letters list shows them.")


def _drop_all(burial: ForwardBurial, number: str, name: str) -> int:
    return sum(iter(lambda: burial.bury_all(number, name, DROPPED), 0))


def _ring(store: Store, numbers: list[str] | tuple[str, ...]) -> None:
    # The Celery settings are those of the environment, and dev's beat rings within a second.
    if workspace.find_running() is None:
        for number in numbers:
            ring_forwards(store, number)


@contextmanager
def _open(number: str, *, writes: bool) -> Iterator[tuple[Store, _Receivers]]:
    settings = target.settings()
    try:
        opened_rules = open_rules(load_or_end(settings), settings)
        rules = opened_rules.current()
    except RulebookError as error:
        raise errors.fail(f"The rules cannot be used:\n{error}") from None
    opened = open_own_store(settings) if writes else open_store(settings.redis_url)
    with opened as store:
        known = {*number_list.numbers_at_meta(store)}
        known |= {one.id for account in rules.accounts for one in account.numbers}
        numbers = [number] if number else sorted(known)
        yield store, _Receivers(lambda one: dict(receivers_of(rules, one)), numbers, opened_rules)
