"""`gateway rules test`: the conversations beside the rules, played and compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.output import many
from gateway.cli.develop.rules.diff import compared, written
from gateway.cli.develop.rules.paths import FAILED, Json, PathGiven, asked, console, plain, shown
from gateway.core.text import printable
from gateway.rules.explain import format_explanations
from gateway.rules.loader import TEST_SUFFIXES, load
from gateway.rules.problems import Problem
from gateway.rules.rulebook import Rule, Rulebook
from gateway.rules.testing.runner import CaseResult, StepResult, play_case
from gateway.rules.testing.testcase import CustomerAct
from gateway.rules.testing.testfile import Casebook, find_test_files, read_cases, rules_path_for

STYLES = {" ": "", "-": "red", "+": "green"}


@dataclass(frozen=True, slots=True)
class Report:
    """All that was played against a rulebook."""

    rulebook: Rulebook
    played: tuple[CaseResult, ...]
    strict: bool = False

    @property
    def failed(self) -> int:
        """Return how many cases failed."""
        return sum(not one.passed for one in self.played)

    @property
    def never(self) -> list[str]:
        """Name the rules that no case hit, in their order; those that are off cannot be."""
        hit = frozenset[str]().union(*(one.fired for one in self.played))
        return [rule.name for rule in self._used if rule.name not in hit]

    @property
    def _used(self) -> list[Rule]:
        return [rule for rule in self.rulebook.rules if rule.enabled]

    @property
    def ok(self) -> bool:
        """Say whether this is good enough."""
        return not self.failed and not (self.strict and self.never)

    def show(self, out: Console) -> None:
        """Show it to people."""
        file = ""
        for one in self.played:
            if one.placed.file != file:
                file = one.placed.file
                out.print(Text(file, "bold"))
            for line in _lines(one):
                out.print(line)
        if self.never:
            style = "bold red" if self.strict else "yellow"
            out.print(Text(f"never hit: {', '.join(self.never)}", style))
        out.print(self._verdict())

    def _verdict(self) -> Text:
        rules = len(self._used)
        hit = f"{rules - len(self.never)} of {many(rules, 'rule')} hit"
        passed = f"{many(len(self.played), 'case')} passed"
        if self.ok:
            return Text(f"✓ {passed}, {hit}", "bold green")
        if not self.failed:
            return Text(f"✗ {passed}, but only {hit}", "bold red")
        failed = f"{self.failed} of {many(len(self.played), 'case')} failed"
        return Text(f"✗ {failed}, {hit}", "bold red")

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "ok": self.ok,
            "version": self.rulebook.version,
            "rules": len(self._used),
            "never_hit": self.never,
            "failed": self.failed,
            "cases": [_plain(one) for one in self.played],
        }


def _lines(one: CaseResult) -> Iterator[Text]:
    sign, style = ("✓", "green") if one.passed else ("✗", "bold red")
    yield Text.assemble((f"  {sign} ", style), one.placed.case.case)
    for turn in one.results:
        if turn.differences or turn.error:
            yield from _turn(one, turn)


def _turn(one: CaseResult, turn: StepResult) -> Iterator[Text]:
    place = f"{one.placed.file}:{turn.mark.line}:{turn.mark.column}"
    when = _clock(turn.now, one.placed.case.at)
    yield Text.assemble(
        (f"      {place}", "bold"), f"  they: {acted(turn.step.they)}", (f"  {when}", "dim")
    )
    if turn.error:
        yield Text(f"        planning failed: {printable(turn.error)}", "bold red")
    for differs in turn.differences:
        for sign, line in compared(differs):
            yield Text(f"        {sign} {differs.what}: {line}", STYLES[sign])
    for told in format_explanations(turn.explanations):
        yield Text(f"          {told}", "dim")


def acted(they: CustomerAct | None) -> str:
    """Write what the customer does as a test has it."""
    given = they.model_dump(exclude_unset=True) if they else {}
    return written(given["text"] if set(given) == {"text"} else given)


def _clock(now: datetime, at: datetime) -> str:
    return f"{now.astimezone(at.tzinfo):%a %Y-%m-%d %H:%M}"


def _plain(one: CaseResult) -> Mapping[str, Any]:
    return {
        "file": one.placed.file,
        "line": one.placed.mark.line,
        "case": one.placed.case.case,
        "passed": one.passed,
        "fired": [list(turn.fired) for turn in one.results],
        "differs": [
            {
                "line": turn.mark.line,
                "they": acted(turn.step.they),
                "what": differs.what,
                "expected": list(differs.expected),
                "got": list(differs.actual),
                "why": list(format_explanations(turn.explanations)),
            }
            for turn in one.results
            for differs in turn.differences
        ],
    }


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
        rulebook = load(rules_path_for(where))
    casebook = _read(where)
    if casebook.problems:
        raise _unreadable(casebook.problems, json=json)
    report = Report(
        rulebook, tuple(play_case(placed, rulebook) for placed in casebook.cases), strict
    )
    if json:
        typer.echo(orjson.dumps(report.plain(), option=orjson.OPT_INDENT_2))
    else:
        report.show(console())
    if not report.ok:
        raise typer.Exit(FAILED)


def _read(where: Path) -> Casebook:
    found = [where] if where.name.endswith(TEST_SUFFIXES) else find_test_files(where)
    if not found:
        example = (
            where / "shop.test.yaml" if where.is_dir() else where.with_suffix(TEST_SUFFIXES[0])
        )
        raise errors.fail(f"There are no tests beside {where}, such as {example}.")
    return read_cases(found)


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
