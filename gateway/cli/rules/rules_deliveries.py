"""Captured deliveries that rules are asked about: files, folders, or what is still in the inbox."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gateway.cli.common import errors
from gateway.cli.common.delivery_source import Files, Item, Kept
from gateway.cli.local import target
from gateway.core.events import Delivery
from gateway.store import dead_letters
from gateway.store.inbox.history import History
from gateway.store.inbox.record import Bodies
from gateway.store.redis.client import Store, StoreUnavailableError


class Timed(NamedTuple):
    """A delivery, and whether it was noted when it was received."""

    delivery: Delivery
    is_timed: bool


def of_files(paths: Iterable[Path]) -> Iterator[Timed]:
    """Read files, those of a folder by name; one that cannot be read ends the command."""
    yield from _timed(Files(paths))


@contextmanager
def given_or_kept(paths: Sequence[Path] | None) -> Iterator[Iterable[Timed]]:
    """Give what stands in files, or else what is still in the inbox, oldest first."""
    if paths:
        yield of_files(paths)
        return
    given = target.settings()
    store = Store(given.redis_url)
    try:
        history = History(store, Bodies(given.encryption_keys))
        yield _timed(Kept(history, None, dead_letters.now(store)))
    except StoreUnavailableError as error:
        raise errors.fail(f"Redis does not answer ({error}).") from None
    finally:
        store.close()


def _timed(items: Iterable[Item]) -> Iterator[Timed]:
    for item in items:
        yield Timed(item.delivery, item.timed)
