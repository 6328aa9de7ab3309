"""`gateway rules new`: writes a first file of rules, and a file of tests that pass."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from gateway.cli.common import errors
from gateway.cli.common.accounts import USUAL_RULES, zone_of_rules
from gateway.cli.develop.rules.paths import console
from gateway.cli.local.examples import CHECKOUT, find_example
from gateway.cli.local.log_view import own_command
from gateway.config.environment import environment
from gateway.rules.loader import SUFFIXES, TEST_SUFFIXES, File, build_rulebook, read
from gateway.rules.problems import RulebookError

_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
_STARTER = Path(__file__).parent / "starter"
_SCHEMA = CHECKOUT / "docs" / "rules.schema.json"
_SCHEMA_LINE = re.compile(r"# yaml-language-server: \$schema=.*\n")


class Example(StrEnum):
    """What the new file begins with."""

    HELLO = "hello"
    SHOP = "shop"
    PIZZA = "pizza"


def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]", help="Its name; rules, or that of the example.", show_default=False
        ),
    ] = "",
    example: Annotated[
        Example,
        typer.Option(help="Begin with a few rules, or with a whole shop of examples/."),
    ] = Example.HELLO,
) -> None:
    """Write a first file of rules, NAME.yaml, and NAME.test.yaml with tests that pass.

    They are written into the folder of GATEWAY_RULES, or rules/; no file is ever overwritten.
    """
    folder = _find_folder()
    stem = _choose_name(name, example)
    texts = _read_example(example, folder)
    files = {folder / f"{stem}{suffix}": text for suffix, text in texts.items()}
    _check_free(folder, stem)
    _check_neighbours(folder, folder / f"{stem}{SUFFIXES[0]}", texts[SUFFIXES[0]])
    _write(files)
    _show(list(files))


def _find_folder() -> Path:
    folder = Path(environment().get("GATEWAY_RULES") or USUAL_RULES)
    if folder.exists() and not folder.is_dir():
        raise errors.fail(f"{folder} is a file: set GATEWAY_RULES to a folder, such as rules/.")
    return folder


def _choose_name(name: str, example: Example) -> str:
    stem = name or ("rules" if example is Example.HELLO else str(example))
    if not _NAME.fullmatch(stem):
        raise errors.fail(
            "A name is made of letters, digits, - and _, without .yaml, such as colours."
        )
    return stem


def _read_example(example: Example, folder: Path) -> dict[str, str]:
    """Return the text of the rules and that of their tests, by the ends of their names."""
    source = _STARTER if example is Example.HELLO else find_example(str(example))
    if source is None:
        raise errors.fail(
            f"The example {example} is only in a checkout, in examples/; "
            "leave --example out, and begin with a few rules."
        )
    suffixes = (SUFFIXES[0], TEST_SUFFIXES[0])
    texts = {end: (source / f"rules{end}").read_text(encoding="utf-8") for end in suffixes}
    return {end: _SCHEMA_LINE.sub(_schema_line(folder), text) for end, text in texts.items()}


def _schema_line(folder: Path) -> str:
    """Return the line by which an editor finds the schema, "" where that is not at hand."""
    place = Path(os.path.realpath(folder))
    if not place.is_relative_to(CHECKOUT) or not _SCHEMA.is_file():
        return ""
    return f"# yaml-language-server: $schema={os.path.relpath(_SCHEMA, place)}\n"


def _check_free(folder: Path, stem: str) -> None:
    """End the command if a file of that name is there, whatever its suffix."""
    for suffix in (*SUFFIXES, *TEST_SUFFIXES):
        path = folder / f"{stem}{suffix}"
        if path.exists() or path.is_symlink():
            raise errors.fail(f"{path} is there already: give the new file another name.")


def _check_neighbours(folder: Path, path: Path, text: str) -> None:
    """End the command if the rules would collide with those that are there."""
    try:
        there, zone = read(folder) if folder.is_dir() else (), zone_of_rules(folder)
        build_rulebook(there, zone=zone)
    except RulebookError:
        return  # there are none, or they are wrong without the new file
    try:
        build_rulebook([*there, File(str(path), text.encode())], zone=zone)
    except RulebookError as error:
        raise errors.fail(
            f"Nothing was written, since {path} does not fit beside the rules that are there:\n"
            f"{error}"
        ) from None


def _write(files: dict[Path, str]) -> None:
    """Write files that are new; if one cannot be written, none is left."""
    written: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise errors.fail(f"Cannot write {error.filename or path}: {error.strerror}.") from None


def _show(paths: Sequence[Path]) -> None:
    rules, tests = paths
    gateway = own_command()
    out = console()
    out.print(Text.assemble((str(rules), "bold"), " and ", (str(tests), "bold"), " are written."))
    out.print(Text("Change the answers to your own, and then:"))
    for command, purpose in (
        ("rules check", "tells what is wrong with them"),
        ("rules test", f"plays the conversations of {tests.name}"),
        ("dev", "starts everything, with a sandbox instead of Meta"),
        ("chat", "is a phone to type into, in a second terminal"),
    ):
        out.print(Text.assemble("  ", (f"{gateway} {command:11}", "bold"), f"  {purpose}"))
