"""Lanes as senders see them: take attempts to make, settle what became of them."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.contacts.serialization import unpack
from gateway.core.sending.dead_letter import UNOPENED
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Call, ScriptError, Store, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Damage:
    """One item that a script could not work on, and why; neither names a customer."""

    kind: str  # "lane", "outcome", "due", ...
    item: str  # the id of a send or a timer, "" of a lane
    reason: str


def parse_damages(fields: Sequence[bytes]) -> tuple[Damage, ...]:
    """Read what a script tells of it: what, item and why of each, one after the other."""
    words = [word.decode(errors="replace") for word in fields]
    return tuple(Damage(*words[i : i + 3]) for i in range(0, len(words), 3))


LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class PumpResult:
    """The attempts to make, the server's time, and whether more is ready, and in how long."""

    attempts: list[Attempt]
    now: datetime
    has_more: bool
    wait_s: float
    probes: bool  # the number is paused, and its one attempt shows whether it still has to be
    ended_pause: str  # why it was paused, where an attempt showed that it need not be any longer
    unopened: list[Outcome] = field(default_factory=list)  # of attempts that cannot be made
    damaged: tuple[Damage, ...] = ()  # what the script passed over


@dataclass(frozen=True, slots=True)
class PumpCall:
    """One call of the pump script, and what goes with the next where nobody hears its answer."""

    call: Call
    name: str
    settled: list[Outcome]
    lost: list[str]


class Lanes:
    """The sends of one number, shared by the threads of one process."""

    def __init__(self, store: Store, number: str, per_second: int) -> None:
        """Name the number and how many messages a second Meta grants it."""
        self._store = store
        self._prefix = keys.number(number)
        self._per_second = per_second
        self._lock = threading.Lock()
        self._unsettled: list[Outcome] = []
        self._unanswered: list[str] = []

    def pump(self, outcomes: Sequence[Outcome], most: int) -> PumpResult:
        """Settle `outcomes`, then take up to `most` attempts, in one script call.

        Raises StoreUnavailableError or ScriptError. What was to be settled then goes with this
        process's next call, which also gives back what the lost call may have taken: nothing of it
        was posted.
        """
        (answer,) = pump_all(self._store, [(self, outcomes, most)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def prepare_pump(self, outcomes: Sequence[Outcome], most: int) -> PumpCall:
        """Return the call that settles `outcomes`, and those of lost calls, and then takes."""
        name = secrets.token_hex(6)
        with self._lock:
            settled, self._unsettled = [*self._unsettled, *outcomes], []
            lost, self._unanswered = self._unanswered, []
        args: list[Any] = [LEASE_MS, most, self._per_second, name, ",".join(lost)]
        for one in settled:
            args += [
                one.send,
                one.attempt,
                one.step,
                one.wamid,
                one.wait_ms,
                one.error_json,
                one.history_json,
            ]
        return PumpCall(Call("pump", self._prefix, args), name, settled, lost)

    def keep_for_next(self, pumping: PumpCall) -> None:
        """Keep for the next call what a call brought whose answer nobody heard."""
        with self._lock:
            self._unsettled = pumping.settled + self._unsettled
            self._unanswered += [*pumping.lost, pumping.name]


def pump_all(
    store: Store, wanted: Sequence[tuple[Lanes, Sequence[Outcome], int]]
) -> list[PumpResult | StoreUnavailableError | ScriptError]:
    """Do for several numbers what `Lanes.pump` does for one, all in one round trip.

    A number whose call failed has the error in its place, and loses nothing by it.
    """
    prepared = [(lanes, lanes.prepare_pump(outcomes, most)) for lanes, outcomes, most in wanted]
    try:
        answers = store.call_many([pumping.call for _, pumping in prepared])
    except StoreUnavailableError as error:
        answers = [error] * len(prepared)
    for (lanes, pumping), answer in zip(prepared, answers, strict=True):
        if isinstance(answer, Exception):
            lanes.keep_for_next(pumping)
    return [_parse_answer(one) if isinstance(one, list) else one for one in answers]


def _parse_answer(answer: Any) -> PumpResult:
    now, wait, more, probes, resumed, damaged, rows = answer
    began = datetime_from_ms(now)
    attempts, unopened = _parse_attempts(rows, began)
    return PumpResult(
        attempts=attempts,
        now=began,
        has_more=bool(more),
        wait_s=wait / 1000,
        probes=bool(probes),
        ended_pause=resumed.decode(),
        unopened=unopened,
        damaged=parse_damages(damaged),
    )


def _parse_attempts(rows: Sequence[Any], began: datetime) -> tuple[list[Attempt], list[Outcome]]:
    """Read what was taken; what cannot be read was surely not posted, and a person has to look."""
    attempts, unreadable = [], []
    for row in rows:
        try:
            attempts.append(_parse_attempt(row, began))
        # Of another release, or of a broken disk: nobody knows beforehand what is wrong with it.
        except Exception as error:
            unreadable.append(_unreadable_outcome(row, type(error).__name__))
    return attempts, unreadable


def _unreadable_outcome(row: Sequence[Any], error: str) -> Outcome:
    failure = {"code": None, "reason": UNOPENED, "details": error}
    error_json, history_json = (
        orjson.dumps(failure).decode(),
        orjson.dumps({"outcome": "dead", **failure}).decode(),
    )
    return Outcome(
        row[0].decode(), row[1], "dead", error_json=error_json, history_json=history_json
    )


def _parse_attempt(row: list[Any], began: datetime) -> Attempt:
    send, ordinal, planned, first, packed, priority, repeatable, expires, spent, *rest = row
    closed, instead, pair_refusals, contact, state = rest
    row_json = orjson.loads(packed)
    return Attempt(
        send=send.decode(),
        ordinal=ordinal,
        planned_at=datetime_from_ms(planned),
        first_at=datetime_from_ms(first),
        began_at=began,
        expires_at=datetime_from_ms(expires),
        body=row_json["instead"] if instead else row_json["body"],
        rule=row_json["rule"],
        priority=priority.decode(),
        repeatable=repeatable == b"1",
        contact=unpack(contact.decode(), b"", state),
        marketing=row_json.get("marketing", False),
        closed="" if instead else closed.decode(),
        spent=int(spent),
        pair_refusals=int(pair_refusals),
    )
