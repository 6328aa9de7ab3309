"""Replay against a store: as a dry run, or into its inbox."""

import time
from collections.abc import Iterator
from pathlib import Path

import typer

from gateway.cli.common import errors
from gateway.cli.common.output import print_json, progress_bar
from gateway.cli.develop.replay.dry_run import DryRunPlanner, print_outcomes, summarize
from gateway.cli.develop.replay.pacing import ReplayPace
from gateway.cli.develop.replay.rulebooks import load_rulebook
from gateway.cli.develop.replay.selection import DeliverySelection
from gateway.cli.local import target, workspace
from gateway.core.formats import pluralize
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.inspection import check_server
from gateway.store.tracing.masking import Masking
from tasks.wakeup import ring_inbox

# Limits of one script call in deliveries and bytes: a script blocks the server for all clients.
MOST_DELIVERIES = 64
MOST_BYTES = 256 * 1024


class FullError(Exception):
    """The store has reached its memory limit; workers must first process what it holds."""


class Sending:
    """Puts deliveries into the inbox, and counts those that were stored."""

    def __init__(self, store: Store, inbox: Inbox, limit_bytes: int, *, rings: bool) -> None:
        """`limit_bytes`: the limit on the store's memory if Redis itself has none."""
        self._store = store
        self._inbox = inbox
        self._limit_bytes = limit_bytes
        self._rings = rings
        self.put_count = 0

    def put_all(
        self, selection: DeliverySelection, count: int, pace: ReplayPace, *, silent: bool
    ) -> None:
        """Put all deliveries in their order. Raises StoreUnavailableError or FullError."""
        batches = _batches(selection, pace)
        with progress_bar(silent=silent) as progress:
            task = progress.add_task("Replaying", total=count)
            for batch in batches:
                if check_server(self._store, self._limit_bytes).is_full:
                    raise FullError
                self._inbox.replay(batch)
                self.put_count += len(batch)
                progress.advance(task, len(batch))
                if self._rings and self._store.mark(keys.INBOX_BELL, keys.BELL_MS):
                    ring_inbox()


def _batches(selection: DeliverySelection, pace: ReplayPace) -> Iterator[list[bytes]]:
    """Yield batches of deliveries that are due together; none waits for a later one."""
    began = time.monotonic()
    batch: list[bytes] = []
    for item in selection:
        wait_s = began + pace.due_s(item.delivery.received_at) - time.monotonic()
        if batch and wait_s > 0:
            yield batch
            batch = []
        time.sleep(max(0.0, wait_s))
        body = selection.prepare(item).delivery.body
        if batch and _is_full(batch, body):
            yield batch
            batch = []
        batch.append(body)
    if batch:
        yield batch


def _is_full(batch: list[bytes], body: bytes) -> bool:
    return len(batch) == MOST_DELIVERIES or sum(map(len, batch)) + len(body) > MOST_BYTES


NOTHING = "Nothing was sent, and nothing was changed."
ALL_KNOWN = "Known events stay without effect; with --fresh messages are planned as new ones."


class StoreReplay:
    """Deliveries of one replay, and the store that they belong to."""

    def __init__(
        self,
        store: Store,
        selection: DeliverySelection,
        count: int,
        rules: Path | None = None,
        *,
        account: str = "",
        reveal: bool,
        json: bool,
    ) -> None:
        """Load the rules, by default those in force, or end the command if that fails."""
        self._settings = target.settings()
        with errors.exit_on_config_error():
            rulebook = load_rulebook(self._settings, rules, account)
        self._store, self._selection, self._count = store, selection, count
        self._planner = DryRunPlanner(store, rulebook)
        self._masking, self._json = Masking(reveal), json

    def report(self, *, only: bool) -> None:
        """Plan all without effect and print what would follow; `only`: nothing else is done.

        Raises StoreUnavailableError.
        """
        items = map(self._selection.prepare, self._selection)
        outcomes = self._planner.plan(items, self._count, silent=self._json)
        print_outcomes(outcomes, self._planner.counts, self._masking, json=self._json)
        if only:
            errors.errors.print(NOTHING)
        if self._planner.counts.known and self._selection.seed is None:
            errors.errors.print(ALL_KNOWN)

    def send(self, pace: ReplayPace, *, yes: bool) -> None:
        """Put everything into the inbox once the operator agrees, and report how far it got."""
        noun = pluralize(self._count, "delivery", "deliveries")
        if not yes:
            follows = summarize(self._planner.counts)
            typer.confirm(f"Put {noun} into the inbox ({follows})?", abort=True, err=True)
        errors.check_store(self._settings)
        sending = self._build_sender()
        try:
            sending.put_all(self._selection, self._count, pace, silent=self._json)
        except FullError:
            raise self._fail_incomplete(
                "Redis is as full as it may be", sending.put_count
            ) from None
        except StoreUnavailableError:
            # The last batch may be stored as well: only its answer is missing.
            raise self._fail_incomplete(
                "Redis does not answer", sending.put_count, "or more "
            ) from None
        except KeyboardInterrupt:
            self._fail_incomplete("Interrupted", sending.put_count)
            raise typer.Exit(errors.INTERRUPTED) from None
        if self._json:
            print_json({"what": "sent", "deliveries": sending.put_count}, one_line=True)
        else:
            deliveries = pluralize(sending.put_count, "delivery", "deliveries")
            typer.echo(f"{deliveries} put into the inbox; what is known stays without effect.")

    def _build_sender(self) -> Sending:
        inbox = Inbox(self._store, Bodies(self._settings.encryption_keys))
        # The Celery settings are those of the environment, and dev's beat rings within a second.
        rings = workspace.find_running() is None
        return Sending(self._store, inbox, self._settings.gateway_store_bytes, rings=rings)

    def _fail_incomplete(self, why: str, put_count: int, more: str = "") -> typer.Exit:
        again = "Run it again: what went in stays without a second effect"
        seed = self._selection.seed
        with_seed = f" with --seed {seed.decode()}" if seed else ""
        return errors.fail(
            f"{why}: {put_count:,} {more}of {self._count:,} are in the inbox. {again}{with_seed}."
        )
