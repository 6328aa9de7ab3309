"""Paths and output shared by the `gateway rules` commands."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gateway.accounts.account import Accounts
from gateway.cli.common import errors
from gateway.cli.common.accounts import USUAL_RULES, choose_account, load_of_environment
from gateway.cli.common.delivery_source import CaptureFiles, Item, StoredDeliveries
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.config.environment import environment
from gateway.rules.problems import Problem, quote_word
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.history import History
from gateway.store.redis.client import Store

FAILED = 1

PathGiven = Annotated[
    Path | None,
    typer.Argument(
        metavar="[PATH]",
        help="A file or folder of rules; GATEWAY_RULES, or rules/, if it is left out.",
        show_default=False,
    ),
]


def resolve_rules_path(path: Path | None, account: str = "") -> Path:
    """Return the path of the rules, or end the command if it does not exist."""
    resolved = path or _usual_path(account)
    if not resolved.exists():
        hint = "" if path else " Name a file or a folder of rules, or set GATEWAY_RULES."
        raise errors.fail(f"{resolved} does not exist.{hint}")
    return resolved


def _usual_path(account: str) -> Path:
    """Return the path of an account's rules, or of all rules where there is one rulebook."""
    usual = Path(environment().get("GATEWAY_RULES") or USUAL_RULES)
    accounts = load_of_environment(usual)
    if account:
        return choose_account(accounts or Accounts([]), account).rules
    if accounts is None:
        return usual
    first, *others = accounts.rule_paths
    if others:
        paths = ", ".join(map(str, accounts.rule_paths))
        raise errors.fail(f"The accounts have several rulebooks: name the path of one ({paths})")
    return first


def console() -> Console:
    """Return the console for output; it does not wrap lines."""
    return Console(highlight=False, soft_wrap=True)


def render_problem(problem: Problem) -> Text:
    """Format a problem on one line, its place first as in other tools."""
    mark = f":{problem.mark.line}:{problem.mark.column}" if problem.mark.line else ""
    kind, style = ("warning", "yellow") if problem.is_warning else ("error", "bold red")
    about = f"{problem.about} {quote_word(problem.rule)}: " if problem.rule else ""
    return Text.assemble(
        (f"{problem.file}{mark}: ", "bold"), (f"{kind}: ", style), (about, "cyan"), problem.message
    )


def problem_to_dict(problem: Problem) -> dict[str, object]:
    """Return a problem in JSON form; line 0 means the whole file."""
    return {
        "file": problem.file,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "severity": "warning" if problem.is_warning else "error",
        problem.about: problem.rule,
        "message": problem.message,
    }


@contextmanager
def open_deliveries(paths: Sequence[Path] | None) -> Iterator[Iterable[Item]]:
    """Yield the deliveries in files, or else those still in the inbox, oldest first."""
    if paths:
        yield CaptureFiles(paths)
        return
    given = target.settings()
    with open_store(given.redis_url) as store:
        yield stored_deliveries(store, Bodies(given.encryption_keys))


def stored_deliveries(store: Store, bodies: Bodies) -> StoredDeliveries:
    """Return Meta's deliveries that are in the inbox now."""
    return StoredDeliveries(History(store, bodies), None, dead_letters.server_time(store))
