"""Eraser: works erasures off, a part at a time, so that any process can go on after another died.

Each part can be repeated, and is stored once it is done. May raise StoreUnavailableError or
ScriptError.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.core.contacts.erasure import WAITING, Erasure, StagePage
from gateway.core.contacts.person import Person
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.console import audit_log
from gateway.store.coordination.leader import LeaderLock
from gateway.store.dead_letters.dead_letters import server_time
from gateway.store.erasure import audiences, contacts, deliveries, records, remains, requests, rows
from gateway.store.erasure.open_erasures import LOCK, open_erasure, read_open, replace_erasure
from gateway.store.erasure.search import PersonSearch
from gateway.store.redis.client import ScriptError, Store

LOCK_MS = 10_000
BUDGET_S = 0.3
STORE_EVERY_S = 0.05


@dataclass(slots=True)
class Eraser:
    """Works off what is to be erased; one process at a time does so."""

    store: Store
    bodies: Bodies
    retention: timedelta  # of deliveries
    _lock: LeaderLock = field(init=False)

    def __post_init__(self) -> None:
        """Prepare the lock."""
        self._lock = LeaderLock(self.store, LOCK, LOCK_MS)

    def begin(self, name: str, numbers: Sequence[str] | None) -> Erasure:
        """Store that a customer is to be erased, at some of our numbers or at all of them.

        Returns the erasure, or one that is open already. Raises TooManyErasuresError.
        """
        where = number_list.numbers(self.store) if numbers is None else numbers
        names = contacts.find_names(self.store, where, name)
        return open_erasure(self.store, names, numbers, server_time(self.store))

    def run(self, budget_s: float = BUDGET_S, only: str = "") -> int:
        """Work for a while on the erasures that are due, or on one; return how many are done."""
        if not self._read_due(only) or not self._lock.acquire():
            return 0
        deadline, done, failed = time.monotonic() + budget_s, 0, None
        try:
            # Read again: another process may have worked on them until now.
            for erasure in self._read_due(only):
                try:
                    done += self._work(erasure, deadline)
                except ScriptError as error:  # one that meets damaged keys delays no other
                    failed = error
                if time.monotonic() > deadline:
                    break
        finally:
            self._lock.release()
        if failed:
            raise failed
        return done

    def _read_due(self, only: str) -> Sequence[Erasure]:
        if not (found := [one for one in read_open(self.store) if only in ("", one.id)]):
            return ()
        now = server_time(self.store)
        return [one for one in found if one.is_due(now)]

    def _work(self, erasure: Erasure, deadline: float) -> bool:
        """Work on one erasure until it is done, has to wait, or the time is over."""
        now = server_time(self.store)
        while erasure.is_due(now):
            after = self._do_some(erasure, now)
            if not replace_erasure(self.store, erasure, after):
                return False
            erasure = after
            if time.monotonic() > deadline or not self._lock.acquire():
                break
            now = server_time(self.store)
        return erasure.finished_at is not None

    def _do_some(self, erasure: Erasure, now: datetime) -> Erasure:
        """Do parts of an erasure for a moment: most take less time than to store how far it is."""
        until = time.monotonic() + STORE_EVERY_S
        while erasure.is_due(now):
            erasure = self.step(erasure, now)
            if time.monotonic() > until:
                break
        return erasure

    def step(self, erasure: Erasure, now: datetime) -> Erasure:
        """Do the next part of an erasure; return it as it is after that."""
        if erasure.stage == WAITING:
            return erasure.next_pass()
        person = Person(erasure.names)
        search = PersonSearch(self.store, self.bodies, person, erasure.numbers)
        return erasure.after(self._do(search, erasure), now)

    def _do(self, search: PersonSearch, erasure: Erasure) -> StagePage:
        at, id_ = erasure.position, erasure.id
        stages: Mapping[str, Callable[[], StagePage]] = {
            "names": lambda: contacts.find_older_names(search, at),
            "deliveries": lambda: deliveries.erase_deliveries(search, at, self.retention),
            "commits": lambda: contacts.finish_commits(search, at),
            "records": lambda: records.erase_records(search, at, id_),
            "rows": lambda: rows.erase_rows(search, at, id_),
            "remains": lambda: remains.erase_remains(search, at, id_),
            "texts": lambda: remains.erase_group_texts(search, at),
            "requests": lambda: requests.erase_requests(search, at, id_),
            "results": lambda: requests.erase_results(search, at),
            "audit": lambda: _erase_audit(search),
            "audiences": lambda: audiences.erase_audiences(search, at),
            "contacts": lambda: contacts.erase_contacts(search, at),
            "uploads": lambda: audiences.find_uploads(search, erasure),
        }
        return stages[erasure.stage]()


def _erase_audit(search: PersonSearch) -> StagePage:
    """Erase what the audit log of the console says of the customer; it is short."""
    count = audit_log.erase_subjects(search.store, search.person, search.scope)
    return StagePage(erased={"audit_entries": count})
