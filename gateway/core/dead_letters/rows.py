"""Dead letters read from their rows in the store.

A send may be redriven only if the outcome of its attempts is known. The notes of its attempts and
the statuses that came for them prove that Meta had it, or leave it open, whatever the send died of
in the end.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from gateway.core.dead_letters.dead_letter import (
    KILLED_WORKER,
    UNOPENED,
    Cause,
    DeadEvent,
    DeadSend,
    HistoryStep,
)
from gateway.core.storage.timestamps import datetime_from_ms

_OPEN = frozenset({"unconfirmed", "killed"})
ATTEMPTS_KEPT = 24  # the latest that are shown, refused or not
_DELIVERED = frozenset({"delivered", "read", "played"})


def dead_send(name: str, number: str, died_ms: int, row: Mapping[str, str]) -> DeadSend:
    """Read the row of a send that is final."""
    error, first, last = (_json(row.get(key)) for key in ("error", "first_error", "last_error"))
    planned = _read_plan(row.get("row"))
    attempts = int(row["attempts"])
    has_text = "body" in planned
    # The outcomes of the attempts expire with the text.
    attempt_numbers = _attempt_numbers(row, attempts) if has_text else ()
    notes = {n: _json(row.get(f"attempt:{n}")) for n in attempt_numbers}
    cause = _cause(row["stage"], error)
    seen = _statuses(row)
    return DeadSend(
        id=name,
        number=number,
        died_ms=died_ms,
        cause=cause,
        code=error.get("code") or last.get("code"),
        error=error,
        lane=row["lane"],
        priority=row["rank"],
        rule=planned.get("rule", ""),
        record=planned.get("record", ""),
        body=planned.get("body", {}),
        expires_at=datetime_from_ms(row["expires"]),
        attempts=attempts,
        redriven=int(row.get("redriven", 0)),
        first_error=first or error,
        last_error=error if row["stage"] == "failed" else last or error,
        story=_story(row, notes, seen, died_ms),
        accepted=any(_is_accepted(notes.get(n), seen, n) for n in {*notes, *seen}),
        open=any(_is_open(note, seen.get(n, {})) for n, note in notes.items())
        or (cause == "unconfirmed" and not has_text),
        fields=len(row),
    )


def dead_event(
    name: str, number: str, died_ms: int, fields: Mapping[str, Any], deaths: Mapping[str, str]
) -> DeadEvent:
    """Read the stored fields of an event, and how often it died."""
    killed = fields["error"] == KILLED_WORKER
    cause: Cause = "killed_worker" if killed else "planning"
    return DeadEvent(
        id=name,
        number=number,
        died_ms=died_ms,
        cause="unreadable" if "unreadable" in fields else cause,
        code=None,
        error={"reason": fields["error"]},
        key=fields["key"],
        delivery=fields["delivery"],
        item=fields["item"],
        raw=fields["raw"],
        trace=fields["trace"],
        attempts=int(deaths.get("times", 1)),
        first_error={"reason": deaths.get("first", fields["error"])},
        first_at=datetime_from_ms(deaths.get("first_at", died_ms)),
        size=fields.get("unreadable", 0),
    )


def cause_of_send(stage: str, error: str, last_error: str) -> tuple[Cause, int | None]:
    """Return the cause and the code of a dead send from three fields of its row, "" for none."""
    why = _json(error)
    return _cause(stage, why), why.get("code") or _json(last_error).get("code")


def _cause(stage: str, error: Mapping[str, Any]) -> Cause:
    match stage:
        case "failed":
            return "failed_status"
        case "expired":
            return "expired"
        case _ if "gave_up_after" in error:
            return "gave_up"
        case _ if error.get("reason") == UNOPENED:
            return "unopened"
        case _:
            # An answer always has a code, which may be null; without an answer there is none.
            return "refused" if "code" in error else "unconfirmed"


def _attempt_numbers(row: Mapping[str, str], attempts: int) -> list[int]:
    """Return the attempts that left a trace; old refused ones were dropped.

    A moment without its attempt belongs to one that was returned before it was made.
    """
    latest = range(max(1, attempts - ATTEMPTS_KEPT + 1), attempts + 1)
    fields = (name.partition(":") for name in row)
    named = {int(n) for name, _, n in fields if name in ("attempt", "began")}
    return sorted({*latest, *(n for n in named if n <= attempts)})


StatusTimes = dict[int, dict[str, datetime]]  # attempt (0 if it is unknown) -> stage -> when


def _statuses(row: Mapping[str, str]) -> StatusTimes:
    seen: StatusTimes = {}
    for key, at in row.items():
        if key.startswith("at:"):
            _, what, attempt = key.split(":", 2)
            seen.setdefault(int(attempt or 0), {})[what] = datetime_from_ms(at)
    return seen


def _is_accepted(note: Mapping[str, Any] | None, seen: StatusTimes, attempt: int) -> bool:
    """Say whether Meta had an attempt and did not fail it."""
    statuses = seen.get(attempt, {})
    if not _DELIVERED.isdisjoint(statuses):
        return True
    had = "sent" in statuses or (note or {}).get("outcome") == "accepted"
    return had and "failed" not in statuses and "failed" not in seen.get(0, {})


def _is_open(note: Mapping[str, Any], statuses: Mapping[str, datetime]) -> bool:
    """Say whether Meta may have had an attempt; one without a note may still be on its way."""
    without_status = statuses.keys() <= {"redriven"}
    return without_status and note.get("outcome", "unconfirmed") in _OPEN


def _story(
    row: Mapping[str, str], notes: Mapping[int, Mapping[str, Any]], seen: StatusTimes, died_ms: int
) -> tuple[HistoryStep, ...]:
    """List the steps in order: attempts by number, each with the statuses that came for it."""
    steps = [HistoryStep("planned", datetime_from_ms(row["planned"]))]
    for attempt in sorted({0, *notes, *seen}):
        if attempt in notes:
            began = row.get(f"began:{attempt}")
            at = datetime_from_ms(began) if began else None
            steps.append(HistoryStep(f"attempt {attempt}", at, notes[attempt]))
        statuses = sorted(seen.get(attempt, {}).items(), key=lambda one: one[1])
        ended = _json(row.get(f"ended:{attempt}"))
        steps += [
            HistoryStep(what, at, ended if what == "redriven" else {}) for what, at in statuses
        ]
    return (*steps, HistoryStep(row["stage"], datetime_from_ms(died_ms), _json(row.get("error"))))


def _read_plan(text: str | None) -> dict[str, Any]:
    """Read the plan of a send; empty if it cannot be read."""
    try:
        return _json(text)
    except (orjson.JSONDecodeError, TypeError, ValueError):
        return {}


def _json(text: str | None) -> dict[str, Any]:
    return dict(orjson.loads(text)) if text else {}
