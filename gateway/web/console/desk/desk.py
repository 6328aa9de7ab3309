"""Desk of the console: what its pages work with, each read within a time limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar

from gateway.accounts.account import Account, Accounts
from gateway.config.settings import Settings
from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.console.users import ConsoleUser
from gateway.store.body_codec import Bodies
from gateway.store.console import audit_log
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.web.console.desk.api_calls import ApiCalls, ApiRefusalError
from gateway.web.console.desk.jobs import JobRunner
from gateway.web.console.desk.state_history import StateHistory

P = ParamSpec("P")
T = TypeVar("T")

PANEL_WITHIN_S, FORM_WITHIN_S = 2.0, 10.0
# The webhook shares the process: so many reads of the console run at once, and the rest wait.
READS_AT_ONCE = 6
# What an action names comes from a form or an address, and may not be anything at all.
MOST_ABOUT = 200


class PagePanel(NamedTuple):
    """One panel of a page: its data, or why there is none."""

    data: Any = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleDesk:
    """Store, settings and API for pages; reads run in threads of their own."""

    settings: Settings
    store: Store
    bodies: Bodies
    api: ApiCalls
    accounts: Callable[[], Accounts]
    history: StateHistory
    jobs: JobRunner
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(READS_AT_ONCE, "console")
    )

    async def read(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that blocks, and return what it returns or raise what it raises.

        Raises StoreUnavailableError where it takes longer than two seconds.
        """
        return await self._run(PANEL_WITHIN_S, partial(read, *args, **kwargs))

    async def read_much(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same for what may take ten seconds, as a form that somebody has sent."""
        return await self._run(FORM_WITHIN_S, partial(read, *args, **kwargs))

    async def _run(self, within_s: float, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise StoreUnavailableError("slow") from None

    async def panels(self, **panels: Awaitable[Any]) -> Mapping[str, PagePanel]:
        """Return panels by name, all read at once; one that fails says so and stops no other."""
        try:
            found = await asyncio.gather(*map(_panel, panels.values()))
        finally:
            # Of a page that nobody waits for any more, some readings have not begun.
            for reading in panels.values():
                if inspect.iscoroutine(reading) and _is_untouched(reading):
                    reading.close()
        return dict(zip(panels, found, strict=True))

    def accounts_of(self, user: ConsoleUser) -> list[Account]:
        """Return the accounts that a user may see."""
        return [one for one in self.accounts() if user.may_see(one.name)]

    def numbers_of(self, user: ConsoleUser) -> list[str]:
        """Return the numbers that are listed for the accounts that a user may see."""
        return [number.id for account in self.accounts_of(user) for number in account.numbers]

    def may_see(self, user: ConsoleUser, number: str) -> bool:
        """Say whether a user may see one of our numbers; "" is what belongs to none."""
        return user.may_see(self.accounts().name_of(number))

    async def note(
        self, user: ConsoleUser, what: str, about: str = "", subject: AuditSubject | None = None
    ) -> None:
        """Note an action in the audit log before it is done. Raises StoreUnavailableError."""
        entry = AuditEntry(user.name, what, about[:MOST_ABOUT], subject, user.accounts)
        await self.read(audit_log.note_action, self.store, entry)

    def close(self) -> None:
        """End the threads once their reads end, and close the connections."""
        self.jobs.end()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.store.close()


def _is_untouched(reading: Coroutine[Any, Any, Any]) -> bool:
    return inspect.getcoroutinestate(reading) == inspect.CORO_CREATED


async def _panel(reading: Awaitable[Any]) -> PagePanel:
    try:
        async with asyncio.timeout(PANEL_WITHIN_S):
            return PagePanel(await reading)
    except (StoreUnavailableError, TimeoutError):
        return PagePanel(problem="Figures unavailable: the store does not answer in time.")
    except ScriptError:
        return PagePanel(problem="Figures unavailable: what is stored of them is damaged.")
    except ApiRefusalError as refusal:
        return PagePanel(problem=f"Figures unavailable: {refusal.detail}")
