"""Content of a message on the command line: a text, or a template with its parameters."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.cli.common import errors
from gateway.cli.operate.messages.template_params import read_params

To = Annotated[str, typer.Argument(metavar="+NUMBER", help="Phone number with country code.")]
Text = Annotated[str, typer.Argument(help="The text, unless there is a --template.")]
Template = Annotated[str, typer.Option(help="Name of a template.")]
Language = Annotated[str, typer.Option(help="Language of the template.")]
Param = Annotated[
    list[str] | None,
    typer.Option(
        help="A value of the template, in order, or as name=value; header.image=LINK and "
        "button.0=TEXT are for other places. May be repeated."
    ),
]
From = Annotated[str, typer.Option("--from", help="Phone number id to send from.")]
WhenClosed = Annotated[
    str, typer.Option(help="If the customer is silent for a day: fail, wait or drop.")
]


def check_encoding(*texts: str) -> None:
    """End the command if a terminal with another encoding wrote what is no text."""
    if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
        raise errors.fail("The message is not in UTF-8: set the terminal to UTF-8 and repeat it.")


def read_content(
    text: str, template: str, language: str, params: Sequence[str]
) -> Mapping[str, Any]:
    """Return the content in the short form of the API, or end the command."""
    if bool(text) == bool(template):
        raise errors.fail("Say what to send: a text, or --template.")
    if not template:
        return {"text": text}
    return {"template": {"name": template, "language": language, "params": read_params(params)}}
