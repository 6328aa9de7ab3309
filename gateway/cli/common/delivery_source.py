"""Sources of replayed deliveries: files of many forms, folders of them, or the inbox."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from gateway.cli.common import errors
from gateway.cli.common.captured_folder import list_captured_files
from gateway.cli.common.plain_file import PlainFileError, read_plain
from gateway.core.capture.file_format import BEGINS, CaptureFormatError, make_delivery_id
from gateway.core.capture.http_request import is_request
from gateway.core.capture.json_values import (
    JsonValuesError,
    RawValue,
    split_lines,
    split_values,
)
from gateway.core.capture.records import CapturedRequest, Records, read_records, read_request
from gateway.core.events import Delivery
from gateway.store.inbox.history import History

# Meta posts 3 MB at most; a line may be six times that if every byte is escaped as a number.
MOST_BYTES = 32 * 1024 * 1024
LINE_SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


@dataclass(frozen=True, slots=True)
class Item:
    """A delivery, and where it was found; `is_timed` if the time of its arrival was recorded."""

    where: str
    delivery: Delivery
    is_timed: bool = True


class CaptureFiles:
    """Deliveries in files, read in the order given, one by one; may be iterated repeatedly.

    A file that cannot be read, or holds anything but deliveries, ends the command with the place
    and the reason.
    """

    unopened = 0

    def __init__(self, paths: Iterable[Path]) -> None:
        """List the files, those of a folder sorted by name, and report what is left out."""
        self._files = [file for path in paths for file in list_captured_files(path)]
        self.other_requests = 0

    def __iter__(self) -> Iterator[Item]:
        """Yield all deliveries."""
        self.other_requests = 0
        for path in self._files:
            try:
                for place, records in _read_file(path):
                    self.other_requests += records.other_count
                    yield from _to_items(path, place, records)
            except OSError as error:
                raise errors.fail(f"Cannot read {path}: {error.strerror}.") from None
            except (PlainFileError, CaptureFormatError) as error:
                raise errors.fail(f"{path} {error}.") from None
            except JsonValuesError as error:
                raise errors.fail(f"{path}:{error.line} {error}.") from None


class StoredDeliveries:
    """Deliveries from Meta that are still in the inbox.

    Replayed deliveries are left out: with new ids, each replay would add more.
    """

    other_requests = 0

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


def _read_file(path: Path) -> Iterator[tuple[str, Records]]:
    """Yield the records of a file, each with its place in it."""
    plain = read_plain(path)
    head = next(plain, b"")
    chunks = chain([head], plain)
    if is_request(head):
        yield "", Records([read_request(_read_whole(chunks))])
        return
    is_lines = path.name.lower().endswith(LINE_SUFFIXES) or head.startswith(BEGINS)
    for value in (split_lines if is_lines else split_values)(chunks, MOST_BYTES):
        yield f":{value.line}", _read_value(path, value)


def _read_whole(chunks: Iterable[bytes]) -> bytes:
    whole = bytearray()
    for chunk in chunks:
        whole += chunk
        if len(whole) > MOST_BYTES:
            raise CaptureFormatError("is larger than anything that Meta posts")
    return bytes(whole)


def _read_value(path: Path, value: RawValue) -> Records:
    try:
        return read_records(value.raw)
    except CaptureFormatError as error:
        raise errors.fail(f"{path}:{value.line} {error}.") from None


def _to_items(path: Path, place: str, records: Records) -> Iterator[Item]:
    where = _printable_name(path) + place
    for record in records.deliveries:
        if isinstance(record, Delivery):
            yield Item(where, record)
        else:
            nth = f" request {record.nth}" if record.nth else ""
            yield _to_item(path, where + nth, record)


def _to_item(path: Path, where: str, request: CapturedRequest) -> Item:
    """Make an item of a body, which came when its file was last written if no time is recorded."""
    at = request.at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    delivery = Delivery(make_delivery_id(at, request.nth), at, request.body)
    return Item(where, delivery, is_timed=request.at is not None)


def _printable_name(path: Path) -> str:
    """Return a printable form of a file name, whatever bytes it consists of."""
    return str(path).encode(errors="replace").decode()
