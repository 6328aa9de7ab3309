"""`gateway rules`: commands that check, test, explain and compare rules."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import AccountName, zone_of_rules
from gateway.cli.common.options import Json
from gateway.cli.common.output import print_json
from gateway.cli.develop.rules.diff import diff
from gateway.cli.develop.rules.explain import explain_event
from gateway.cli.develop.rules.new import new
from gateway.cli.develop.rules.paths import (
    FAILED,
    console,
    problem_to_dict,
    render_problem,
    resolve_rules_path,
)
from gateway.cli.develop.rules.template_check import find_unfit_templates
from gateway.cli.develop.rules.test import run_tests
from gateway.config.environment import SettingsError, environment, read_settings
from gateway.core.formats import pluralize
from gateway.core.forwards.receiver import Receiver
from gateway.rules.loader import TEST_SUFFIXES, RulesCheck, check_rules
from gateway.rules.problems import Problem
from gateway.rules.reference import schema_json
from gateway.rules.testing.testfile import read_cases

PathsGiven = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PATH",
        help="Files or folders of rules; GATEWAY_RULES, or rules/, if they are left out.",
        show_default=False,
    ),
]

UNSET = "! {} is not set here: where it is not, forwards wait for it"
NO_ADDRESS = "! GATEWAY_NOTIFY_URL is not set here: where it is not, notifications wait for it"


def check(paths: PathsGiven = None, account: AccountName = "", json: Json = False) -> None:
    """Tell everything that is wrong with rules; the exit code is 1 where they cannot be used.

    Warnings are told too, and do not keep rules from being used. Several files or folders are
    checked as one rulebook; of test files, only the form is checked.
    """
    if paths and account:
        raise errors.fail("Name files or folders, or an account, but not both.")
    given: Sequence[Path | None] = paths or [None]
    resolved = [resolve_rules_path(path, account) for path in given]
    tests = [path for path in resolved if path.name.endswith(TEST_SUFFIXES)]
    rules_paths = [path for path in resolved if path not in tests]
    zone = next(filter(None, map(zone_of_rules, rules_paths)), "")
    found = check_rules(rules_paths, zone)
    unfit = find_unfit_templates(found, rules_paths, account)
    problems = (*found.problems, *read_cases(tests).problems, *unfit)
    is_broken = any(not problem.is_warning for problem in problems)
    if json:
        print_json(_to_dict(found, problems, is_ok=not is_broken))
    else:
        _show(found, problems, len(tests), is_ok=not is_broken)
    if is_broken:
        raise typer.Exit(FAILED)


def _show(found: RulesCheck, problems: Sequence[Problem], tests: int, *, is_ok: bool) -> None:
    out = console()
    for problem in problems:
        out.print(render_problem(problem))
    if found.note:
        out.print(Text(f"note: {found.note}", "dim"))
    out.print(_verdict(found, problems, tests, is_ok=is_ok))
    if found.rulebook and found.rulebook.posts_notifications and not _has_notify_url():
        out.print(Text(NO_ADDRESS, "yellow"))
    for name in _unset_secrets(found.rulebook.receivers if found.rulebook else ()):
        out.print(Text(UNSET.format(name), "yellow"))


def _unset_secrets(receivers: Sequence[Receiver]) -> list[str]:
    """Return the settings with secrets of forwards that are not set here."""
    names = sorted({one.secret for one in receivers})
    try:
        known = read_settings([name.lower() for name in names], environment())
    except SettingsError:
        return names
    return [name for name in names if name.lower() not in known]


def _has_notify_url() -> bool:
    """Return whether the settings here name an address of notifications."""
    try:
        return bool(read_settings(["gateway_notify_url"], environment()))
    except SettingsError:
        return False


def _verdict(found: RulesCheck, problems: Sequence[Problem], tests: int, *, is_ok: bool) -> Text:
    warnings = sum(problem.is_warning for problem in problems)
    mistakes = len(problems) - warnings
    counts = [pluralize(mistakes, "error")] if mistakes else []
    counts += [pluralize(warnings, "warning")] if warnings else []
    if not is_ok or not (rulebook := found.rulebook):
        return Text(f"✗ {', '.join(counts)}: these rules cannot be used", "bold red")
    summary = f"{pluralize(len(rulebook.rules), 'rule')} in {pluralize(found.files, 'file')}"
    summary += f" and {pluralize(tests, 'test file')}" if tests else ""
    return Text(f"✓ {', '.join([summary, f'version {rulebook.version}', *counts])}", "bold green")


def _to_dict(found: RulesCheck, problems: Sequence[Problem], *, is_ok: bool) -> dict[str, object]:
    rulebook = found.rulebook
    return {
        "ok": is_ok,
        "files": found.files,
        "rules": len(rulebook.rules) if rulebook else None,
        "version": rulebook.version if rulebook else None,
        "problems": [problem_to_dict(problem) for problem in problems],
        "note": found.note,
    }


rules = typer.Typer(
    name="rules",
    help="Write, check and test rules, and see what they answer, and why.",
    no_args_is_help=True,
    add_completion=False,
)
rules.command("new")(new)
rules.command("check")(check)
rules.command("test")(run_tests)
rules.command("explain")(explain_event)
rules.command("diff")(diff)


@rules.command("schema")
def schema() -> None:
    """Print the JSON Schema of a rules file, by which editors complete and check."""
    typer.echo(schema_json(), nl=False)
