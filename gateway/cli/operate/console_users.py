"""`gateway console-users`: the operator says who may sign in to the console."""

import re
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from gateway.cli.common import errors
from gateway.cli.common.accounts import choose_names
from gateway.cli.common.options import Json
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.core.console.audit import AuditEntry
from gateway.core.console.users import LOOK, ROLES
from gateway.core.text import suggestion_for
from gateway.store.console import audit_log, sign_ins, users
from gateway.web.console.session.signing_in import MOST_PASSWORD, new_user

LEAST_PASSWORD = 12
_NAME = re.compile(r"[\w.@-]{1,64}", re.ASCII)
_OPERATOR = "gateway console-users"  # who acts, in the audit log

commands = typer.Typer(
    name="console-users",
    help="Say who may sign in to the console.",
    no_args_is_help=True,
    add_completion=False,
)


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="Name to sign in with, such as ana.")],
    role: Annotated[str, typer.Option(help=f"What they may do: {', '.join(ROLES)}.")] = LOOK,
    account: Annotated[
        list[str] | None,
        typer.Option(help="Show them only this account of GATEWAY_ACCOUNTS; may be repeated."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give a user a new role, accounts and password.")
    ] = False,
) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    if not _NAME.fullmatch(name):
        raise errors.fail("Give a name of up to 64 letters, digits and . @ _ -.")
    if role not in ROLES:
        raise errors.fail(f"{role} is no role; {suggestion_for(role, ROLES)}")
    settings = target.settings()
    accounts = choose_names(settings, account or ())
    user = new_user(name, role, _read_password(), datetime.now(UTC), accounts)
    bound = f" of {', '.join(accounts)}" if accounts else ""
    with open_own_store(settings, "so no user was added") as store:
        try:
            users.add_user(store, user, replace=replace)
        except users.KnownUserError:
            raise errors.fail(
                f"There is a user {name} already; --replace gives them a new role, accounts "
                "and password."
            ) from None
        except users.TooManyUsersError:
            raise errors.fail(f"There are {users.MOST_USERS:,} users: remove one first.") from None
        audit_log.note_action(store, AuditEntry(_OPERATOR, f"add user as {role}{bound}", name))
    typer.echo(f"{name} may sign in, with the role {role}{bound}.")


@commands.command("list")
def list_users(json: Json = False) -> None:
    """List all users with their roles and accounts."""
    with open_store(target.settings().redis_url, "so nothing can be told") as store:
        found = users.read_users(store)
    rows = [
        {
            "name": one.name,
            "role": one.role,
            "accounts": list(one.accounts),
            "created_at": one.created_at,
        }
        for one in found
    ]
    if json:
        print_json({"users": rows})
        return
    bound = [", ".join(one.accounts) or "all" for one in found]
    shown = [row | {"accounts": names} for row, names in zip(rows, bound, strict=True)]
    _print_table(("name", "role", "accounts", "created"), shown)


@commands.command()
def remove(name: Annotated[str, typer.Argument(help="Name of the user.")]) -> None:
    """Remove a user, whose sign-ins end at once."""
    with open_own_store(target.settings(), "so nobody was removed") as store:
        known = [one.name for one in users.read_users(store)]
        if not users.remove_user(store, name):
            raise errors.fail(f"There is no user {name}; {suggestion_for(name, known)}")
        audit_log.note_action(store, AuditEntry(_OPERATOR, "remove user", name))
    typer.echo(f"{name} may not sign in any more.")


@commands.command()
def sessions(
    name: Annotated[str, typer.Argument(help="Only those of this user.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End them.")] = False,
    json: Json = False,
) -> None:
    """List who has signed in, or end those sign-ins."""
    settings = target.settings()
    opened = (
        open_own_store(settings, "so no sign-in was ended")
        if end
        else open_store(settings.redis_url, "so nothing can be told")
    )
    with opened as store:
        found = [
            one
            for one in sign_ins.read_sign_ins(store, datetime.now(UTC))
            if name in ("", one.user)
        ]
        if end:
            count = sign_ins.end_sign_ins(store, [one.digest for one in found])
            audit_log.note_action(store, AuditEntry(_OPERATOR, "end sign-ins", name or "all"))
            typer.echo(f"{count} ended.")
            return
    rows = [{"user": one.user, "since": one.since, "until": one.until} for one in found]
    if json:
        print_json({"sessions": rows})
        return
    _print_table(("user", "since", "until"), rows)


def _print_table(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_format(value) for value in row.values()))
    open_console().print(table)


def _format(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _read_password() -> str:
    """Return the password. Ends the command for one that is too short."""
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise errors.fail(f"Give a password of {LEAST_PASSWORD} to {MOST_PASSWORD:,} characters.")
    return str(password)
