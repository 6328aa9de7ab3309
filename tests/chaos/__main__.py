"""`scripts/chaos`: kill whatever can be killed, at random under load, and count the damage."""

import argparse
import json
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.gateway import Gateway
from tests.chaos.recipe import Recipe
from tests.chaos.report import markdown, table
from tests.chaos.run import Asked, Found, break_it

BASELINE = Path(__file__).parents[3] / "shared" / "baseline" / "app.py"
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main() -> int:
    """Break the gateway, and the usual recipe where asked; exit with 1 where the gateway erred."""
    for end in (signal.SIGINT, signal.SIGTERM):  # in the background too, so that nothing stays
        signal.signal(end, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="of each system, at least")
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most, of each system")
    parser.add_argument("--rate", type=float, default=60.0, help="deliveries a second")
    parser.add_argument(
        "--large", type=float, default=0.005, help="share of deliveries with a thousand items"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--state", type=Path, help="go on from this file where it exists, and write it each round"
    )
    parser.add_argument(
        "--baseline", type=Path, nargs="?", const=BASELINE, help="break the usual recipe too"
    )
    parser.add_argument("--report", type=Path, help="write the table as Markdown to this file")
    given = parser.parse_args()
    if given.baseline and not given.baseline.exists():
        parser.error(f"there is no recipe at {given.baseline}")
    if given.state and given.baseline:
        parser.error("--state is of the gateway alone, without --baseline")
    state = State.read(given.state) if given.state else State()
    seed = given.seed if given.seed is not None else state.seed
    asked = Asked(given.kills, given.seconds, given.rate, seed, given.large)
    told = f"{datetime.now(UTC):%Y-%m-%d}, `scripts/chaos {_shown(asked, given.baseline)}`"
    console, found = Console(), []
    for one in broken(_makers(given.baseline, given.large), asked, replace(state, seed=seed)):
        found.append(one)
        console.print(table(one))
        for story in one.stories:
            console.print(story, markup=False, highlight=False)
        if given.report:
            given.report.write_text(markdown(found, told))
    return 0 if found[0].right else 1


@dataclass(frozen=True)
class State:
    """What a long run goes on from: its file, its seed, and what came of it so far."""

    file: Path | None = None
    seed: int = field(default_factory=lambda: random.randrange(10**6))
    found: Found | None = None

    @classmethod
    def read(cls, file: Path) -> "State":
        """Read a file that an earlier run wrote, or begin anew where there is none."""
        if not file.exists():
            return cls(file)
        told = json.loads(file.read_text())
        return cls(file, told["seed"], Found.unpacked(told["found"]))

    def save(self, found: Found) -> None:
        """Write the file, whole or not at all."""
        if self.file:
            spare = self.file.with_suffix(".new")
            spare.write_text(json.dumps({"seed": self.seed, "found": found.packed()}, indent=1))
            spare.replace(self.file)


NOTHING_YET = State(seed=0)


def broken(
    makers: Iterable[Callable[[Path], Gateway]], asked: Asked, state: State = NOTHING_YET
) -> Iterator[Found]:
    """Break system after system, each in a folder of its own."""
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
        for make in makers:
            done = state.found.killed if state.found else 0
            task = progress.add_task("starting", total=max(asked.kills, done), completed=done)

            with tempfile.TemporaryDirectory(prefix="chaos") as name:
                system = make(Path(name))

                def note(fault: str, task: Any = task, kills: Set[str] = system.kills) -> None:
                    progress.update(task, description=fault, advance=fault in kills)

                try:
                    system.start()
                    found = break_it(system, asked, note, state.found, state.save)
                finally:
                    system.stop()
            progress.update(task, description=system.name)
            yield found


def _makers(recipe: Path | None, large: float) -> list[Callable[[Path], Gateway]]:
    ours = partial(Gateway, large=large)
    return [ours] if recipe is None else [ours, lambda folder: Recipe(folder, recipe)]


def _shown(asked: Asked, recipe: Path | None) -> str:
    limits = f"--kills {asked.kills} --seconds {asked.seconds:g}"
    shown = f"{limits} --rate {asked.rate:g} --large {asked.large:g} --seed {asked.seed}"
    return f"{shown} --baseline" if recipe else shown


if __name__ == "__main__":
    sys.exit(main())
