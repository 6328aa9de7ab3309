"""Sources of replayed deliveries: capture files, single bodies, folders, or the inbox."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from gateway.cli.common import errors
from gateway.core.capture.file_format import (
    BEGINS,
    CaptureFormatError,
    make_delivery_id,
    parse_line,
)
from gateway.core.events import Delivery
from gateway.store.inbox.history import History

# Meta posts 3 MB at most; a line may be six times that if every byte is escaped as a number.
MOST_BYTES = 32 * 1024 * 1024
SUFFIX = ".jsonl"


@dataclass(frozen=True, slots=True)
class Item:
    """A delivery, and where it was found; `is_timed` if the time of its arrival was recorded."""

    where: str
    delivery: Delivery
    is_timed: bool = True


class CaptureFiles:
    """Deliveries in files, read in the order given, line by line; may be iterated repeatedly.

    A file that cannot be read ends the command with the place and the reason.
    """

    unopened = 0

    def __init__(self, paths: Iterable[Path]) -> None:
        """List the files; those of a folder are sorted by name."""
        self._files = [file for path in paths for file in _list_files(path)]

    def __iter__(self) -> Iterator[Item]:
        """Yield all deliveries."""
        for nth, path in enumerate(self._files):
            try:
                with path.open("rb") as file:
                    yield from _read(path, file, nth)
            except OSError as error:
                raise errors.fail(f"Cannot read {path}: {error.strerror}.") from None


class StoredDeliveries:
    """Deliveries from Meta that are still in the inbox.

    Replayed deliveries are left out: with new ids, each replay would add more.
    """

    def __init__(self, history: History, since: datetime | None, until: datetime | None) -> None:
        """Take the history and the time range; deliveries of this replay itself are left out."""
        self._history = history
        self._since, self._until = since, until

    @property
    def unopened(self) -> int:
        """Return how many deliveries of the last iteration could not be decrypted."""
        return self._history.unopened

    def __iter__(self) -> Iterator[Item]:
        """Yield all deliveries that can be decrypted."""
        for delivery in self._history.deliveries(self._since, self._until):
            if delivery.origin == "meta":
                yield Item(f"delivery {delivery.id}", delivery)


def _list_files(path: Path) -> Iterator[Path]:
    """Yield the file, or the files of a folder sorted by name."""
    try:
        entries = sorted(path.iterdir()) if path.is_dir() else [path]
    except OSError as error:
        raise errors.fail(f"Cannot read {path}: {error.strerror}.") from None
    files = [file for file in entries if file == path or _is_visible_file(file)]
    if not files:
        raise errors.fail(f"The folder {path} holds no files.")
    if path.exists() and not (path.is_dir() or path.is_file()):
        raise errors.fail(f"{path} can be read only once: write it to a file, and replay that.")
    yield from files


def _is_visible_file(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def _read(path: Path, file: BinaryIO, nth: int) -> Iterator[Item]:
    is_capture = path.suffix == SUFFIX or file.read(len(BEGINS)) == BEGINS
    file.seek(0)
    if is_capture:
        yield from _read_lines(path, file)
    else:
        yield _read_body(path, file, nth)


def _read_lines(path: Path, file: BinaryIO) -> Iterator[Item]:
    line_number = 0
    while line := file.readline(MOST_BYTES):
        line_number += 1
        if len(line) == MOST_BYTES:
            raise errors.fail(f"{path}:{line_number} is longer than any delivery of Meta.")
        if not line.strip():
            continue
        try:
            yield Item(f"{_printable_name(path)}:{line_number}", parse_line(line))
        except CaptureFormatError as error:
            raise errors.fail(f"{path}:{line_number} {error}.") from None


def _printable_name(path: Path) -> str:
    """Return a printable form of a file name, whatever bytes it consists of."""
    return str(path).encode(errors="replace").decode()


def _read_body(path: Path, file: BinaryIO, nth: int) -> Item:
    """Read a file as one received body; its modification time is the time of arrival."""
    body = file.read(MOST_BYTES)
    if len(body) == MOST_BYTES:
        raise errors.fail(f"{path} is larger than anything that Meta posts.")
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Item(
        _printable_name(path), Delivery(make_delivery_id(at, nth), at, body), is_timed=False
    )
