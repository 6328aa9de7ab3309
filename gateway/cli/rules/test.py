"""`gateway rules test`: the conversations beside the rules, played and compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from gateway.cli.common import errors
from gateway.cli.common.trace_line import many
from gateway.cli.rules.paths import FAILED, Json, PathGiven, asked, console, plain, shown
from gateway.cli.rules.rules_played import Report
from gateway.rules.loader import TESTS, load
from gateway.rules.problems import Problem
from gateway.rules.testing.runner import play
from gateway.rules.testing.testfile import Casebook, beside, read, tested


def run_tests(
    path: PathGiven = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a rule is hit by no test.")
    ] = False,
    json: Json = False,
) -> None:
    """Play the conversations in *.test.yaml beside the rules, and compare what is answered.

    The exit code is 1 where something differs, and 2 where rules or tests cannot be read.
    """
    where = asked(path)
    with errors.sentences():
        rulebook = load(tested(where))
    casebook = _read(where)
    if casebook.problems:
        raise _unreadable(casebook.problems, json=json)
    report = Report(rulebook, tuple(play(placed, rulebook) for placed in casebook.cases), strict)
    if json:
        typer.echo(orjson.dumps(report.plain(), option=orjson.OPT_INDENT_2))
    else:
        report.show(console())
    if not report.ok:
        raise typer.Exit(FAILED)


def _read(where: Path) -> Casebook:
    found = [where] if where.name.endswith(TESTS) else beside(where)
    if not found:
        example = where / "shop.test.yaml" if where.is_dir() else where.with_suffix(TESTS[0])
        raise errors.fail(f"There are no tests beside {where}, such as {example}.")
    return read(found)


def _unreadable(problems: Sequence[Problem], *, json: bool) -> typer.Exit:
    if json:
        told = {"ok": False, "problems": [plain(problem) for problem in problems]}
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        out = console()
        for problem in problems:
            out.print(shown(problem))
        out.print(f"[bold red]✗ {many(len(problems), 'error')}: these tests cannot be played[/]")
    return typer.Exit(errors.BAD_INPUT)
