"""Captured deliveries that rules are asked about: files, folders, or what is still in the inbox."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from gateway.cli import failing, trace_where
from gateway.core.captured import BEGINS, CapturedError, place_at, read
from gateway.core.events import Delivery
from gateway.store.body import Bodies
from gateway.store.client import Store, StoreUnavailableError
from gateway.store.history import History

LINES = ".jsonl"


class Timed(NamedTuple):
    """A delivery, and whether it was noted when it was received."""

    delivery: Delivery
    is_timed: bool


def of_files(paths: Iterable[Path]) -> Iterator[Timed]:
    """Read files, those of a folder by name; one that cannot be read ends the command."""
    for path in paths:
        for file in _files(path):
            yield from _read(file)


@contextmanager
def given_or_kept(paths: Sequence[Path] | None) -> Iterator[Iterable[Timed]]:
    """Give what stands in files, or else what is still in the inbox, oldest first."""
    if paths:
        yield of_files(paths)
        return
    given = trace_where.settings()
    store = Store(given.redis_url)
    try:
        history = History(store, Bodies(given.encryption_keys))
        yield (Timed(delivery, True) for delivery in history.deliveries())
    except StoreUnavailableError as error:
        raise failing.fail(f"Redis does not answer ({error}).") from None
    finally:
        store.close()


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        return [file for file in sorted(path.iterdir()) if _is_delivery(file)]
    except OSError as error:
        raise failing.fail(f"Cannot read {path}: {error.strerror}.") from None


def _is_delivery(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _read(file: Path) -> Iterator[Timed]:
    try:
        content = file.read_bytes()
        written_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        raise failing.fail(f"Cannot read {file}: {error.strerror}.") from None
    if file.suffix != LINES and not content.startswith(BEGINS):
        yield Timed(Delivery(place_at(written_at), written_at, content), False)
        return
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        if line.strip():
            try:
                yield Timed(read(line), True)
            except CapturedError as error:
                raise failing.fail(f"{file}:{number} {error}.") from None
