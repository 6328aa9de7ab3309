"""`gateway rules test`: plays the test cases beside the rules, and compares the answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import zone_of_rules
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.develop.rules.diff import diff_lines, format_message
from gateway.cli.develop.rules.paths import (
    FAILED,
    PathGiven,
    console,
    problem_to_dict,
    render_problem,
    resolve_rules_path,
)
from gateway.core.formats import pluralize
from gateway.core.text import printable
from gateway.rules.explain import format_explanations
from gateway.rules.loader import TEST_SUFFIXES, load
from gateway.rules.matching.rule import Rule
from gateway.rules.problems import Problem
from gateway.rules.rulebook import Rulebook
from gateway.rules.testing.runner import CaseResult, StepResult, play_case
from gateway.rules.testing.testcase import CustomerAct
from gateway.rules.testing.testfile import Casebook, find_test_files, read_cases, rules_path_for

STYLES = {" ": "", "-": "red", "+": "green"}


@dataclass(frozen=True, slots=True)
class Report:
    """Results of all cases played against a rulebook."""

    rulebook: Rulebook
    results: tuple[CaseResult, ...]
    strict: bool = False

    @property
    def failure_count(self) -> int:
        """Return the number of failed cases."""
        return sum(not one.passed for one in self.results)

    @property
    def unhit_rules(self) -> list[str]:
        """Return the names of rules that no case hit, in order; disabled rules are left out."""
        hit = frozenset[str]().union(*(one.fired for one in self.results))
        return [rule.name for rule in self._enabled_rules if rule.name not in hit]

    @property
    def _enabled_rules(self) -> list[Rule]:
        return [rule for rule in self.rulebook.rules if rule.enabled]

    @property
    def ok(self) -> bool:
        """Return whether the tests passed."""
        return not self.failure_count and not (self.strict and self.unhit_rules)

    def show(self, out: Console) -> None:
        """Print it."""
        file = ""
        for one in self.results:
            if one.placed.file != file:
                file = one.placed.file
                out.print(Text(file, "bold"))
            for line in _lines(one):
                out.print(line)
        if self.unhit_rules:
            style = "bold red" if self.strict else "yellow"
            out.print(Text(f"never hit: {', '.join(self.unhit_rules)}", style))
        out.print(self._verdict())

    def _verdict(self) -> Text:
        rules = len(self._enabled_rules)
        hit = f"{rules - len(self.unhit_rules)} of {pluralize(rules, 'rule')} hit"
        passed = f"{pluralize(len(self.results), 'case')} passed"
        if self.ok:
            return Text(f"✓ {passed}, {hit}", "bold green")
        if not self.failure_count:
            return Text(f"✗ {passed}, but only {hit}", "bold red")
        failed = f"{self.failure_count} of {pluralize(len(self.results), 'case')} failed"
        return Text(f"✗ {failed}, {hit}", "bold red")

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON form."""
        return {
            "ok": self.ok,
            "version": self.rulebook.version,
            "rules": len(self._enabled_rules),
            "never_hit": self.unhit_rules,
            "failed": self.failure_count,
            "cases": [_to_dict(one) for one in self.results],
        }


def _lines(result: CaseResult) -> Iterator[Text]:
    sign, style = ("✓", "green") if result.passed else ("✗", "bold red")
    yield Text.assemble((f"  {sign} ", style), result.placed.case.case)
    for step in result.results:
        if step.differences or step.error:
            yield from _render_step(result, step)


def _render_step(result: CaseResult, step: StepResult) -> Iterator[Text]:
    location = f"{result.placed.file}:{step.mark.line}:{step.mark.column}"
    when = _format_clock(step.now, result.placed.case.at)
    yield Text.assemble(
        (f"      {location}", "bold"),
        f"  they: {format_action(step.step.they)}",
        (f"  {when}", "dim"),
    )
    if step.error:
        yield Text(f"        planning failed: {printable(step.error)}", "bold red")
    for differs in step.differences:
        for sign, line in diff_lines(differs):
            yield Text(f"        {sign} {differs.what}: {line}", STYLES[sign])
    for reason in format_explanations(step.explanations):
        yield Text(f"          {reason}", "dim")


def format_action(they: CustomerAct | None) -> str:
    """Format a customer's action as in a test."""
    given = they.model_dump(exclude_unset=True) if they else {}
    return format_message(given["text"] if set(given) == {"text"} else given)


def _format_clock(now: datetime, at: datetime) -> str:
    return f"{now.astimezone(at.tzinfo):%a %Y-%m-%d %H:%M}"


def _to_dict(result: CaseResult) -> Mapping[str, Any]:
    return {
        "file": result.placed.file,
        "line": result.placed.mark.line,
        "case": result.placed.case.case,
        "passed": result.passed,
        "fired": [list(turn.fired) for turn in result.results],
        "differs": [
            {
                "line": turn.mark.line,
                "they": format_action(turn.step.they),
                "what": differs.what,
                "expected": list(differs.expected),
                "got": list(differs.actual),
                "why": list(format_explanations(turn.explanations)),
            }
            for turn in result.results
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
    where = resolve_rules_path(path)
    with errors.exit_on_config_error():
        rules_path = rules_path_for(where)
        rulebook = load(rules_path, zone=zone_of_rules(rules_path))
    casebook = _read_casebook(where)
    if casebook.problems:
        raise _report_unreadable(casebook.problems, json=json)
    report = Report(
        rulebook, tuple(play_case(placed, rulebook) for placed in casebook.cases), strict
    )
    if json:
        print_json(report.to_dict())
    else:
        report.show(console())
    if not report.ok:
        raise typer.Exit(FAILED)


def _read_casebook(where: Path) -> Casebook:
    test_files = [where] if where.name.endswith(TEST_SUFFIXES) else find_test_files(where)
    if not test_files:
        example = (
            where / "shop.test.yaml" if where.is_dir() else where.with_suffix(TEST_SUFFIXES[0])
        )
        raise errors.fail(f"There are no tests beside {where}, such as {example}.")
    return read_cases(test_files)


def _report_unreadable(problems: Sequence[Problem], *, json: bool) -> typer.Exit:
    if json:
        report = {"ok": False, "problems": [problem_to_dict(problem) for problem in problems]}
        print_json(report)
    else:
        out = console()
        for problem in problems:
            out.print(render_problem(problem))
        out.print(
            f"[bold red]✗ {pluralize(len(problems), 'error')}: these tests cannot be played[/]"
        )
    return typer.Exit(errors.BAD_INPUT)
