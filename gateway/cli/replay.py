"""`gateway replay`: captured bodies, signed and posted again."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from gateway.cli import dev_folder, failing
from gateway.core.signature import HEADER, sign

HERE = "http://127.0.0.1:8000/webhook"
# Longer than the gateway ever takes: Meta itself would have given up before.
TIMEOUT_S = 30.0


def replay(
    files: Annotated[
        list[Path], typer.Argument(help="Files, each one body as it was received, or folders.")
    ],
    to: Annotated[
        str, typer.Option(help="Where to post; by default to the gateway dev of this folder.")
    ] = "",
) -> None:
    """Sign captured bodies and post them, one after the other."""
    bodies = [(file, _read(file)) for path in files for file in _of(path)]
    url, secret = _target(to)
    table = Table(Column("file", overflow="fold"), "status", Column("ms", justify="right"))
    refused = 0
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT_S) as client:
            for file, body in bodies:
                status, took_ms = _post(client, url, body, secret)
                refused += status != httpx.codes.OK
                style = "green" if status == httpx.codes.OK else "red"
                table.add_row(str(file), Text(str(status), style), str(took_ms))
    except httpx.ConnectError:
        raise failing.fail(f"Nobody listens at {url}.") from None
    except httpx.HTTPError as error:
        raise failing.fail(f"No answer from {url}: {type(error).__name__}.") from None
    finally:
        if table.row_count:
            Console().print(table)
    if refused:
        raise typer.Exit(1)


def _of(path: Path) -> Iterator[Path]:
    """Give the file, or the files of a folder by name."""
    try:
        found = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError as error:
        raise failing.fail(f"Cannot read {path}: {error.strerror}.") from None
    files = [file for file in found if file == path or _is_body(file)]
    if not files:
        raise failing.fail(f"The folder {path} holds no files.")
    yield from files


def _is_body(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise failing.fail(f"Cannot read {file}: {error.strerror}.") from None


def _target(to: str) -> tuple[str, bytes]:
    """Return where to post, and the secret that is believed there."""
    if to and not re.fullmatch(r"https?://[^/\s:]+(:\d{1,5})?(/\S*)?", to):
        raise failing.fail(f"{to} is no web address: write http://host:port/webhook.")
    running = dev_folder.find()
    if running and running.app_secret and to in ("", running.webhook):
        return running.webhook, running.app_secret.encode()
    there = running.webhook if running else HERE
    return to or there, failing.settings().app_secrets[0]


def _post(client: httpx.Client, url: str, body: bytes, secret: bytes) -> tuple[int, int]:
    headers = {"content-type": "application/json", HEADER: sign(body, secret)}
    started = time.monotonic()
    answer = client.post(url, content=body, headers=headers)
    return answer.status_code, round((time.monotonic() - started) * 1000)
