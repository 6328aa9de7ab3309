"""Jobs of the console: acts on many things, whose progress every web process can show.

All of it may raise StoreUnavailableError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime
from gateway.store import keys
from gateway.store.redis.client import Store
from gateway.store.sending.lookup import run_commands

KEPT_MS = keys.DAY_MS
# The process of a job that said nothing for so long has ended.
SILENT_S = 15.0


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is; `outcomes` counts what became of the things that are done."""

    id: str
    what: str
    user: str
    total: int
    started_at: datetime
    seen_at: datetime
    outcomes: Mapping[str, int] = field(default_factory=dict)
    is_over: bool = False

    @property
    def done_count(self) -> int:
        """Return how many things are done."""
        return sum(self.outcomes.values())

    def is_broken(self, now: datetime) -> bool:
        """Say whether its process ended before it was over."""
        return not self.is_over and (now - self.seen_at).total_seconds() > SILENT_S


def write_progress(store: Store, job: JobProgress) -> bool:
    """Store how far a job is; return whether somebody asked it to stop."""
    key = _key(job.id)
    row = orjson.dumps(
        {
            "what": job.what,
            "user": job.user,
            "total": job.total,
            "started": ms_from_datetime(job.started_at),
            "seen": ms_from_datetime(job.seen_at),
            "outcomes": dict(job.outcomes),
            "over": job.is_over,
        }
    )
    *_, stop = run_commands(
        store, ("HSET", key, "row", row), ("PEXPIRE", key, KEPT_MS), ("HGET", key, "stop")
    )
    return stop is not None


def read_progress(store: Store, id_: str) -> JobProgress | None:
    """Return how far a job is, None where it is forgotten."""
    row: Any = store.run(lambda client: client.hget(_key(id_), "row"))
    if row is None:
        return None
    stored = orjson.loads(row)
    return JobProgress(
        id=id_,
        what=stored["what"],
        user=stored["user"],
        total=stored["total"],
        started_at=datetime_from_ms(stored["started"]),
        seen_at=datetime_from_ms(stored["seen"]),
        outcomes=stored["outcomes"],
        is_over=stored["over"],
    )


def ask_to_stop(store: Store, id_: str) -> None:
    """Let a job stop after what it does now."""
    key = _key(id_)
    run_commands(store, ("HSET", key, "stop", 1), ("PEXPIRE", key, KEPT_MS))


def _key(id_: str) -> str:
    return f"{keys.CONSOLE}job:{id_}"
