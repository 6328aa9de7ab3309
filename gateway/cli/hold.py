"""`gateway hold`: a person stops sending; what comes in is kept, planned and waits."""

from typing import Annotated

import typer

from gateway.cli.holds import Json, Number, Rule, asked, show
from gateway.store import stops


def hold(
    number: Number = "",
    rule: Rule = "",
    why: Annotated[str, typer.Option(help="What the others are told who look at it.")] = "",
    json: Json = False,
) -> None:
    """Stop sending, within two seconds: all of it, one number, or what one rule says.

    What is in flight ends; nothing that waits is lost, but it expires at its time.
    """
    with asked(number, rule) as (store, numbers):
        stops.hold(store, numbers, rule, why)
        show(store, numbers, json=json)
