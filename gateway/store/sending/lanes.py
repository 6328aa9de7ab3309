"""Lanes for senders: take the attempts to make, settle their outcomes."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.core.contacts.serialization import unpack
from gateway.core.dead_letters.dead_letter import UNOPENED
from gateway.core.sending.outcome import Attempt, Outcome
from gateway.core.sending.send import QuietSpan
from gateway.core.storage.timestamps import datetime_from_ms
from gateway.store import keys
from gateway.store.redis.client import Call, ScriptError, Store, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Damage:
    """An item that a script could not work on, and why; neither names a customer."""

    kind: str  # "lane", "outcome", "due", ...
    item: str  # the id of a send or a timer, "" of a lane
    reason: str


def parse_damages(fields: Sequence[bytes]) -> tuple[Damage, ...]:
    """Parse a script's damages: kind, item and reason of each, one after the other."""
    words = [word.decode(errors="replace") for word in fields]
    return tuple(Damage(*words[i : i + 3]) for i in range(0, len(words), 3))


LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class PumpResult:
    """The attempts to make, the server's time, whether more is ready, and after how long."""

    attempts: list[Attempt]
    now: datetime
    has_more: bool
    wait_s: float
    probes: bool  # the number is paused, and its one attempt shows whether the pause is over
    ended_pause: str  # why it was paused, where an attempt has ended the pause
    unopened: list[Outcome] = field(default_factory=list)  # for attempts that cannot be made
    damaged: tuple[Damage, ...] = ()  # items that the script skipped


@dataclass(frozen=True, slots=True)
class PumpCall:
    """One call of the pump script, and what goes with the next call where its answer is lost."""

    call: Call
    name: str
    settled: list[Outcome]
    lost: list[str]


class Lanes:
    """The sends of one number, shared by the threads of one process."""

    def __init__(self, store: Store, number: str, per_second: int) -> None:
        """Take the number, and how many messages a second Meta grants it."""
        self._store = store
        self._prefix = keys.number(number)
        self._per_second = per_second
        self._lock = threading.Lock()
        self._unsettled: list[Outcome] = []
        self._unanswered: list[str] = []

    def use_pace(self, per_second: int) -> None:
        """Use this pace from the next call on."""
        self._per_second = per_second

    def pump(self, outcomes: Sequence[Outcome], most: int) -> PumpResult:
        """Settle `outcomes`, then take up to `most` attempts, in one script call.

        Raises StoreUnavailableError or ScriptError. Then this process's next call settles these
        outcomes, and gives back the sends that the lost call may have taken: none was posted.
        """
        (answer,) = pump_all(self._store, [(self, outcomes, most)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def prepare_pump(self, outcomes: Sequence[Outcome], most: int) -> PumpCall:
        """Return the call that settles `outcomes` and those of lost calls, then takes attempts."""
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
                int(one.is_outreach) if one.step == "accepted" else one.wait_ms,
                one.error_json,
                one.history_json,
            ]
        return PumpCall(Call("pump", self._prefix, args), name, settled, lost)

    def keep_for_next(self, pumping: PumpCall) -> None:
        """Keep the outcomes of a call whose answer was lost for the next call."""
        with self._lock:
            self._unsettled = pumping.settled + self._unsettled
            self._unanswered += [*pumping.lost, pumping.name]


def pump_all(
    store: Store, wanted: Sequence[tuple[Lanes, Sequence[Outcome], int]]
) -> list[PumpResult | StoreUnavailableError | ScriptError]:
    """Run `Lanes.pump` for several numbers, all in one round trip.

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
    """Parse the attempts taken; an unreadable one was not posted, and becomes a dead letter."""
    attempts, unreadable = [], []
    for row in rows:
        try:
            attempts.append(_parse_attempt(row, began))
        # Another release wrote it, or a disk is broken: any error is possible.
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
    closed, instead, pair_refusals, contact, state, last_error = rest
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
        marketing=row_json.get("marketing"),
        closed="" if instead else closed.decode(),
        spent=int(spent),
        pair_refusals=int(pair_refusals),
        last_code=orjson.loads(last_error).get("code") if last_error else None,
        quiet=QuietSpan(*map(datetime_from_ms, row_json["quiet"])) if "quiet" in row_json else None,
    )
