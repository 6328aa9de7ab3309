"""`gateway accounts`: the operator checks the file of accounts, and sees what each account has."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import typer
from rich.table import Table

from gateway.accounts.account import Account, Accounts
from gateway.accounts.loader import AccountProblem, AccountsError, load_accounts
from gateway.accounts.reference import schema_json
from gateway.accounts.rulebooks import AccountRules
from gateway.cli.common.accounts import load_or_end
from gateway.cli.common.options import Json
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_store
from gateway.cli.local import target
from gateway.core.formats import format_duration, format_time, pluralize
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.rules.problems import RulebookError
from gateway.store.dead_letters.dead_letters import server_time
from gateway.store.monitoring.secret_uses import SecretUse, UsedSecret, read_uses

FAILED = 1
# Meta repeats a delivery for a week, each time with the signature that it had at first.
SAFE_AFTER = timedelta(days=7)

commands = typer.Typer(
    name="accounts",
    help="Check the accounts, and list them with their numbers and the uses of their secrets.",
    no_args_is_help=True,
    add_completion=False,
)
Uses = Mapping[UsedSecret, SecretUse]


@commands.command("list")
def list_accounts(json: Json = False) -> None:
    """List the accounts: their addresses, numbers and rules, and which app secrets are in use."""
    given = target.settings()
    accounts = load_or_end(given)
    with open_store(given.redis_url, "so nothing can be told of the secrets") as store:
        uses, now_ms = read_uses(store), int(server_time(store).timestamp() * 1000)
    rows = [_to_dict(one, uses, now_ms) for one in accounts]
    if json:
        print_json({"accounts": rows})
        return
    table = Table("account", "app", "address", "numbers", "rules", "app secrets")
    for row in rows:
        table.add_row(
            row["name"] or "(of the variables)",
            row["app"] or "–",
            row["address"],
            "\n".join(row["numbers"]) or "–",
            row["rules"],
            "\n".join(map(_describe_secret, row["secrets"])),
        )
    open_console().print(table)


@commands.command()
def check(json: Json = False) -> None:
    """Tell every mistake in the file of accounts and in their rules; the exit code is 1 for any."""
    given = target.settings()
    try:
        accounts = load_accounts(given)
    except AccountsError as error:
        _report(error.problems, json=json)
        raise typer.Exit(FAILED) from None
    broken = _find_broken_rules(accounts)
    numbers = sum(len(one.numbers) for one in accounts)
    if json:
        counts = {"accounts": len(accounts), "numbers": numbers}
        print_json({"ok": not broken, **counts, "problems": [], "rules": broken})
    else:
        for problem in broken.values():
            typer.echo(problem)
        summary = f"{pluralize(len(accounts), 'account')}, {pluralize(numbers, 'number')}"
        typer.echo(f"✗ {summary}: rules cannot be used" if broken else f"✓ {summary}")
    if broken:
        raise typer.Exit(FAILED)


@commands.command()
def schema() -> None:
    """Print the JSON Schema of the file, by which editors complete and check."""
    typer.echo(schema_json(), nl=False)


def _report(problems: Sequence[AccountProblem], *, json: bool) -> None:
    if json:
        rows = [_problem_to_dict(one) for one in problems]
        print_json({"ok": False, "accounts": None, "numbers": None, "problems": rows, "rules": {}})
        return
    for one in problems:
        typer.echo(str(one))
    typer.echo(f"✗ {pluralize(len(problems), 'mistake')}: these accounts cannot be used")


def _problem_to_dict(problem: AccountProblem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "account": problem.rule,
        "message": problem.message,
    }


def _find_broken_rules(accounts: Accounts) -> dict[str, str]:
    """Return the first error of each file or folder of rules that cannot be used."""
    broken = {}
    for path in accounts.rule_paths:
        only = Accounts(one for one in accounts if one.rules == path)
        try:
            AccountRules(lambda only=only: only)  # type: ignore[misc]
        except RulebookError as error:
            broken[str(path)] = str(error).splitlines()[0]
    return broken


def _to_dict(account: Account, uses: Uses, now_ms: int) -> dict[str, Any]:
    return {
        "name": account.name,
        "app": account.app,
        "address": account.webhook,
        "wabas": list(account.wabas),
        "numbers": [one.id for one in account.numbers],
        "rules": str(account.rules),
        "secrets": [_secret_to_dict(account, one.id, uses, now_ms) for one in account.secrets],
    }


def _secret_to_dict(account: Account, secret: str, uses: Uses, now_ms: int) -> dict[str, Any]:
    """Return how often a secret has matched, and whether it may be taken out.

    That is so if it has matched nothing for a week while another one of the account has.
    """
    use = uses.get(UsedSecret(account.name, secret))
    unused_ms = now_ms - use.last_ms if use else None
    others = [uses.get(UsedSecret(account.name, one.id)) for one in account.secrets]
    safe_ms = SAFE_AFTER.total_seconds() * 1000
    is_safe = any(one and use and one.last_ms - use.last_ms > safe_ms for one in others)
    return {
        "id": secret,
        "matched": use.times if use else 0,
        "last": format_time(datetime_from_ms(use.last_ms)) if use else None,
        "ago": format_duration(timedelta(milliseconds=unused_ms or 0)),
        "safe_to_remove": is_safe,
    }


def _describe_secret(secret: Mapping[str, Any]) -> str:
    if not secret["matched"]:
        return f"{secret['id']}: has matched nothing yet"
    counted = pluralize(secret["matched"], "delivery", "deliveries")
    safe = "; safe to remove" if secret["safe_to_remove"] else ""
    return f"{secret['id']}: {counted}, the last {secret['ago']} ago{safe}"
