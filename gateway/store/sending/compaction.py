"""Compaction: finished sends become records, which keep for a month what a trace needs.

A record takes a tenth of the room of a row. All of it may raise StoreUnavailableError.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from gateway.core.sending.compact_record import CompactedSend, index_slot, pack
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import ScriptError, Store

log = structlog.get_logger(__name__)

AT_ONCE = 250
IN_A_CALL = 50
BUDGET_S = 0.5
REPLIES_FOR = timedelta(milliseconds=keys.MONTH_MS)
BULK_FOR = timedelta(days=8)
# A row that cannot be packed is tried again later, and delays no other.
POSTPONED_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class FinishedSend:
    """A send that is due for compaction, as its row was read."""

    id: str
    row: dict[str, str]
    members: dict[str, str]
    packed: CompactedSend


class Compaction:
    """Compacts the sends of all numbers, within a time budget for each run."""

    def __init__(self, store: Store, bodies: Bodies, retention: timedelta) -> None:
        """Take how texts are compressed, and the retention of the texts."""
        self._store = store
        self._bodies = bodies
        self._lives = [_ms(one) for one in (retention, REPLIES_FOR, BULK_FOR)]

    def run(self, numbers: Sequence[str], early_ms: float, budget_s: float = BUDGET_S) -> int:
        """Compact what is due, or is due within `early_ms`; return how many until time was up.

        Numbers take turns, so that none waits for another's backlog.
        """
        deadline = time.monotonic() + budget_s
        waiting, done = list(numbers), 0
        while waiting and time.monotonic() < deadline:
            for number in list(waiting):
                due, compacted = self._try_step(number, early_ms)
                done += compacted
                # A row that changed meanwhile is still due, and may as well wait for the next tick.
                if due < AT_ONCE or compacted < due // 2:
                    waiting.remove(number)
                if time.monotonic() >= deadline:
                    break
        return done

    def _try_step(self, number: str, early_ms: float) -> tuple[int, int]:
        try:
            return self.compact_step(number, early_ms)
        except ScriptError as error:  # a number with damaged keys delays no other
            log.warning("number_not_compacted", number=number, error=str(error))
            return 0, 0

    def compact_step(self, number: str, early_ms: float) -> tuple[int, int]:
        """Compact the oldest that are due, a bounded number; return how many were due and done."""
        ids = self._due(keys.number(number), early_ms)
        finished = [one for one in self._read(number, ids) if one]
        return len(ids), self._write(number, finished) if finished else 0

    def _due(self, prefix: str, early_ms: float) -> list[str]:
        def ask(client: Any) -> Any:
            seconds, micros = client.time()
            until = seconds * 1000 + micros // 1000 + early_ms
            return client.zrange(
                f"{prefix}finished", "-inf", until, byscore=True, offset=0, num=AT_ONCE
            )

        return [one.decode() for one in self._store.run(ask)]

    def _read(self, number: str, ids: Sequence[str]) -> list[FinishedSend | None]:
        prefix = keys.number(number)

        def ask(client: Any) -> list[Any]:
            pipe = client.pipeline(transaction=False)
            for one in ids:
                pipe.hgetall(f"{prefix}send:{one}")
            pipe.exists(*(f"{prefix}members:{one}" for one in ids))
            *rows, of_groups = pipe.execute(raise_on_error=False)
            members: list[Any] = [{}] * len(ids)
            if of_groups:
                for one in ids:
                    pipe.hgetall(f"{prefix}members:{one}")
                members = pipe.execute(raise_on_error=False)
            return list(zip(ids, rows, members, strict=True))

        raw_rows = self._store.run(ask) if ids else []
        return [self._to_finished(number, *one) for one in raw_rows]

    def _to_finished(
        self, number: str, name: str, raw: Any, raw_members: Any
    ) -> FinishedSend | None:
        try:
            row, members = _decode_row(raw), _decode_row(raw_members)
            if row:
                return FinishedSend(name, row, members, pack(name, row, members))
            self._forget(number, name)
        except Exception as error:
            log.warning("send_not_compacted", send=name, error=type(error).__name__)
            self._postpone(number, name)
        return None

    def _write(self, number: str, finished: Sequence[FinishedSend]) -> int:
        done = 0
        for start in range(0, len(finished), IN_A_CALL):
            args: list[Any] = [*self._lives]
            for send in finished[start : start + IN_A_CALL]:
                args += self._args(send)
            done += sum(self._store.call("compact", keys.number(number), *args))
        return done

    def _args(self, send: FinishedSend) -> list[Any]:
        row, packed = send.row, send.packed
        args: list[Any] = [
            send.id,
            index_slot("s", send.id),
            row["stage"],
            row["attempts"],
            len(row),
        ]
        args += ["".join(part for member in send.members.items() for part in member)]
        args += [packed.record, self._bodies.pack(packed.text), packed.head, len(packed.wamids)]
        for wamid in packed.wamids:
            args += [wamid, index_slot("w", wamid)]
        return args

    def _forget(self, number: str, name: str) -> None:
        key = f"{keys.number(number)}finished"
        self._store.run(lambda client: client.zrem(key, name))

    def _postpone(self, number: str, name: str) -> None:
        key = f"{keys.number(number)}finished"
        self._store.run(lambda client: client.zincrby(key, POSTPONED_MS, name))


def _decode_row(raw: Any) -> dict[str, str]:
    if isinstance(raw, Exception):
        raise ScriptError(str(raw))
    return {name.decode(): value.decode() for name, value in raw.items()}


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)
