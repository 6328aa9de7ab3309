"""Options of every `gateway replay` command: the deliveries, and whether messages get new ids."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from gateway.cli.common import errors
from gateway.cli.common.accounts import AccountChoice, AccountName
from gateway.cli.common.delivery_source import CaptureFiles, StoredDeliveries
from gateway.cli.common.options import DeliveryOptions, selector
from gateway.cli.develop.replay.selection import DeliverySelection
from gateway.cli.local import target
from gateway.core.capture.filter import DeliveryFilter
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.history import History
from gateway.store.redis.client import Store


@dataclass(frozen=True, slots=True)
class ReplayOptions(DeliveryOptions):
    """Options of a replay: filters of deliveries, and how their messages are made new."""

    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Captures, bodies, what ngrok and others saved of them, or folders."),
    ] = None
    account: AccountName = ""
    inbox: Annotated[
        bool, selector("Take what is still in the inbox, and no files.", "--inbox")
    ] = False
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make messages new: other ids, and sent just now.")
    ] = False
    seed: Annotated[
        str, typer.Option(help="The same, with the ids that this seed made before.")
    ] = ""

    def select(self, store: Store | None) -> DeliverySelection:
        """Return the selected deliveries, or end the command if the options are unclear.

        The clock is that of the store if one is given; the inbox needs one.
        """
        if self.inbox == bool(self.files):
            raise errors.fail("Name files or folders, or give --inbox, and not both.")
        clock = _build_clock(store)
        wanted = self._only_of_account(self.to_filter(clock()))
        source: CaptureFiles | StoredDeliveries = CaptureFiles(self.files or ())
        if store and self.inbox:
            history = History(store, Bodies(target.settings().encryption_keys))
            source = StoredDeliveries(history, wanted.since, wanted.until)
        return DeliverySelection(source, wanted, self.limit, self._choose_seed(), clock)

    def _only_of_account(self, wanted: DeliveryFilter) -> DeliveryFilter:
        """Return the filter for the deliveries of the chosen account."""
        if not self.account:
            return wanted
        choice = AccountChoice.of(target.settings(), self.account)
        choice.check_number(self.number)
        wabas = frozenset(choice.only.wabas) if choice.only else frozenset()
        return replace(wanted, numbers=frozenset(choice.numbers(())), wabas=wabas)

    def _choose_seed(self) -> bytes | None:
        """Return the seed of new ids, None if ids stay; it is printed, so that it can be reused."""
        if not self.fresh and not self.seed:
            return None
        seed = self.seed or secrets.token_hex(4)
        errors.errors.print(
            "Messages get other ids, and were sent just now; "
            f"--seed {escape(seed)} makes the same ids again."
        )
        return seed.encode()


def _build_clock(store: Store | None) -> Callable[[], datetime]:
    """Return a clock: the server's, read once, if there is a server."""
    ahead = dead_letters.server_time(store) - datetime.now(UTC) if store else None
    return lambda: datetime.now(UTC) + ahead if ahead else datetime.now(UTC)
