"""`gateway rules`: commands that check, test, explain and compare rules."""

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from gateway.cli.common.formats import pluralize
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.develop.rules.diff import diff
from gateway.cli.develop.rules.explain import explain_event
from gateway.cli.develop.rules.paths import (
    FAILED,
    PathGiven,
    console,
    problem_to_dict,
    render_problem,
    resolve_rules_path,
)
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
    where = resolve_rules_path(path)
    problems = find_problems(where)
    broken = any(not problem.is_warning for problem in problems)
    rulebook = None if broken else load(where)
    if json:
        print_json(_to_dict(where, rulebook, problems))
    else:
        _show(where, rulebook, problems)
    if broken:
        raise typer.Exit(FAILED)


def _show(where: Path, rulebook: Rulebook | None, problems: Sequence[Problem]) -> None:
    out = console()
    for problem in problems:
        out.print(render_problem(problem))
    out.print(_verdict(where, rulebook, problems))


def _verdict(where: Path, rulebook: Rulebook | None, problems: Sequence[Problem]) -> Text:
    warnings = sum(problem.is_warning for problem in problems)
    errors = len(problems) - warnings
    counts = [pluralize(errors, "error")] if errors else []
    counts += [pluralize(warnings, "warning")] if warnings else []
    if not rulebook:
        return Text(f"✗ {', '.join(counts)}: these rules cannot be used", "bold red")
    summary = (
        f"{pluralize(len(rulebook.rules), 'rule')} in {pluralize(_count_files(where), 'file')}"
    )
    return Text(f"✓ {', '.join([summary, f'version {rulebook.version}', *counts])}", "bold green")


def _to_dict(
    where: Path, rulebook: Rulebook | None, problems: Sequence[Problem]
) -> dict[str, object]:
    return {
        "ok": bool(rulebook),
        "files": _count_files(where),
        "rules": len(rulebook.rules) if rulebook else None,
        "version": rulebook.version if rulebook else None,
        "problems": [problem_to_dict(problem) for problem in problems],
    }


def _count_files(where: Path) -> int:
    try:
        return len(loader.read(where))
    except RulebookError:
        return 0


rules = typer.Typer(
    name="rules",
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
