"""`gateway chat`: a phone in the terminal, for playing a customer against the sandbox."""

import queue
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.common import errors
from gateway.cli.develop.chat.explain import ChatTraces
from gateway.cli.develop.chat.message_view import parse_phone_number
from gateway.cli.develop.chat.sandbox_client import GoneError, SandboxClient
from gateway.cli.develop.chat.terminal import QUIT, ChatTerminal, Lines
from gateway.cli.local import workspace
from gateway.cli.local.workspace import Running
from gateway.store.redis.client import Store, StoreUnavailableError

FIRST_CUSTOMER = "+351900000001"


def chat(
    customers: Annotated[
        list[str] | None,
        typer.Option("--as", help=f"Phone number of a customer [{FIRST_CUSTOMER}]; also several."),
    ] = None,
) -> None:
    """Be a customer: write to the gateway dev of this folder, and see what it answers, and why."""
    people = [_parse_customer(written) for written in customers or [FIRST_CUSTOMER]]
    running = workspace.find_running()
    if running is None:
        raise errors.fail("No gateway dev runs in this folder: start one in another terminal.")
    if not running.sandbox:
        raise errors.fail("This gateway dev speaks to the real Meta: use a real phone.")
    try:
        _talk(running, people)
    except (GoneError, StoreUnavailableError):
        raise errors.fail("This gateway dev has ended.") from None
    except KeyboardInterrupt:
        return


def _talk(running: Running, people: list[str]) -> None:
    with closing(Store(running.redis_url)) as store, SandboxClient(running.sandbox) as sandbox:
        traces = ChatTraces(store, running.number, Path(running.rules))
        ChatTerminal(sandbox, traces, people, at_terminal=sys.stdin.isatty()).follow(_read_stdin())


def _parse_customer(text: str) -> str:
    digits = parse_phone_number(text)
    if digits is None:
        raise errors.fail(f"{text} is no phone number: write one as {FIRST_CUSTOMER}.")
    return digits


def _read_stdin() -> Lines:
    """Return a queue that a thread fills with typed lines, and with QUIT at the end."""
    lines: Lines = queue.Queue(1)

    def read() -> None:
        # Unbuffered: a thread that still waits would hold the buffer's lock at the exit.
        with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as typed:
            for raw in typed:
                lines.put(raw.decode(errors="replace").strip())
        lines.put(QUIT)

    threading.Thread(target=read, daemon=True).start()
    return lines
