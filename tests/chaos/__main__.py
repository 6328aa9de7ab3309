"""`scripts/chaos`: kill whatever can be killed, at random under load, and count the damage."""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

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
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="of each system")
    parser.add_argument("--seconds", type=float, default=3600.0, help="at most, of each system")
    parser.add_argument("--rate", type=float, default=60.0, help="messages delivered a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument(
        "--baseline", type=Path, nargs="?", const=BASELINE, help="break the usual recipe too"
    )
    parser.add_argument("--report", type=Path, help="write the table as Markdown to this file")
    given = parser.parse_args()
    if given.baseline and not given.baseline.exists():
        parser.error(f"there is no recipe at {given.baseline}")
    asked = Asked(given.kills, given.seconds, given.rate, given.seed)
    told = f"{datetime.now(UTC):%Y-%m-%d}, `scripts/chaos {_shown(given)}`"
    console, found = Console(), []
    for one in broken(_makers(given.baseline), asked):
        found.append(one)
        console.print(table(one))
        for story in one.stories:
            console.print(story, markup=False, highlight=False)
        if given.report:
            given.report.write_text(markdown(found, told))
    return 0 if found[0].right else 1


def broken(makers: Iterable[Callable[[Path], Gateway]], asked: Asked) -> Iterator[Found]:
    """Break system after system, each in a folder of its own."""
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
        for make in makers:
            task = progress.add_task("starting", total=asked.kills)

            def note(fault: str, task: int = task) -> None:
                progress.update(task, description=fault, advance=1)  # type: ignore[arg-type]

            with tempfile.TemporaryDirectory(prefix="chaos") as name:
                system = make(Path(name))
                try:
                    system.start()
                    found = break_it(system, asked, note)
                finally:
                    system.stop()
            progress.update(task, description=system.name)
            yield found


def _makers(recipe: Path | None) -> list[Callable[[Path], Gateway]]:
    return [Gateway] if recipe is None else [Gateway, lambda folder: Recipe(folder, recipe)]


def _shown(given: argparse.Namespace) -> str:
    limits = f"--kills {given.kills} --seconds {given.seconds:g}"
    shown = f"{limits} --rate {given.rate:g} --seed {given.seed}"
    return f"{shown} --baseline" if given.baseline else shown


if __name__ == "__main__":
    sys.exit(main())
