"""`gateway api-keys`: the operator makes, lists and revokes keys of the API."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.table import Table

from gateway.cli.common import errors
from gateway.cli.common.accounts import choose_names
from gateway.cli.common.options import Json
from gateway.cli.common.output import open_console, print_json
from gateway.cli.common.store import open_own_store, open_store
from gateway.cli.local import target
from gateway.config.types import Duration
from gateway.core.api.keys import DEFAULT_RATE, KEY_PREFIX, SCOPES, ApiKey, hash_key
from gateway.core.text import suggestion_for
from gateway.store.api.api_keys import (
    MOST_KEYS,
    TooManyKeysError,
    add_key,
    read_keys,
    read_last_uses,
    remove_key,
)

MOST_NAME = 64
_DURATION: TypeAdapter[Duration] = TypeAdapter(Duration)

commands = typer.Typer(
    name="api-keys",
    help="Make, list and revoke keys of the API.",
    no_args_is_help=True,
    add_completion=False,
)


@commands.command()
def new(
    name: Annotated[str, typer.Argument(help="What the key is for, such as shop or reports.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may do: read, send or admin; may be repeated. read and send."),
    ] = None,
    number: Annotated[
        list[str] | None,
        typer.Option(help="Only with this phone number id of ours; may be repeated."),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="Only with the numbers of this account; may be repeated."),
    ] = None,
    expires: Annotated[str, typer.Option(help="How long it is valid: 30d. Unset: always.")] = "",
    rate: Annotated[
        int, typer.Option(help="Requests a second; five times as many at once.", min=1, max=100_000)
    ] = DEFAULT_RATE,
    json: Json = False,
) -> None:
    """Make a key and print it, once: the store keeps only its hash."""
    text = KEY_PREFIX + secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    key = ApiKey(
        id=secrets.token_hex(4),
        digest=hash_key(text),
        scopes=_parse_scopes(scope or ["read", "send"]),
        name=_parse_name(name),
        numbers=tuple(_parse_number(one) for one in number or ()),
        accounts=choose_names(target.settings(), account or ()),
        rate=rate,
        created_at=now,
        expires_at=now + _parse_lifetime(expires) if expires else None,
    )
    with open_own_store(target.settings(), "so no key was made") as store:
        try:
            add_key(store, key)
        except TooManyKeysError:
            raise errors.fail(f"There are {MOST_KEYS:,} keys: revoke one first.") from None
    if json:
        print_json({"id": key.id, "key": text, "scopes": sorted(key.scopes)})
        return
    typer.echo(text)
    typer.echo(f"Its id is {key.id}. Copy the key now: it is not shown again.", err=True)


@commands.command("list")
def list_keys(json: Json = False) -> None:
    """List all keys with what they may do and when they were last used; never the keys."""
    with open_store(target.settings().redis_url, "so nothing can be told") as store:
        keys, used = read_keys(store), read_last_uses(store)
    rows = [_to_dict(key, used.get(key.id)) for key in keys]
    if json:
        print_json({"keys": rows})
        return
    table = Table("id", "name", "scopes", "bound to", "rate", "expires", "last used")
    for row in rows:
        numbers = ", ".join([*row["numbers"], *row["accounts"]]) or "all"
        scopes = ", ".join(row["scopes"])
        moments = [_day(row["expires_at"], "never"), _day(row["last_used_at"], "–")]
        table.add_row(row["id"], row["name"], scopes, numbers, f"{row['rate']}/s", *moments)
    open_console().print(table)


@commands.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")]) -> None:
    """Revoke a key: within two seconds no request is accepted with it."""
    with open_own_store(target.settings(), "so nothing was revoked") as store:
        known = [key.id for key in read_keys(store)]
        if not remove_key(store, key_id):
            raise errors.fail(f"No key has the id {key_id}; {suggestion_for(key_id, known)}")
    typer.echo(f"The key {key_id} is revoked.")


def _to_dict(key: ApiKey, used: datetime | None) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "numbers": list(key.numbers),
        "accounts": list(key.accounts),
        "rate": key.rate,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": used,
    }


def _day(at: datetime | None, otherwise: str) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else otherwise


def _parse_scopes(scopes: list[str]) -> frozenset[str]:
    for one in scopes:
        if one not in SCOPES:
            raise errors.fail(f"{one} is no scope; {suggestion_for(one, SCOPES)}")
    return frozenset(scopes)


def _parse_name(name: str) -> str:
    if not name.strip() or len(name) > MOST_NAME or not name.isprintable():
        raise errors.fail(f"Give a name of 1 to {MOST_NAME} characters.")
    return name.strip()


def _parse_number(number: str) -> str:
    if not number.isascii() or not number.isdigit():
        raise errors.fail(f"{number} is no phone number id: it has digits only.")
    return number


def _parse_lifetime(text: str) -> timedelta:
    try:
        return _DURATION.validate_python(text)
    except ValueError:
        raise errors.fail(f"{text} is no duration: write a number and s, m, h or d.") from None
