"""`gateway release`: what a person held goes on."""

import typer

from gateway.cli.common import errors
from gateway.cli.common.holds import Json, Number, Rule, asked, show
from gateway.store.sending import pauses


def release(number: Number = "", rule: Rule = "", json: Json = False) -> None:
    """Let what was held go on: the numbers, one of them, or what one rule says.

    A rule that is held by its own name is released by its own name.
    """
    with asked(number, rule) as (store, numbers):
        if not pauses.release(store, numbers, rule):
            held = [one for found in pauses.of(store, numbers).values() for one in found.holds]
            names = ", ".join(sorted({one.rule or "all of a number" for one in held}))
            raise errors.fail(f"That is not held. Held: {names or 'nothing'}.")
        show(store, numbers, json=json)
        typer.echo("Released.", err=True)
