"""`gateway hold`: a person stops sending; what comes in is kept, planned and waits."""

from typing import Annotated

import typer

from gateway.cli.common import errors
from gateway.cli.common.holds import Json, Number, Rule, asked, show
from gateway.store.sending import pauses


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
        full = pauses.hold(store, numbers, rule, why)
        if full:
            raise errors.fail(
                f"So much is held of {', '.join(full)} that nothing more may be: release rules, "
                "or hold the whole number with `gateway hold --number`."
            )
        show(store, numbers, json=json)
