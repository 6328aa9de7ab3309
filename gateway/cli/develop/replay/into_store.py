"""Replaying beside a store, or into it."""

import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import typer

from gateway.cli.common import errors
from gateway.cli.common.masking import Masking
from gateway.cli.common.output import a_bar, many
from gateway.cli.develop.replay.dry_run import Shadowing, consequences, tell
from gateway.cli.develop.replay.pacing import ReplayPace
from gateway.cli.develop.replay.selection import DeliverySelection
from gateway.cli.local import target, workspace
from gateway.rules.loader import load
from gateway.store import keys
from gateway.store.body_encryption import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import Store, StoreUnavailableError
from gateway.store.server.inspection import check
from tasks.wakeup import ring_inbox

# No more of them, and no more bytes, go into one script: it blocks the server for everybody.
MOST_DELIVERIES = 64
MOST_BYTES = 256 * 1024


class FullError(Exception):
    """The store is as full as it may be: what was kept has to be worked off first."""


class Sending:
    """Puts deliveries into the inbox, and counts those that are there."""

    def __init__(self, store: Store, inbox: Inbox, limit_bytes: int, *, rings: bool) -> None:
        """`limit_bytes` is how much the store may hold where Redis itself has no limit."""
        self._store = store
        self._inbox = inbox
        self._limit_bytes = limit_bytes
        self._rings = rings
        self.put = 0

    def all(self, chosen: DeliverySelection, count: int, pace: ReplayPace, *, silent: bool) -> None:
        """Put them there in their order. Raises StoreUnavailableError or FullError."""
        batches = _batches(chosen, pace)
        with a_bar(silent=silent) as progress:
            task = progress.add_task("Replaying", total=count)
            for batch in batches:
                if check(self._store, self._limit_bytes).full:
                    raise FullError
                self._inbox.replay(batch)
                self.put += len(batch)
                progress.advance(task, len(batch))
                if self._rings and self._store.mark(keys.INBOX_BELL, keys.BELL_MS):
                    ring_inbox()


def _batches(chosen: DeliverySelection, pace: ReplayPace) -> Iterator[list[bytes]]:
    """Give what is due together; nothing waits for what is due later."""
    began = time.monotonic()
    batch: list[bytes] = []
    for item in chosen:
        wait_s = began + pace.due_s(item.delivery.received_at) - time.monotonic()
        if batch and wait_s > 0:
            yield batch
            batch = []
        time.sleep(max(0.0, wait_s))
        body = chosen.made(item).delivery.body
        if batch and _is_full(batch, body):
            yield batch
            batch = []
        batch.append(body)
    if batch:
        yield batch


def _is_full(batch: list[bytes], body: bytes) -> bool:
    return len(batch) == MOST_DELIVERIES or sum(map(len, batch)) + len(body) > MOST_BYTES


INTERRUPTED = 130
NOTHING = "Nothing was sent, and nothing was changed."
ALL_KNOWN = "Known events stay without effect; with --fresh messages are planned as new ones."


class StoreReplay:
    """The deliveries of one replay, and the store that they belong to."""

    def __init__(
        self,
        store: Store,
        chosen: DeliverySelection,
        count: int,
        rules: Path | None = None,
        *,
        reveal: bool,
        json: bool,
    ) -> None:
        """Take what is replayed, and load rules, by default those in force, or end the command."""
        self._settings = target.settings()
        with errors.sentences():
            rulebook = load(rules or self._settings.gateway_rules)
        self._store, self._chosen, self._count = store, chosen, count
        self._shadowing = Shadowing(store, rulebook)
        self._words, self._json = Masking(reveal), json

    def tell(self, *, only: bool) -> None:
        """Plan all in the shadow, and tell what would follow, or also that this was all.

        Raises StoreUnavailableError.
        """
        items = map(self._chosen.made, self._chosen)
        found = self._shadowing.plan(items, self._count, silent=self._json)
        tell(found, self._shadowing.counts, self._words, json=self._json)
        if only:
            errors.errors.print(NOTHING)
        if self._shadowing.counts.known and self._chosen.seed is None:
            errors.errors.print(ALL_KNOWN)

    def send(self, pace: ReplayPace, *, yes: bool) -> None:
        """Put everything into the inbox, after a person agreed, and say how far it got."""
        noun = many(self._count, "delivery", "deliveries")
        if not yes:
            follows = consequences(self._shadowing.counts)
            typer.confirm(f"Put {noun} into the inbox ({follows})?", abort=True, err=True)
        errors.look_at_store(self._settings)
        sending = self._sending()
        try:
            sending.all(self._chosen, self._count, pace, silent=self._json)
        except FullError:
            raise self._ended("Redis is as full as it may be", sending.put) from None
        except StoreUnavailableError:
            # What was under way may be there as well: only its answer is missing.
            raise self._ended("Redis does not answer", sending.put, "or more ") from None
        except KeyboardInterrupt:
            self._ended("Interrupted", sending.put)
            raise typer.Exit(INTERRUPTED) from None
        if self._json:
            typer.echo(orjson.dumps({"what": "sent", "deliveries": sending.put}))
        else:
            put = many(sending.put, "delivery", "deliveries")
            typer.echo(f"{put} put into the inbox; what is known stays without effect.")

    def _sending(self) -> Sending:
        inbox = Inbox(self._store, Bodies(self._settings.encryption_keys))
        # The Celery settings are those of the environment, and dev's beat rings within a second.
        rings = workspace.find() is None
        return Sending(self._store, inbox, self._settings.gateway_store_bytes, rings=rings)

    def _ended(self, why: str, put: int, more: str = "") -> typer.Exit:
        again = "Run it again: what went in stays without a second effect"
        seed = self._chosen.seed
        with_seed = f" with --seed {seed.decode()}" if seed else ""
        return errors.fail(
            f"{why}: {put:,} {more}of {self._count:,} are in the inbox. {again}{with_seed}."
        )
