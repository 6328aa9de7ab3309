"""`scripts/bench`: what the gateway does on this machine, beside the usual recipe in the same run.

The machine is shared and noisy, so the two take turns and the ratio is what counts.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gateway.store.redis.client import Store
from tests.bench.accepting import Accepting, SendingRecipe, figures
from tests.bench.accounts import ACCOUNTS, ManyAccounts, OneAccount, Run, compare
from tests.bench.calling import AnsweringAndCalling, Calling
from tests.bench.campaign_room import CampaignRoom
from tests.bench.campaigns import Campaigning, RecipeCampaign
from tests.bench.cloud_api import CloudApi
from tests.bench.console.pages import FEW as FEW_EVENTS
from tests.bench.console.pages import IN_MEMORY_ONLY, ConsolePages, console_gateway
from tests.bench.console.pages import MANY as MANY_EVENTS
from tests.bench.console.seeder import Seeder
from tests.bench.console.tabs import ConsoleTabs
from tests.bench.forwarding import Answering, Forwarding, RecipeForwarding
from tests.bench.large import Case, LargeStack, cases
from tests.bench.load import load
from tests.bench.numbers import EACH, PER_SECOND, Numbers
from tests.bench.recipe import Recipe
from tests.bench.room import Answered
from tests.bench.rules import FEW, MANY, costs
from tests.bench.scheduled import Scheduled
from tests.bench.sending import Waiting
from tests.bench.templates import check_us, fetch, rules_ratio
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

BASELINE = Path(__file__).parents[3] / "shared" / "baseline" / "app.py"
PATIENCE_S = 600
Figures = dict[str, list[float]]
Maker = Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """How long and how often everything is measured."""

    rounds: int
    seconds: float
    backlog: int
    singles: int
    sends: int
    answered: int
    scheduled: int
    large: float
    things: int
    recipients: int
    pace: int
    progress: Progress = field(default_factory=lambda: Progress(disable=True))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of load, each round")
    parser.add_argument("--backlog", type=int, default=10_000, help="deliveries to work off")
    parser.add_argument("--singles", type=int, default=200, help="messages on an idle system")
    parser.add_argument("--sends", type=int, default=6_000, help="replies that wait, each round")
    parser.add_argument("--answered", type=int, default=20_000, help="messages to grow old")
    parser.add_argument("--scheduled", type=int, default=100_000, help="messages due at one moment")
    parser.add_argument("--things", type=int, help="events in the store of the console")
    parser.add_argument(
        "--long", action="store_true", help=f"{MANY_EVENTS:,} events, where --things says nothing"
    )
    parser.add_argument(
        "--recipients",
        type=int,
        default=0,
        help="of one long campaign in place of short ones, and of the largest audience",
    )
    parser.add_argument("--pace", type=int, default=300, help="of the long campaign, a second")
    parser.add_argument(
        "--large", type=float, default=1.0, help="share of the full size of the step of that name"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=STEPS,
        default=QUICK,
        help="console, console_tabs, large and scheduled take minutes",
    )
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="app.py of the recipe")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    asked = Asked(
        given.rounds,
        given.seconds,
        given.backlog,
        given.singles,
        given.sends,
        given.answered,
        given.scheduled,
        given.large,
        given.things or (MANY_EVENTS if given.long else 50_000),
        given.recipients,
        given.pace,
    )
    recipe = given.baseline if given.baseline.exists() else None
    ours, theirs = measure(asked, given.only, recipe)
    if given.json:
        sys.stdout.write(json.dumps({"gateway": ours, "recipe": theirs}) + "\n")
    else:
        Console().print(table(ours, theirs))
        if recipe is None:
            Console().print(f"No recipe at {given.baseline}: measured alone.")


def measure(asked: Asked, names: list[str], recipe: Path | None) -> tuple[Figures, Figures]:
    """Take turns, round by round."""
    ours: Figures = {}
    theirs: Figures = {}
    with Progress(console=Console(stderr=True)) as progress:
        asked = replace(asked, progress=progress)
        task = progress.add_task("measuring", total=asked.rounds * len(names))
        for turn in range(asked.rounds):
            for step, made, made_of_theirs in (STEPS[name] for name in names):
                use = partial(step, asked=asked, turn=turn)
                if made:
                    with_system(made, partial(use, into=ours))
                else:
                    use(None, into=ours)
                if made_of_theirs is RecipeCampaign:
                    with_system(partial(made_of_theirs, app=recipe), partial(use, into=theirs))
                elif made_of_theirs in (SendingRecipe, RecipeForwarding):
                    with_system(made_of_theirs, partial(use, into=theirs))
                elif recipe and made_of_theirs:
                    with_system(partial(made_of_theirs, app=recipe), partial(use, into=theirs))
                progress.advance(task)
    return ours, theirs


def gateway(folder: Path, server: Server) -> Stack:
    """Return the gateway, not yet started."""
    return Stack(folder, server, GATEWAY_LOG_LEVEL="warning")


def with_system(
    make: Callable[[Path, Server], Any], use: Callable[[Any], None], **options: str
) -> None:
    """Give `use` a system with a fresh server of its own, of these options, and stop both."""
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        server = Server(folder / "valkey", **options).start()
        made = make(folder, server)
        try:
            use(made)
        finally:
            made.stop()
            server.kill()


def keeping(system: Stack | Recipe, asked: Asked, turn: int, into: Figures) -> None:
    """Measure acknowledged deliveries a second, with appendfsync always."""
    system.start("web")
    seen = load(system.web_port, f"k{turn}", "hello", 200_000, asked.seconds)
    into.setdefault("kept/s, 32 connections", []).append(seen["per_second"])
    into.setdefault("kept p99 ms, 32 connections", []).append(seen["p99_ms"])


def working_off(system: Stack | Recipe, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how fast one worker process works off a backlog in which each event gets a reply."""
    system.start("web")
    count = asked.backlog if isinstance(system, Stack) else asked.backlog // 4
    load(system.web_port, f"w{turn}", "color", count, 600)
    system.programs["web"].stop()
    system.run_one_worker()
    wait_until(lambda: system.worked_off() > 0, "the worker begins", 60)
    began, first = time.monotonic(), system.worked_off()
    wait_until(lambda: system.worked_off() >= count, "the backlog is worked off", 600)
    rate = (count - first) / (time.monotonic() - began)
    into.setdefault("events/s, one worker process", []).append(rate)


