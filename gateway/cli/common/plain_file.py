"""Plain bytes of a file: unpacked where it is compressed, and UTF-8 where it is UTF-16."""

import gzip
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gateway.core.capture.text_encoding import to_utf8

CHUNK = 1024 * 1024
_GZIP = b"\x1f\x8b"
# Twenty times the largest capture that a replay is measured with; a small file may grow for ever.
MOST_UNPACKED = 2 * 1024**3


class PlainFileError(Exception):
    """A file that cannot be read as text; the message says why."""


def read_plain(path: Path) -> Iterator[bytes]:
    """Yield the plain bytes of a file in chunks, the first of which is small only if the file is.

    Raises OSError and PlainFileError.
    """
    try:
        with path.open("rb") as file:
            yield from to_utf8(_unpack(file) if _is_packed(file) else _read(file))
    except (gzip.BadGzipFile, zlib.error):
        raise PlainFileError("is damaged and cannot be unpacked") from None
    except EOFError:
        raise PlainFileError("is cut and cannot be unpacked to its end") from None
    except UnicodeDecodeError as error:
        raise PlainFileError(f"begins as {error.encoding.upper()}, which it is not") from None


def _is_packed(file: BinaryIO) -> bool:
    begins = file.read(len(_GZIP))
    file.seek(0)
    return begins == _GZIP


def _read(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, CHUNK), b"")


def _unpack(packed: BinaryIO) -> Iterator[bytes]:
    size = 0
    with gzip.GzipFile(fileobj=packed) as file:
        while chunk := file.read(CHUNK):
            size += len(chunk)
            if size > MOST_UNPACKED:
                gigabytes = MOST_UNPACKED // 1024**3
                raise PlainFileError(f"holds more than {gigabytes} GB: unpack it, and replay that")
            yield chunk
