"""`gateway sandbox`: the stand-in for Meta as a program of its own, for any bot."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.cli.common import errors
from gateway.cli.develop.fault_words import read_fault
from gateway.cli.develop.phone.dev_clock import DevClock
from gateway.cli.develop.phone.explanations import DevExplainer
from gateway.cli.develop.phone.pages import PhonePages
from gateway.sandbox.app import CONTROL, PAGES
from gateway.sandbox.config import Config, ConfigError, read_config
from gateway.sandbox.server import describe_port, listen, serve
from gateway.sandbox.simulation.faults import FaultError, Faults

# Invented, and always the same, so that a bot needs to be told them once.
FIRST_NUMBER, DISPLAY = 100000000000001, "15550100100"
TOKEN_BYTES = 16
_NUMBER = re.compile(r"(?:(?P<id>[0-9]+)=)?\+?(?P<display>[0-9]{5,15})", re.ASCII)


Webhook = Annotated[str, typer.Option(help="Where the bot receives webhooks.")]
AppSecret = Annotated[str, typer.Option(help="What signs webhooks; if left out, an invented one.")]
VerifyToken = Annotated[
    str, typer.Option(help="Do the handshake with it before anything is delivered.")
]
AccessToken = Annotated[
    str, typer.Option(help="What the bot sends with; if left out, an invented one.")
]
Numbers = Annotated[
    list[str] | None,
    typer.Option("--number", help="Phone number of the bot, or ID=NUMBER; also several."),
]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]
FaultWords = Annotated[
    list[str] | None,
    typer.Option("--fault", help="What goes wrong, as lose=0.1 or code:131026=0.05."),
]
Seed = Annotated[int | None, typer.Option(help="Repeat the faults of an earlier run.", min=0)]
ConfigFile = Annotated[
    str, typer.Option(help="Everything in a JSON file, or - for standard input.")
]


def sandbox(
    webhook: Webhook = "",
    app_secret: AppSecret = "",
    verify_token: VerifyToken = "",
    access_token: AccessToken = "",
    numbers: Numbers = None,
    port: Port = 8081,
    faults: FaultWords = None,
    seed: Seed = None,
    config: ConfigFile = "",
) -> None:
    """Be Meta for any bot: take its messages, send it webhooks, and let customers write to it."""
    invented = {} if config else _invent(app_secret, access_token)
    try:
        wanted = (
            read_config(config)
            if config
            else _build_config(
                webhook_url=webhook,
                app_secret=app_secret or invented["secret"],
                access_token=access_token or invented["token"],
                verify_token=verify_token,
                numbers=[_read_number(one, nth) for nth, one in enumerate(numbers or [DISPLAY])],
                port=port,
            )
        )
        armed = _read_faults(faults or [], seed)
        listener = listen(wanted)
    except (ConfigError, FaultError) as error:
        raise errors.fail(str(error)) from None
    except OSError as error:
        raise errors.fail(describe_port(wanted, error)) from None
    address = f"http://{wanted.host}:{listener.getsockname()[1]}"
    _welcome(wanted, address, invented)
    explainer, clock = DevExplainer(address), DevClock(address)
    serve(
        wanted,
        listener,
        pages=lambda one: PhonePages(one, explainer, clock).routes(),
        faults=armed,
    )


def _invent(app_secret: str, access_token: str) -> dict[str, str]:
    """Return those secrets that were not given, by the names that are printed."""
    given = {"secret": app_secret, "token": access_token}
    return {name: secrets.token_hex(TOKEN_BYTES) for name, value in given.items() if not value}


def _build_config(**fields: Any) -> Config:
    """Return the configuration for a bot: as close to Meta as it goes."""
    if not fields["webhook_url"]:
        raise ConfigError("Give the address of the bot's webhook as --webhook, or a --config.")
    return Config.from_mapping({**fields, "enforce_window": "status", "user_ids": True})


def _read_number(written: str, nth: int) -> dict[str, str]:
    found = _NUMBER.fullmatch(re.sub(r"[\s().-]", "", written))
    if not found:
        raise ConfigError("Write --number as +15550100100, or with its id as 42=+15550100100.")
    return {"id": found["id"] or str(FIRST_NUMBER + nth), "display": found["display"]}


def _read_faults(written: Sequence[str], seed: int | None) -> dict[str, Any]:
    """Return the request that arms the faults, {} for none. Raises FaultError."""
    wishes: dict[str, Any] = {}
    for name, wish in map(read_fault, written):
        wishes.setdefault(name, []).append(wish)
    if wishes and seed is not None:
        wishes["seed"] = seed
    if wishes:
        Faults().arm(wishes)
    return wishes


def _welcome(config: Config, address: str, invented: Mapping[str, str]) -> None:
    """Print what the bot has to be told; secrets that were given are not repeated."""
    rows = [
        ("phone", f"{address}{PAGES}"),
        ("webhook", f"{config.webhook_url}, signed with the app secret"),
        ("graph", f"{address}/v25.0, in the place of https://graph.facebook.com/v25.0"),
        *(("number", f"{one.id}, which people see as +{one.display}") for one in config.numbers),
        ("control", f"{address}{CONTROL}"),
        *invented.items(),
        ("stop", "Ctrl-C"),
    ]
    typer.echo(f"Sandbox listening on {address}")
    for name, value in rows:
        typer.echo(f"  {name:11}{value}")
