"""Audit log of the console: a stream, and beside it what its entries say of customers.

All of it may raise StoreUnavailableError or ScriptError.
"""

from collections.abc import Sequence
from typing import Any

from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.contacts.person import Person
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands

MOST_ENTRIES = 10_000
LOG, SUBJECTS = f"{keys.CONSOLE}audit", f"{keys.CONSOLE}audit_subjects"


def note_action(store: Store, entry: AuditEntry) -> None:
    """Add an entry; the oldest goes where there are too many."""
    subject = entry.subject.pack() if entry.subject else b""
    accounts = ",".join(entry.accounts)
    args = (MOST_ENTRIES, entry.user, entry.what, entry.about, subject, accounts)
    store.call("note_action", keys.CONSOLE, *args)


def read_entries(store: Store, before: str, limit: int) -> list[AuditEntry]:
    """Return entries older than the one with the id `before`, the newest first; "" for all."""
    end = f"({before}" if before else "+"
    (rows,) = run_commands(store, ("XREVRANGE", LOG, end, "-", "COUNT", limit))
    ids = [id_ for id_, _ in rows]
    subjects: Any = run_commands(store, ("HMGET", SUBJECTS, *ids))[0] if ids else []
    return [
        _to_entry(id_, fields, subject)
        for (id_, fields), subject in zip(rows, subjects, strict=True)
    ]


def erase_subjects(store: Store, person: Person, numbers: Sequence[str] | None) -> int:
    """Remove what entries say of a customer; return of how many. None for all numbers."""
    rows: Any = store.run(lambda client: client.hgetall(SUBJECTS))
    own = [
        id_
        for id_, row in rows.items()
        if person.is_mentioned(row) and _is_of(_parse(row), numbers)
    ]
    if own:
        store.run(lambda client: client.hdel(SUBJECTS, *own))
    return len(own)


def _is_of(subject: AuditSubject | None, numbers: Sequence[str] | None) -> bool:
    return numbers is None or subject is None or subject.number in numbers


def _to_entry(id_: bytes, fields: dict[bytes, bytes], subject: bytes | None) -> AuditEntry:
    user, what, about, accounts = (
        fields.get(name, b"").decode(errors="replace") for name in (b"u", b"w", b"a", b"c")
    )
    bound_to = tuple(filter(None, accounts.split(",")))
    return AuditEntry(user, what, about, _parse(subject), bound_to, id_.decode())


def _parse(row: bytes | None) -> AuditSubject | None:
    try:
        return None if row is None else AuditSubject.unpack(row)
    except (ValueError, KeyError, TypeError):
        return None
