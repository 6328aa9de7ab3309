"""Explanations on the page: the rules' side of the `gateway dev` that this sandbox belongs to."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from gateway.cli.develop.chat.explain import ChatTraces
from gateway.cli.local import workspace
from gateway.core.contacts.contact import Contact
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.tracing.stored_event import StoredEvent

PATIENCE_S = 10.0
LOOK_EVERY_S = 0.05

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReplyExplanation:
    """Why a message was answered or not: in one line, by each rule, and by which messages.

    `console` is where the console is that shows everything of them, "" where there is none.
    """

    summary: str
    tried: tuple[str, ...]
    answers: tuple[str, ...]
    console: str = ""


class Explainer(Protocol):
    """Whoever knows why messages are answered."""

    async def prepare(self, customer: str) -> object:
        """Return what has to be known of a customer before they write."""

    async def explain(
        self, customer: str, message: Mapping[str, Any], before: object
    ) -> ReplyExplanation | None:
        """Return why a message was answered once it is, None if that is not known in time."""


class DevExplainer:
    """Asks the store of the `gateway dev` that runs in this folder; knows nothing without one."""

    def __init__(self, sandbox: str) -> None:
        """Explain the messages of the sandbox with this address."""
        self._sandbox = sandbox

    async def prepare(self, customer: str) -> Contact | None:
        """Return the state of a customer before they write."""
        with self._find() as (_, traces):
            return await _ask(lambda: traces.contact(customer)) if traces else None

    async def explain(
        self, customer: str, message: Mapping[str, Any], before: object
    ) -> ReplyExplanation | None:
        """Wait until each answer was attempted, and return why it was given."""
        with self._find() as (running, traces):
            if running is None or traces is None or not isinstance(before, Contact):
                return None
            tracked = traces.track_message(customer, message, before)
            await _wait_until(lambda: traces.is_answered(tracked))
            return await _ask(lambda: _explain(traces, tracked, console_of(running)))

    @contextmanager
    def _find(self) -> Iterator[tuple[workspace.Running | None, ChatTraces | None]]:
        """Open the store of the gateway, if one runs here and this is its sandbox."""
        running = workspace.find_running(0)
        if running is None or running.sandbox != self._sandbox:
            yield None, None
            return
        with closing(Store(running.redis_url)) as store:
            yield running, ChatTraces(store, running.number, Path(running.rules))


async def _ask(question: Callable[[], T | None]) -> T | None:
    """Ask in a thread, so that the sandbox goes on; None while the store is away."""
    try:
        return await asyncio.to_thread(question)
    except StoreUnavailableError:
        return None


async def _wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for as long as a person waits."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while not await _ask(holds) and loop.time() < deadline:  # noqa: ASYNC110 - the store is asked
        await asyncio.sleep(LOOK_EVERY_S)


def console_of(running: workspace.Running) -> str:
    """Return the address of a gateway's console, "" where it says none."""
    return f"{running.api}/console" if running.api else ""


def _explain(traces: ChatTraces, tracked: StoredEvent, console: str) -> ReplyExplanation | None:
    if not traces.is_planned(tracked):
        return None
    return ReplyExplanation(
        traces.summarize_reply(tracked, more=""),
        tuple(traces.explain_reply(tracked)),
        tuple(traces.answers(tracked)),
        console,
    )
