"""Files to read of a folder of captures; whatever else is in it is reported as left out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.markup import escape

from gateway.cli.common import errors
from gateway.core.formats import pluralize

SUFFIXES = (".json", ".jsonl", ".ndjson", ".http")
PACKED = ".gz"
# The number of entries that a report names.
NAMED = 10


def list_captured_files(path: Path) -> Iterator[Path]:
    """Yield the file, or the captured files of a folder sorted by name.

    A file that is named itself is read whatever it is called.
    """
    try:
        if path.is_dir():
            yield from _list_folder(path, sorted(path.iterdir()))
            return
    except OSError as error:
        raise errors.fail(f"Cannot read {path}: {error.strerror}.") from None
    if path.exists() and not path.is_file():
        raise errors.fail(f"{path} can be read only once: write it to a file, and replay that.")
    yield path


def _list_folder(folder: Path, entries: Sequence[Path]) -> Sequence[Path]:
    files = [entry for entry in entries if _is_captured_file(entry)]
    named = frozenset(files)
    others = [entry for entry in entries if entry not in named]
    if not entries:
        raise errors.fail(f"The folder {folder} holds no files.")
    if not files:
        raise errors.fail(
            f"The folder {folder} holds no file that ends in {', '.join(SUFFIXES)} or one of "
            f"these and {PACKED}, but {_describe(others)}: name a file or a subfolder to read it."
        )
    if others:
        errors.errors.print(
            f"[yellow]warning:[/] left out of {escape(str(folder))}: "
            f"{escape(_describe(others))}; name a file or a subfolder to read it."
        )
    return files


def _is_captured_file(entry: Path) -> bool:
    name = entry.name.lower().removesuffix(PACKED)
    return not name.startswith(".") and name.endswith(SUFFIXES) and entry.is_file()


def _describe(entries: Sequence[Path]) -> str:
    names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries[:NAMED]]
    more = len(entries) - len(names)
    return ", ".join(names) + (f" and {pluralize(more, 'other')}" if more else "")