def sending(system: Waiting, asked: Asked, turn: int, into: Figures, processes: int) -> None:
    """Measure how fast replies that wait are sent where each answer takes 50 ms."""
    count = asked.sends // 20 if system.app else asked.sends
    system.start()
    load(system.web_port, f"s{turn}", "color", count, 600, contacts=count)
    system.plan(count)
    rate, used = system.send(count, processes)
    by = f"{processes} sending process{'es' if processes > 1 else ''}"
    into.setdefault(f"sends/s, answers in 50 ms, {by}", []).append(rate)
    for name, seconds in used.cpu.items():
        each = seconds / used.accepted * 1_000
        into.setdefault(f"CPU s per 1,000 sends: {name}, {by}", []).append(each)
    if not system.app:
        into.setdefault(f"script calls per send, {by}", []).append(used.calls / used.accepted)


def accepting(system: Accepting | SendingRecipe, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how many messages a second the API accepts, and at which cost."""
    for name, figure in figures(system.measure(asked.seconds)):
        into.setdefault(name, []).append(figure)


def cloud_api(system: CloudApi, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how long clients of Meta's form wait for the wamid."""
    for name, took_ms in system.measure():
        into.setdefault(name, []).append(took_ms)


def scheduled(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how long replies take while a crowd of scheduled messages is due."""
    for count, pace in ((0, 300), (asked.scheduled, 300), (asked.scheduled, 1_000)):
        with_system(
            partial(Scheduled, pace=pace), partial(in_the_crowd, pace=pace, count=count, into=into)
        )


def in_the_crowd(system: Scheduled, pace: int, count: int, into: Figures) -> None:
    """Let so many of them be due in one moment."""
    crowd, name = system.measure(count), f"{count:,} due at pace {pace:,}"
    into.setdefault(f"webhook to POST ms, {name}", []).extend(crowd.replies_ms)
    into.setdefault(f"scheduled messages sent/s, {name}", []).append(crowd.per_second)


def run_campaigns(
    system: Campaigning | RecipeCampaign, asked: Asked, turn: int, into: Figures
) -> None:
    """Measure the pace that a campaign holds, and how long replies take meanwhile."""
    long = (asked.recipients, asked.pace) if isinstance(system, Campaigning) else ()
    for name, figure in system.measure(*long):
        into.setdefault(name, []).append(figure)


def forwarding(
    system: Forwarding | RecipeForwarding, asked: Asked, turn: int, into: Figures
) -> None:
    """Measure how many events a second are forwarded, alone and beside a receiver that is dead."""
    for name, figure in system.measure():
        into.setdefault(name, []).append(figure)


def calling(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how many calls of services are made a second, and what a dead one costs."""
    for is_dead in (False, True)[:: -1 if turn % 2 else 1]:
        with_system(partial(Calling, beside_a_dead_one=is_dead), partial(_collect, into=into))
        with_system(
            partial(AnsweringAndCalling, is_dead=is_dead),
            partial(_answer, seconds=asked.seconds, into=into),
        )


def _collect(system: Calling, into: Figures) -> None:
    for name, figure in system.measure():
        into.setdefault(name, []).append(figure)


def answering(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure what a receiver that is dead costs replies and deliveries, which is nothing."""
    for is_dead in (False, True)[:: -1 if turn % 2 else 1]:
        with_system(
            partial(Answering, is_dead=is_dead), partial(_answer, seconds=asked.seconds, into=into)
        )


def _answer(system: Answering, seconds: float, into: Figures) -> None:
    for name, figure in system.measure(seconds):
        into.setdefault(name, []).append(figure)


def campaign_room(system: Stack, asked: Asked, turn: int, into: Figures) -> None:
    """Measure what recipients of a campaign take of the store's memory, and of time."""
    with contextlib.closing(Store(system.server.url)) as store:
        for count in sorted({10_000, 100_000, asked.recipients or 100_000}):
            room = CampaignRoom(store, count, queues_all=count == asked.recipients)
            for name, figure in room.measure():
                into.setdefault(f"{name}, of {count:,}", []).append(figure)


def numbers(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how long one process takes for many numbers, and a quiet one's reply meanwhile."""
    for busy in (2, 24, 200):
        with_system(Numbers, partial(sharing, busy=busy, into=into))


def sharing(system: Numbers, busy: int, into: Figures) -> None:
    """Let so many numbers share a process."""
    took = system.send(busy)
    owed = f"{EACH} replies each, ideal {EACH / PER_SECOND:.1f} s"
    into.setdefault(f"s until {busy} numbers sent {owed}", []).append(took.busy_s)
    into.setdefault(f"quiet number's reply ms, beside {busy}", []).append(took.quiet_s * 1_000)


def large(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how long large deliveries take, and how long a fresh message waits meanwhile."""
    for case in cases(asked.large):
        with_system(
            partial(LargeStack, case=case), partial(working_off_large, case=case, into=into)
        )


def working_off_large(system: LargeStack, case: Case, into: Figures) -> None:
    """Let the deliveries of one case be worked off."""
    took = system.measure()
    into.setdefault(f"s until idle, {case.name}", []).append(took.until_idle)
    into.setdefault(f"fresh reply s meanwhile, {case.name}", []).append(max(took.replies))


def accounts(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure one account and many, and compare them; another one begins each round."""
    runs: dict[type[OneAccount], Run] = {}
    for system in (OneAccount, ManyAccounts)[:: -1 if turn % 2 else 1]:
        with_system(system, partial(_use_accounts, asked=asked, runs=runs, into=into))
    for name, figure in compare(runs[OneAccount], runs[ManyAccounts]):
        into.setdefault(name, []).append(figure)


def _use_accounts(
    system: OneAccount, asked: Asked, runs: dict[type[OneAccount], Run], into: Figures
) -> None:
    runs[type(system)] = system.measure(asked.seconds, asked.backlog)
    if isinstance(system, ManyAccounts):
        into.setdefault(f"CPU s to read {ACCOUNTS} accounts", []).append(system.read_cpu_s())
        into.setdefault("s until an added account is served", []).append(system.reload_s())


def idle(system: Stack, asked: Asked, turn: int, into: Figures) -> None:
    """Measure from webhook to POST where nothing else happens."""
    system.start()
    for i in range(asked.singles + 20):
        body = delivery_body(message_item(f"wamid.idle{i}", "color", f"3519{i:08d}"))
        sent_at = time.time()
        system.post(body)
        wait_until(lambda i=i: len(system.posted()) > i, "the reply is posted")  # type: ignore[misc]
        if i >= 20:
            took = (system.posted()[-1]["at"] - sent_at) * 1000
            into.setdefault("webhook to POST ms, idle", []).append(took)


def rules(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure what it costs to ask few rules and many about one message; no process is needed."""
    for what, cost in costs():
        for count, took in ((FEW, cost.few), (MANY, cost.many)):
            into.setdefault(f"µs per event, {count:,} rules, {what}", []).append(took)
        into.setdefault(f"{MANY:,} rules : {FEW} rules, {what}", []).append(cost.ratio)


def room(system: Stack, asked: Asked, turn: int, into: Figures) -> None:
    """Measure what an answered message takes of the store's memory at each age."""
    with contextlib.closing(Store(system.server.url)) as store:
        answered = Answered(store, asked.answered)
        for age, size in answered.ages():
            into.setdefault(f"bytes of an answered message, {age}", []).append(size)
        into.setdefault("sends compacted/s", []).append(answered.compacted_per_s)
        ratio = answered.compacted_per_s / answered.planned_per_s
        into.setdefault("sends compacted : messages planned", []).append(ratio)


def console(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure how long each page of the console takes, beside few events and many."""
    with_system(console_gateway, partial(show_pages, asked=asked, into=into), **IN_MEMORY_ONLY)


def show_pages(system: Stack, asked: Asked, into: Figures) -> None:
    """Fill the store in two steps, and ask for every page after each."""
    # On a busy machine one call of the seeder may take seconds.
    with contextlib.closing(Store(system.server.url, socket_timeout=PATIENCE_S)) as store:
        seeder = Seeder(store)
        shown = ConsolePages(system, store, seeder)
        task = asked.progress.add_task("seeding", total=asked.things)
        for count in (FEW_EVENTS, asked.things):
            seeder.fill(count, lambda done: asked.progress.update(task, completed=done))
            for name, figure in shown.measure():
                into.setdefault(name, []).append(figure)


def console_tabs(system: Stack, asked: Asked, turn: int, into: Figures) -> None:
    """Measure what open tabs of the console leave of the deliveries kept a second."""
    with contextlib.closing(Store(system.server.url, socket_timeout=PATIENCE_S)) as store:
        for name, ratio in ConsoleTabs(system, store).measure(asked.seconds):
            into.setdefault(name, []).append(ratio)


def templates(_: None, asked: Asked, turn: int, into: Figures) -> None:
    """Measure a check of a message, rules that send templates, and a fetch of 5,000 of them."""
    into.setdefault("template check, µs", []).append(check_us())
    into.setdefault("rule with a template, in those with a text", []).append(rules_ratio())
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        server = Server(Path(folder) / "valkey").start()
        try:
            for name, value in fetch(Store(server.url)).items():
                into.setdefault(f"fetch of 5,000 templates, {name}", []).append(value)
        finally:
            server.kill()


def table(ours: Figures, theirs: Figures) -> Table:
    """Put medians side by side."""
    made = Table("", "gateway", "usual recipe", "ratio", title="Medians of one run")
    for name, values in ours.items():
        own = statistics.median(values)
        cells = [_short(own)]
        if name.startswith("webhook"):
            cells[0] = f"p50 {own:,.1f}  p99 {sorted(values)[int(len(values) * 0.99)]:,.1f}"
        if name in theirs:
            other = statistics.median(theirs[name])
            cells += [_short(other), f"{own / other:.1f} x"]
        made.add_row(name, *cells)
    return made


def _short(value: float) -> str:
    return f"{value:,.1f}" if value >= 2 else f"{value:.2f}"


# Each step, with what it measures and, where that can do the same, what is measured beside it. The
# recipe sends from the four processes that its authors advise.
STEPS: dict[str, tuple[Callable[..., None], Maker | None, Maker | None]] = {
    "keeping": (keeping, gateway, Recipe),
    "working_off": (working_off, gateway, Recipe),
    "sending": (partial(sending, processes=1), Waiting, None),
    "sending_by_two": (partial(sending, processes=2), Waiting, Waiting),
    "accepting": (accepting, Accepting, SendingRecipe),
    "cloud_api": (cloud_api, CloudApi, None),
    "campaigns": (run_campaigns, Campaigning, RecipeCampaign),
    "forwarding": (forwarding, Forwarding, RecipeForwarding),
    "forwarding_beside_a_dead_one": (
        forwarding,
        partial(Forwarding, beside_a_dead_one=True),
        None,
    ),
    "answering": (answering, None, None),
    "calling": (calling, None, None),
    "campaign_room": (campaign_room, gateway, None),
    "scheduled": (scheduled, None, None),
    "numbers": (numbers, None, None),
    "accounts": (accounts, None, None),
    "idle": (idle, gateway, None),
    "rules": (rules, None, None),
    "templates": (templates, None, None),
    "console": (console, None, None),
    "console_tabs": (console_tabs, console_gateway, None),
    "large": (large, None, None),
    "room": (room, gateway, None),
}

QUICK = [name for name in STEPS if name not in ("console", "console_tabs", "large", "scheduled")]

if __name__ == "__main__":
    main()
