"""What alerts, `gateway status`, /readyz and `gateway doctor` find in one snapshot, by table.

The table is tests/golden/problems.json; `python -m tests.cli.test_problems` writes it anew.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from starlette.requests import Request

from gateway.cli.operate.status.view import HIDDEN
from gateway.core.sending.pauses import Hold, NumberPauses, Pause
from gateway.core.storage.ownership import EMPTIED_FOR_MS, StoreOwner
from gateway.store.monitoring.account_problems import find_account_problems
from gateway.store.monitoring.canary import NONE_YET
from gateway.store.monitoring.number_state import LaneFigures
from gateway.store.monitoring.problems import find_problems
from gateway.store.monitoring.rule_problems import find_rule_problems
from gateway.store.monitoring.snapshot import DeadLetterGroup, Snapshot
from gateway.store.planning.rulebooks import InForce
from gateway.store.server.health import EVICTS, NO_DISK, NO_FILE, PLANNING_STOPPED, ServerHealth
from gateway.web.health import HealthPages
from tasks.monitoring.noted_alerts import find_alerts
from tests.cli.test_status_view import AT, IDLE, MB, NOW_MS, VERDICTS, number, partition
from tests.cli.test_status_view import WELL as STATUS_WELL
from tests.support.cli.doctor_facts import WELL as FACTS
from tests.support.cli.doctor_facts import found
from tests.tasks.test_causes import LATE_MS, MATTERS, held, stopped

GOLDEN = Path(__file__).parents[1] / "golden" / "problems.json"
AGO_S = {"tick": 0.8, "sweep": 1.0, "watch": 3.0, "web": 0.5}
WELL = replace(STATUS_WELL, ago_s=AGO_S, has_beat_leader=True, release=FACTS.reading.release)  # type: ignore[union-attr]
LATE = LaneFigures(1, 61.0)
IDLE_LANES = LaneFigures()
FULL = ServerHealth((), (), 76 * MB, 100 * MB)


def lanes(reply: LaneFigures = IDLE_LANES, bulk: LaneFigures = IDLE_LANES, **more: Any) -> Any:
    return number(lanes={"reply": reply, "bulk": bulk}, **more)


def numbers(*names: str, **fields: Any) -> dict[str, Any]:
    return {"numbers": tuple(replace(WELL.numbers[0], number=name, **fields) for name in names)}


def letters(*groups: DeadLetterGroup, dead: int = 1) -> dict[str, Any]:
    return {"letters": dict.fromkeys(groups, dead)} | number(dead=dead)


MORE: dict[str, dict[str, Any]] = {
    "a broadcast waits": lanes(bulk=LATE),
    "both wait": lanes(LATE, LATE),
    "both wait of a paused number": lanes(LATE, LATE, pauses=stopped(131045)),
    "both wait of a held number": lanes(LATE, LATE, pauses=held("")),
    "paused and held": number(pauses=NumberPauses(stopped(190).pause, held("").holds)),
    "paused without a code": number(pauses=NumberPauses(Pause(AT, AT, {"reason": "Wait."}))),
    "two numbers of an account paused": numbers("1", "2", pauses=stopped(190)),
    "two accounts paused": numbers("1", "2", pauses=stopped(190))
    | {"accounts_by_number": {"1": "shop", "2": "clinic"}},
    "two numbers paused": numbers("1", "2", pauses=stopped(131045)),
    "two numbers whose replies wait": numbers("1", "2", lanes={"reply": LATE}),
    "two holds": number(pauses=NumberPauses(None, (Hold("", AT, ""), Hold("offers", AT, "no")))),
    "a damaged number": number(damaged="WRONGTYPE"),
    "dead letters of a bug": letters(DeadLetterGroup("1", "planning"), dead=5),
    "dead letters of customers": letters(DeadLetterGroup("1", "refused", 131026), dead=2),
    "dead letters of all kinds": letters(
        DeadLetterGroup("1", "planning"),
        DeadLetterGroup("1", "gave_up", 131000),
        DeadLetterGroup("2", "refused", 131026),
    ),
    "unreadable events": number(dead=2, unreadable=2),
    "no canary yet": {"canary": NONE_YET},
    "no sweep": {"ago_s": {**AGO_S, "sweep": 31.0}},
    "no web": {"ago_s": {**AGO_S, "web": 11.0}},
    "no beat": {"has_beat_leader": False},
    "late tick and watch": {"ago_s": {**AGO_S, "tick": 61.0, "watch": 61.0}},
    "every server warning": {"health": ServerHealth((), (str(NO_FILE), str(NO_DISK), str(EVICTS)))},
    "full and unwritten": {"health": replace(FULL, warnings=(str(NO_DISK),))},
    "a server that refuses to write": {"health": ServerHealth(refusal="READONLY You can't.")},
    "a full server that refuses to write": {"health": replace(FULL, refusal="OOM command")},
    "an emptied store": {"owner": StoreOwner("id", emptied_ms=NOW_MS - 1)},
    "a store emptied long ago": {"owner": StoreOwner("id", emptied_ms=NOW_MS - EMPTIED_FOR_MS)},
    "two reasons not to start": {"health": ServerHealth(("It is old.", "It is a replica."))},
    "a damaged and a late partition": {
        "partitions": (
            replace(IDLE, damaged="WRONGTYPE"), replace(IDLE, index=1, oldest_ms=LATE_MS),
        )
    },
    "two damaged partitions": {
        "partitions": tuple(replace(IDLE, index=i, damaged="WRONGTYPE") for i in (0, 1))
    },
    "set aside in two partitions": {
        "partitions": tuple(replace(IDLE, index=i, deferred=2) for i in (0, 1))
    },
    "two things wrong with the rules": {
        "rulebooks": (InForce("v1", "a.yaml:4: wrong"), InForce("v2", "b.yaml:4: wrong"))
    },
    "rules of two accounts that cannot be used": {
        "rulebooks": (InForce("v1", "a.yaml:4: wrong", more_problems=("b.yaml:4: wrong",)),)
    },
    "much at once": {
        "stopped_release": "1/v1",
        "rulebooks": (InForce("v1", "a.yaml:4: wrong"),),
        "health": replace(FULL, fatal=("It is old.",), warnings=(str(EVICTS),)),
        "ago_s": {},
        **partition(oldest_ms=LATE_MS, deferred=3, damaged="WRONGTYPE"),
        **lanes(LATE, LATE, dead=4, unreadable=1, counts={"sends.doubled": 2}),
    },
    "the clock of a moment ago": {"now_ms": NOW_MS - 1},
}  # fmt: skip
CASES = (
    {f"alerts: {name}": fields for name, (fields, _) in MATTERS.items()}
    | {f"status: {name}": fields for name, (fields, _) in VERDICTS.items()}
    | MORE
)

# The part of the gateway that each kind of problem is about.
PART_OF_KIND = {
    "forward_down": "forwards",
    "forwards_near_bound": "forwards",
    "store_unfit": "store",
    "store_emptied": "store",
    "number_damaged": "store",
    "memory_short": "memory",
    "tick_late": "tick",
    "rules_broken": "rules",
    "rules_missing": "rules",
    "accounts_broken": "accounts",
    "partition_damaged": "deliveries",
    "planning_stopped": "deliveries",
    "rules_stopped": "deliveries",
    "deliveries_wait": "deliveries",
    "deliveries_aside": "aside",
    "canary_overdue": "canary",
    "replies_wait": "reply",
    "replies_stopped": "reply",
    "notices_wait": "notice",
    "broadcasts_wait": "bulk",
    "paused": "paused",
    "held": "held",
    "any_dead_letters": "letters",
    "events_unreadable": "letters",
    "sends_ever_doubled": "doubled",
    "too_old": "too old",
    "too_old_growing": "too old",
    "notifications_wait": "notifications",
}


def judge(snapshot: Snapshot) -> dict[str, Any]:
    """Return what each of the four finds."""
    doctor = found(replace(FACTS, reading=snapshot))
    return {
        "alerts": sorted(
            f"{one.severity} {one.cause.kind} {one.cause.detail} {one.cause.number}".split()
            for one in find_alerts(snapshot).values()
        ),
        "status": sorted(
            PART_OF_KIND[one.kind] for one in find_problems(snapshot) if one.kind not in HIDDEN
        ),
        "ready": asyncio.run(readiness(snapshot)),
        "doctor": sorted(
            [one.name, one.state] for one in doctor if one.state in ("broken", "warning")
        ),
    }


async def readiness(snapshot: Snapshot) -> list[int]:
    """Return the page's status, and how many problems and warnings it has."""
    stop = (str(PLANNING_STOPPED),) if snapshot.stopped_release else ()
    health = replace(snapshot.health, warnings=(*snapshot.health.warnings, *stop))

    async def look() -> ServerHealth:
        return health

    async def warn() -> list[str]:
        return [
            str(one)
            for find in (find_account_problems, find_rule_problems)
            for one in find(snapshot.rulebooks)
        ]

    answer = await HealthPages(look, warn).ready(cast(Request, None))
    page = orjson.loads(answer.body)
    assert (answer.status_code == 200) is health.is_ready
    return [answer.status_code, len(page["problems"]), len(page["warnings"])]


@pytest.mark.parametrize("name", CASES)
def test_everybody_finds_what_they_did(name: str) -> None:
    known = orjson.loads(GOLDEN.read_bytes())[name]

    assert judge(replace(WELL, **CASES[name])) == known


def test_the_table_has_every_case_and_no_other() -> None:
    assert list(orjson.loads(GOLDEN.read_bytes())) == list(CASES)


if __name__ == "__main__":
    rows = {name: judge(replace(WELL, **fields)) for name, fields in CASES.items()}
    lines = (orjson.dumps({name: row}).decode()[1:-1] for name, row in rows.items())
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")
