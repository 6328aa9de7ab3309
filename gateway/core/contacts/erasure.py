"""Erasure of a customer: how far it is, what it found, and what follows; pure.

It goes through the stages in their order. What waits for its effect, or is being posted, makes
another pass necessary once that is over, and so does an audience that was being read meanwhile: its
reader may have seen the customer before, and stored them after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

import orjson

from gateway.core.storage.timestamps import datetime_from_ms, ms_from_datetime

# What makes sends comes before the sends: a delivery that had its effect before it is read has made
# its own by then.
STAGES = (
    "names", "audiences", "deliveries", "commits", "records", "rows", "remains", "texts",
    "requests", "results", "audit", "contacts", "uploads",
)  # fmt: skip
WAITING = "waiting"  # for the next pass
LONGEST_WAIT = timedelta(minutes=5)
# What is counted, in the words of the API.
KINDS = (
    "contacts", "messages", "schedules", "records", "dead_letters", "deliveries",
    "redacted_deliveries", "notifications", "calls", "forwards", "timers", "idempotency_keys",
    "task_results", "recipients", "audit_entries",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StagePage:
    """A part of a stage that was done: where the next begins, "" at the end, and what was found."""

    position: str = ""
    erased: Mapping[str, int] = field(default_factory=dict)
    deliveries: int = 0  # that wait for their effect
    messages: int = 0  # that are being posted
    unopened: int = 0  # deliveries and texts that this process cannot open
    audiences: int = 0  # that were being read
    at: datetime | None = None  # of a part of the last stage, when it began
    names: frozenset[str] = field(default=frozenset(), repr=False)  # other names of the customer


@dataclass(frozen=True, slots=True)
class Erasure:
    """One customer's erasure; `names` are kept until it is done, and no longer."""

    id: str
    names: frozenset[str] = field(repr=False)
    numbers: tuple[str, ...] | None  # of ours, None for all
    started_at: datetime
    stage: str = STAGES[0]
    position: str = ""
    passes: int = 1
    next_at: datetime | None = None  # of the next pass, while it waits
    finished_at: datetime | None = None
    erased: Mapping[str, int] = field(default_factory=dict)
    deliveries: int = 0
    messages: int = 0
    unopened: int = 0
    audiences: int = 0
    pass_at: datetime | None = None  # when this pass was due, None for the first
    # Until when uploads may have read the customer; None while no pass is over.
    read_until: datetime | None = None

    @property
    def pass_began(self) -> datetime:
        """Return a moment no later than the beginning of this pass."""
        return self.pass_at or self.started_at

    def includes(self, number: str) -> bool:
        """Say whether what a number of ours has is to be erased."""
        return self.numbers is None or number in self.numbers

    def is_due(self, now: datetime) -> bool:
        """Say whether there is something to do now."""
        if self.finished_at:
            return False
        return self.next_at is None or self.next_at <= now

    def after(self, page: StagePage, now: datetime) -> "Erasure":
        """Return it after a part of its stage."""
        counts = {
            kind: count
            for kind in KINDS
            if (count := self.erased.get(kind, 0) + page.erased.get(kind, 0))
        }
        done = replace(
            self,
            position=page.position,
            names=self.names | page.names,
            erased=counts,
            deliveries=self.deliveries + page.deliveries,
            messages=self.messages + page.messages,
            unopened=self.unopened + page.unopened,
            audiences=self.audiences + page.audiences,
        )
        return done if page.position else done._after_stage(now, page.at or now)

    def next_pass(self) -> "Erasure":
        """Return it at the beginning of its next pass."""
        return replace(
            self, stage=STAGES[0], position="", next_at=None, passes=self.passes + 1, deliveries=0,
            messages=0, unopened=0, audiences=0, pass_at=self.next_at,
        )  # fmt: skip

    def _after_stage(self, now: datetime, swept_at: datetime) -> "Erasure":
        """Return it after a stage; before `swept_at` the last one began."""
        if self.stage != STAGES[-1]:
            return replace(self, stage=STAGES[STAGES.index(self.stage) + 1])
        if self.deliveries or self.messages or self.audiences:
            wait = min(LONGEST_WAIT, timedelta(seconds=2 ** min(self.passes - 1, 20)))
            # A pass that found nothing leaves nothing to read: a later upload delays no erasure.
            has_found = self.deliveries or self.messages or self.read_until is None
            until = swept_at if has_found else self.read_until
            return replace(self, stage=WAITING, next_at=now + wait, read_until=until)
        return replace(self, names=frozenset(), finished_at=now)

    def pack(self) -> bytes:
        """Return it as it is stored."""
        return orjson.dumps(
            {
                "id": self.id,
                "names": sorted(self.names),
                "numbers": self.numbers,
                "started": ms_from_datetime(self.started_at),
                "stage": self.stage,
                "position": self.position,
                "passes": self.passes,
                "next": ms_from_datetime(self.next_at) if self.next_at else None,
                "finished": ms_from_datetime(self.finished_at) if self.finished_at else None,
                "erased": self.erased,
                "deliveries": self.deliveries,
                "messages": self.messages,
                "unopened": self.unopened,
                "audiences": self.audiences,
                "pass_at": ms_from_datetime(self.pass_at) if self.pass_at else None,
                "read_until": ms_from_datetime(self.read_until) if self.read_until else None,
            }
        )

    @classmethod
    def unpack(cls, stored: bytes) -> Self:
        """Return it as it was stored; a stage of another release begins the pass anew.

        Raises ValueError, KeyError or TypeError for an odd row.
        """
        row: Mapping[str, Any] = orjson.loads(stored)
        is_known = row["stage"] in (*STAGES, WAITING)
        return cls(
            id=row["id"],
            names=frozenset(row["names"]),
            numbers=None if row["numbers"] is None else tuple(row["numbers"]),
            started_at=datetime_from_ms(row["started"]),
            stage=row["stage"] if is_known else STAGES[0],
            position=row["position"] if is_known else "",
            passes=row["passes"],
            next_at=_moment(row["next"]),
            finished_at=_moment(row["finished"]),
            erased=dict(row["erased"]),
            deliveries=row["deliveries"],
            messages=row["messages"],
            unopened=row["unopened"],
            audiences=row.get("audiences", 0),
            pass_at=_moment(row.get("pass_at")),
            read_until=_moment(row.get("read_until")),
        )


def _moment(stamp: int | None) -> datetime | None:
    return datetime_from_ms(stamp) if stamp is not None else None
