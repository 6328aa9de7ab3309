"""`gateway rules`: what one does with rules before they answer anybody, and after."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import typer
from rich.text import Text

from gateway.cli.common.output import many
from gateway.cli.develop.rules.diff import diff
from gateway.cli.develop.rules.explain import explain_event
from gateway.cli.develop.rules.paths import FAILED, Json, PathGiven, asked, console, plain, shown
from gateway.cli.develop.rules.test import run_tests
from gateway.rules import loader
from gateway.rules.loader import find_problems, load
from gateway.rules.problems import Problem, RulebookError
from gateway.rules.reference import schema_json
from gateway.rules.rulebook import Rulebook


def check(path: PathGiven = None, json: Json = False) -> None:
    """Tell everything that is wrong with rules; the exit code is 1 where they cannot be used.

    Warnings are told too, and do not keep rules from being used.
    """
    where = asked(path)
    found = find_problems(where)
    broken = any(not problem.is_warning for problem in found)
    rulebook = None if broken else load(where)
    if json:
        typer.echo(orjson.dumps(_plain(where, rulebook, found), option=orjson.OPT_INDENT_2))
    else:
        _show(where, rulebook, found)
    if broken:
        raise typer.Exit(FAILED)


def _show(where: Path, rulebook: Rulebook | None, found: Sequence[Problem]) -> None:
    out = console()
    for problem in found:
        out.print(shown(problem))
    out.print(_verdict(where, rulebook, found))


def _verdict(where: Path, rulebook: Rulebook | None, found: Sequence[Problem]) -> Text:
    warnings = sum(problem.is_warning for problem in found)
    errors = len(found) - warnings
    counted = [many(errors, "error")] if errors else []
    counted += [many(warnings, "warning")] if warnings else []
    if not rulebook:
        return Text(f"✗ {', '.join(counted)}: these rules cannot be used", "bold red")
    held = f"{many(len(rulebook.rules), 'rule')} in {many(_files(where), 'file')}"
    return Text(f"✓ {', '.join([held, f'version {rulebook.version}', *counted])}", "bold green")


def _plain(where: Path, rulebook: Rulebook | None, found: Sequence[Problem]) -> dict[str, object]:
    return {
        "ok": bool(rulebook),
        "files": _files(where),
        "rules": len(rulebook.rules) if rulebook else None,
        "version": rulebook.version if rulebook else None,
        "problems": [plain(problem) for problem in found],
    }


def _files(where: Path) -> int:
    try:
        return len(loader.read(where))
    except RulebookError:
        return 0


rules = typer.Typer(
    help="Check rules, test them, and see what they answer, and why.",
    no_args_is_help=True,
    add_completion=False,
)
rules.command("check")(check)
rules.command("test")(run_tests)
rules.command("explain")(explain_event)
rules.command("diff")(diff)


@rules.command("schema")
def schema() -> None:
    """Print the JSON Schema of a rules file, by which editors complete and check."""
    typer.echo(schema_json(), nl=False)
