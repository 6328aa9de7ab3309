"""Import of contacts: what a table says of customers, each committed by itself.

A table that cannot be read changes nothing, since it is read to its end first. An import that dies
in the middle is repeated: what is there already stays as it is. May raise StoreUnavailableError or
ScriptError, and NoRoomError.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from gateway.core.contacts.contact import Contact
from gateway.core.formats import pluralize
from gateway.core.planning.batch import Plan
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.core.tables.contact_rows import NO_ROOM, ContactRow, ContactRowReader, apply_row
from gateway.core.tables.phone_cells import TableError
from gateway.store import keys, number_list
from gateway.store.maintenance.retention import memory_health
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import parse_contacts
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.server.health import IMPORT_UNTIL
from gateway.tables.table import read_table

AT_ONCE = 200
MOST_TRIES = 5
LOOK_EVERY = 10_000  # contacts that are made between two looks at the store's memory
UNREADABLE = "names a contact that cannot be read"
CHANGING = "names a contact that changes all the time: repeat the import"
_NO_RECORDS = timedelta(seconds=1)  # none is written


class NoRoomError(Exception):
    """The store has no room for more customers; the message says how far the import is."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What counts of a table beside its rows."""

    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    tags_only: bool = False
    country: str = ""
    encoding: str = ""

    def reader(self) -> ContactRowReader:
        """Return a reader of the rows."""
        return ContactRowReader(self.country, self.tags, self.without_tags, self.tags_only)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; with an error nothing was changed."""

    rows: int = 0
    made: int = 0
    changed: int = 0
    unchanged: int = 0
    left_out: int = 0
    problems: Sequence[tuple[int, str]] = ()
    error: str = ""

    def view(self) -> dict[str, Any]:
        """Return what clients and operators see of it."""
        problems = [{"line": line, "detail": detail} for line, detail in self.problems]
        counts = {name: getattr(self, name) for name in ("rows", "made", "changed", "unchanged")}
        return {**counts, "left_out": self.left_out, "problems": problems}


def import_contacts(
    store: Store,
    number: str,
    file: BinaryIO,
    options: ImportOptions,
    limit_bytes: int = 0,
    note: Callable[[int], None] = lambda done: None,
) -> ImportResult:
    """Read a file to its end, then import it; `note` learns how many rows are done.

    `limit_bytes` counts where the server has no limit of its own (0: half of its host).
    """
    try:
        for _ in options.reader().read(read_table(file, options.encoding)):
            pass
    except TableError as error:
        return ImportResult(error=str(error))
    file.seek(0)
    if not number_list.add_number(store, number):
        raise StoreUnavailableError("the list of numbers is full")
    reader = options.reader()
    rows = reader.read(read_table(file, options.encoding))
    made = changed = unchanged = 0
    next_look = 1
    while page := list(islice(rows, AT_ONCE)):
        outcome = _ContactPage(store, number, reader).write(page)
        made, changed = made + outcome.made, changed + outcome.changed
        unchanged += outcome.unchanged
        note(reader.rows)
        if made >= next_look:
            _require_room(store, limit_bytes, reader.rows)
            next_look = made + LOOK_EVERY
    return ImportResult(
        reader.rows, made, changed, unchanged, reader.left_out, tuple(reader.problems)
    )


def _require_room(store: Store, limit_bytes: int, done: int) -> None:
    """Raise NoRoomError where more customers would leave too little memory for deliveries."""
    if not memory_health(store, limit_bytes).has_room_for_customers:
        raise NoRoomError(
            f"Redis has used {IMPORT_UNTIL:.0%} of its memory limit, and deliveries need the rest: "
            f"the import ends after {pluralize(done, 'row')}. Give it more memory and repeat it, "
            "which finds what is done."
        )


def import_path(
    redis_url: str,
    encryption: Sequence[bytes],
    number: str,
    path: Path,
    options: ImportOptions,
    limit_bytes: int,
) -> ImportResult:
    """Import a file in a process of its own: a million rows must not hold up an event loop."""
    del encryption  # contacts are not encrypted
    store = Store(redis_url)
    try:
        with path.open("rb") as file:
            return import_contacts(store, number, file, options, limit_bytes)
    finally:
        store.close()


class _ContactPage:
    """Some rows, whose contacts are committed together; one that changed meanwhile, once more."""

    def __init__(self, store: Store, number: str, reader: ContactRowReader) -> None:
        self._store, self._number, self._reader = store, number, reader
        self.made = self.changed = self.unchanged = 0

    def write(self, rows: Sequence[ContactRow]) -> "_ContactPage":
        """Write what the rows say, and count what that did."""
        for _ in range(MOST_TRIES):
            if not rows:
                return self
            rows = self._try(rows)
        for row in rows:
            self._reader.leave_out(row.line, CHANGING)
        return self

    def _try(self, rows: Sequence[ContactRow]) -> list[ContactRow]:
        """Commit the contacts of some rows; return those that another commit was faster with."""
        planned = list(self._plan(rows))
        plans = [
            Plan(self._number, after, changed=True, events=(), was_handed_over=False)
            for _, _, after in planned
        ]
        behind: list[ContactRow] = []
        for (row, before, _), done in zip(
            planned, commit(self._store, plans, _NO_RECORDS), strict=True
        ):
            if isinstance(done, Exception):
                raise done
            if not done:
                behind.append(row)
            elif before.version:
                self.changed += 1
            else:
                self.made += 1
        return behind

    def _plan(self, rows: Sequence[ContactRow]) -> Iterator[tuple[ContactRow, Contact, Contact]]:
        """Yield the rows that change their contact, with it before and after."""
        names = [row.key for row in rows]
        call = Call("load", keys.number(self._number), [len(names), *names])
        now_ms, loaded, _ = self._store.call(call.script, call.prefix, *call.args)
        contacts, _ = parse_contacts(names, loaded)
        now = datetime_from_ms(now_ms)
        for row in rows:
            before = contacts.get(row.key)
            after = apply_row(before, row, now) if before else None
            if before is None or after is None:
                self._reader.leave_out(row.line, NO_ROOM if before else UNREADABLE)
            elif after == before:
                self.unchanged += 1
            else:
                yield row, before, after
