"""What is wrong is named, and what two readings tell is worked out; by table."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from gateway.cli.operate.status.view import StatusView, screen
from gateway.core.sending.pauses import Hold, NumberPauses, Pause
from gateway.core.sending.send import PRIORITIES
from gateway.store.inbox.inbox import PartitionState
from gateway.store.monitoring.canary import Canary
from gateway.store.monitoring.number_state import LaneFigures, NumberState
from gateway.store.monitoring.snapshot import Snapshot
from gateway.store.monitoring.too_old import TooOldEvents
from gateway.store.planning.rulebooks import InForce
from gateway.store.server.health import ServerHealth

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_MS = 1_795_374_900_000
IDLE = PartitionState(0, NOW_MS, "5-0", False, 0, 0, 0, False, 100, 0)
WELL = Snapshot(
    now_ms=NOW_MS,
    health=ServerHealth(used_bytes=50 << 20, limit_bytes=100 << 20),
    partitions=(IDLE, replace(IDLE, index=1, cursor="9-0", kept=20)),
    numbers=(
        NumberState(
            "1", {"sends.accepted": 7, "sends.read": 2, "sends.attempting": 3}, 0, 0, 0, 0,
            NumberPauses(), dict.fromkeys(PRIORITIES, LaneFigures()),
        ),
    ),
    ago_s={"tick": 0.8, "sweep": 4.0},
    counts={"workers.default": 2, "sweep.inbox": 1},
    canary=Canary(took_s=0.12, age_s=20.0, missing_s=0.0),
    rulebooks=(InForce("v1"), InForce("v1")),
)  # fmt: skip


def partition(**fields: Any) -> dict[str, Any]:
    return {"partitions": (replace(IDLE, **fields),)}


def number(**fields: Any) -> dict[str, Any]:
    return {"numbers": (replace(WELL.numbers[0], **fields),)}


MB = 1 << 20
VERDICTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "well": ({}, []),
    "a limit that nobody set": ({"health": ServerHealth(used_bytes=90 * MB)}, []),
    "a number that a person holds": (
        number(pauses=NumberPauses(None, (Hold("", AT, "the shop burns"), Hold("offers", AT, "")))),
        [
            "Number 1: Sending is held since 2026-11-22 12:00:00 UTC: the shop burns. Run "
            "gateway release when whoever held it agrees.",
            "Number 1: Sending is held for rule offers since 2026-11-22 12:00:00 UTC. Run "
            "gateway release when whoever held it agrees.",
        ],
    ),
    "what could not be read": (
        number(dead=3, unreadable=2),
        [
            "There are dead letters (3). See gateway dead-letters list.",
            "There are events that could not be read (2). See gateway dead-letters list "
            "--cause unreadable.",
        ],
    ),
    "a number that Meta stops": (
        number(
            pauses=NumberPauses(Pause(AT, AT, {"code": 190, "reason": "Renew the access token."}))
        ),
        [
            "Meta takes no sends of the account any more (number 1, since 2026-11-22 12:00:00"
            " UTC, asked again at 12:00:00). Renew the access token. Sends wait, and go on by"
            " themselves.",
        ],
    ),
    "only warnings": ({"health": ServerHealth(warnings=("no file",))}, []),
    "at sixty percent": ({"health": ServerHealth((), (), 60 * MB, 100 * MB)}, []),
    "nearly full": (
        {"health": ServerHealth((), (), 61 * MB, 100 * MB)},
        [
            "Redis has used more than 60 % of its memory limit, so history goes before its "
            "time (61 %). Give Redis more memory, or keep history for less time "
            "(GATEWAY_RETENTION).",
        ],
    ),
    "a replica": ({"health": ServerHealth(("It is a replica.",))}, ["It is a replica."]),
    "never ticked": (
        {"ago_s": {}},
        [
            "There was no tick for more than ten seconds (none within a day). Start beat and "
            "the workers of worker-default, or see in their logs why they hang.",
        ],
    ),
    "ticked in time": ({"ago_s": {"tick": 10.0}}, []),
    "ticked long ago": (
        {"ago_s": {"tick": 11.0}},
        [
            "There was no tick for more than ten seconds (11 s). Start beat and the workers "
            "of worker-default, or see in their logs why they hang.",
        ],
    ),
    "waits": (partition(oldest_ms=NOW_MS - 60_000), []),
    "waits for long": (
        partition(oldest_ms=NOW_MS - 61_000),
        [
            "A delivery has waited for more than a minute to be worked off (61 s). Start more"
            " of worker-default, or see in its log what holds it up.",
        ],
    ),
    "planning stopped": (
        {"stopped_release": "0.1.0 of a rulebook"} | partition(oldest_ms=NOW_MS - 61_000),
        [
            "Planning has stopped, for too many events raised an error; deliveries are kept. "
            "Roll back the release or the rules, and see gateway dead-letters list.",
        ],
    ),
    "set aside": (
        partition(deferred=1),
        [
            "Deliveries cannot be committed now and are set aside (1). See gateway "
            "dead-letters list --cause aside; they are tried again by themselves.",
        ],
    ),
    "a damaged partition": (
        partition(damaged="WRONGTYPE"),
        [
            "Partition 0 of the inbox cannot be read in the store, and its deliveries wait "
            "(WRONGTYPE). See partition_damaged in the workers' logs, and fix the key of the"
            " partition.",
        ],
    ),
    "a canary on its way": ({"canary": Canary(missing_s=150.0)}, []),
    "a canary that is overdue": (
        {"canary": Canary(missing_s=151.0)},
        [
            "No canary has gone the whole way in time for more than two minutes (151 s). See "
            "with gateway status where things wait, and whether worker-default and "
            "worker-critical run.",
        ],
    ),
    "a lane that is due": (number(lanes={"reply": LaneFigures(1, 60.0)}), []),
    "a lane that stands": (
        number(lanes={"reply": LaneFigures(1, 61.0)}),
        [
            "Number 1: A reply has been due for more than a minute and was not sent (61 s). "
            "Start more of worker-critical, or see in its log what Meta answers.",
        ],
    ),
    "unconfirmed": (number(unconfirmed=3), []),
    "dead letters": (
        number(dead=1_200),
        [
            "There are dead letters (1,200). See gateway dead-letters list.",
        ],
    ),
    "changed rules that are broken": (
        {"rulebooks": (InForce("v1", "a.yaml:4: wrong\na.yaml:9: too"), InForce("v1"))},
        [
            "The rules as they are now cannot be used, so version v1 stays in force: "
            "a.yaml:4: wrong. Fix that line; gateway rules check tells all.",
        ],
    ),
    "no rules": (
        {"rulebooks": (InForce("v0", has_files=False),)},
        [
            "There are no rules, so nothing is answered. "
            "Write some: gateway rules new makes a first file.",
        ],
    ),
    "messages that were too old": (
        number(too_old=TooOldEvents({"message": 1}, NOW_MS, 0, 0, 0, 0)),
        [
            "1 message of 1970-01-01 00:00 UTC was too old to be answered. gateway replay dry-run "
            "--inbox --fresh --since 1970-01-01T00:00:00.000 --until 1970-01-01T00:00:00.000 shows "
            "what rules would answer now, and docs/operations.md what else there is to do.",
        ],
    ),
    "a change that some have taken up": ({"rulebooks": (InForce("v1"), InForce("v2"))}, []),
    "doubled": (
        number(counts={"sends.doubled": 1}),
        [
            "Meta took a send twice (1 in all). Find it by gateway trace, and report it; "
            "GATEWAY_UNCONFIRMED=never rules it out.",
        ],
    ),
}


@pytest.mark.parametrize(("fields", "wrong"), VERDICTS.values(), ids=VERDICTS)
def test_what_is_wrong_is_named(fields: dict[str, Any], wrong: list[str]) -> None:
    assert StatusView(replace(WELL, **fields)).problems == wrong


def test_a_store_that_is_away_is_all_that_is_said() -> None:
    assert StatusView(None).to_dict() == {
        "well": False,
        "wrong": ["Redis does not answer: nothing is kept, and Meta is told to come again."],
        "news": [],
        "rulebook": "",
    }


def earlier(**fields: Any) -> Snapshot:
    partitions = (replace(IDLE, **{"kept": 90, **fields}), WELL.partitions[1])
    numbers = (replace(WELL.numbers[0], counts={}),)
    return replace(WELL, now_ms=NOW_MS - 2_000, partitions=partitions, numbers=numbers)


RATES = {
    "two readings": (earlier(), 5.0),
    "one reading": (None, None),
    "a store that was emptied": (earlier(kept=400), None),
    "a clock that was set back": (replace(earlier(), now_ms=NOW_MS), None),
}


@pytest.mark.parametrize(("before", "rate"), RATES.values(), ids=RATES)
def test_the_rate_is_that_between_two_readings(before: Snapshot | None, rate: float | None) -> None:
    assert StatusView(WELL, before).kept_per_s == rate


def test_a_partition_moves_when_its_cursor_did() -> None:
    view = StatusView(WELL, earlier(cursor="4-0"))

    assert [view.is_moving(0), view.is_moving(1)] == [True, False]
    assert not StatusView(WELL).is_moving(0)
    assert not StatusView(None, WELL).is_moving(0)


def test_json_tells_everything() -> None:
    told = StatusView(WELL, earlier(cursor="4-0"), "v1").to_dict()

    assert (told["well"], told["rulebook"], told["kept"], told["kept_per_s"]) == (
        True, "v1", 120, 5.0,
    )  # fmt: skip
    assert told["partitions"][0] == {
        "waiting": 0, "aside": 0, "moves": True, "passed_per_s": 5.0,
    }  # fmt: skip
    assert told["numbers"]["1"]["attempts_per_s"] == 1.5
    assert told["numbers"]["1"]["sends"] == {"accepted": 7, "read": 2, "attempting": 3}
    assert told["canary"] == {"took_s": 0.12, "age_s": 20.0}
    assert (told["restarted"], told["ago_s"]) == ({"default": 2}, {"tick": 0.8, "sweep": 4.0})


def test_what_was_too_old_is_told_and_shown() -> None:
    view = StatusView(replace(WELL, **number(counts={"too_old.message": 70, "too_old.status": 1})))

    assert view.to_dict()["numbers"]["1"]["too_old"] == {"message": 70, "status": 1}
    assert "too old       70 messages and 1 status got no answer" in drawn(view)


def test_sends_without_a_number_are_said_so_and_one_lane_is_one() -> None:
    shown = drawn(StatusView(replace(WELL, **number(number="", lanes={"reply": LaneFigures(1)}))))

    assert "sends of no number" in shown
    assert re.search(r"reply no number +│ +1 lane ", shown)


def test_odd_statuses_are_told_and_shown() -> None:
    view = StatusView(replace(WELL, **number(counts={"statuses.late": 2, "statuses.backwards": 1})))

    assert view.to_dict()["numbers"]["1"]["odd_statuses"] == {"backwards": 1, "late": 2}
    assert "odd statuses  backwards 1, late 2" in drawn(view)


def test_notifications_that_wait_are_told_and_shown() -> None:
    counts = {"notifications.planned": 5, "notifications.delivered": 2}
    waiting = number(notifications=3, oldest_notification_s=12.0, counts=counts)
    view = StatusView(replace(WELL, **waiting))

    assert view.to_dict()["numbers"]["1"]["notifications"] == {
        "waiting": 3, "oldest_s": 12.0, "planned": 5, "delivered": 2,
    }  # fmt: skip
    assert "3 wait, the oldest for 12.0 s, delivered 2, planned 5" in drawn(view)


def test_when_the_store_will_be_full_is_told_and_shown() -> None:
    room = {NOW_MS - 24 * 3_600_000: 45 << 20}
    view = StatusView(replace(WELL, memory_samples=room))

    assert (view.to_dict()["full_in_days"], view.to_dict()["forecast"]) == (
        5.0, "full in 5 days at the rate of the last 24 h",
    )  # fmt: skip
    assert "50.0 MB of 100.0 MB, full in 5 days at the rate of the last 24 h" in drawn(view)
    assert (StatusView(WELL).to_dict()["full_in_days"], StatusView(WELL).to_dict()["forecast"]) == (
        None,
        "",
    )


def drawn(view: StatusView) -> str:
    return shown_of(screen(view))


def shown_of(drawing: RenderableType, width: int = 120) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(drawing)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def test_the_screen_shows_that_all_is_well() -> None:
    rows = [
        line.split() for line in drawn(StatusView(WELL, earlier(cursor="4-0"), "v1")).splitlines()
    ]

    assert rows[:11] == [
        ["●", "all", "is", "well"],
        ["kept", "5.0/s,", "120", "in", "all"],
        ["waiting", "0,", "the", "oldest", "for", "0.0", "s"],
        [
            "sends",
            "of",
            "1",
            "1.5/s",
            "tried,",
            "7",
            "accepted",
            "by",
            "Meta;",
            "its",
            "statuses:",
            "read",
            "2",
        ],
        ["dead", "letters", "none"],
        ["last", "tick", "0.8", "s", "ago"],
        ["last", "sweep", "4.0", "s", "ago"],
        ["canary", "20.0", "s", "ago,", "after", "0.12", "s"],
        ["memory", "50.0", "MB", "of", "100.0", "MB"],
        ["rulebook", "v1", "in", "2", "processes"],
        ["restarted", "default", "2"],
    ]
    assert ["│", "inbox", "0", "│", "0", "│", "5.0/s", "│", "moving", "│"] in rows
    assert " ".join(rows[-1]) == "1 partition of the inbox and the lanes of 1 number idle"


def test_where_no_queue_has_work_there_is_one_row_and_no_table() -> None:
    shown = drawn(StatusView(WELL))

    assert "queues        2 partitions of the inbox and the lanes of 1 number idle\n" in shown
    assert "│" not in shown


def test_the_table_has_no_column_without_a_word() -> None:
    shown = drawn(StatusView(replace(WELL, **partition(waiting=2, oldest_ms=NOW_MS - 1_500))))

    assert [row.split() for row in shown.splitlines() if "inbox 0" in row] == [
        ["│", "inbox", "0", "│", "2", "│", "1.5", "s", "│", "–", "│"]
    ]


def readings(*kept: int) -> tuple[Snapshot, ...]:
    """Give readings a second apart, the last one now."""
    first_ms = NOW_MS - 1_000 * (len(kept) - 1)
    return tuple(
        replace(WELL, now_ms=first_ms + 1_000 * i, partitions=(replace(IDLE, kept=count),))
        for i, count in enumerate(kept)
    )


COURSES = {
    "rising": ((0, 1, 3, 7, 15), "8.0/s ▁▂▄█, 15 in all"),
    "a pause": ((0, 4, 4, 5), "1.0/s █ ▂, 5 in all"),
    "nothing": ((5, 5, 5, 5), "0.0/s, 5 in all"),
    "too short": ((0, 1, 2), "1.0/s, 2 in all"),
    "a store that was emptied": ((7, 9, 0, 1, 2), "1.0/s █▄▄, 2 in all"),
}


@pytest.mark.parametrize(("kept", "shown"), COURSES.values(), ids=COURSES)
def test_the_course_of_a_rate_is_drawn(kept: tuple[int, ...], shown: str) -> None:
    *earlier, before, now = readings(*kept)

    assert f"kept          {shown}\n" in drawn(StatusView(now, before, earlier=tuple(earlier)))


def test_eighty_columns_are_enough_for_every_queue() -> None:
    *earlier, before, now = readings(*range(0, 600, 12))
    busy = replace(now, **number(number="1" * 15, lanes={"reply": LaneFigures(12, 61.5)}))
    waiting = replace(now.partitions[0], waiting=9_999, deferred=1, kept=588 + 9_998)
    at_work = replace(busy, partitions=(waiting,))
    shown = shown_of(screen(StatusView(at_work, before, earlier=tuple(earlier))), width=80)

    assert max(map(len, shown.splitlines())) <= 80
    assert re.search(r"│ inbox 0 +│ +9,999 │ +│ +12.0/s │ █{10} │ 1 aside │", shown)


BOOKS = {
    "all the same": (("v1", "v1"), "v1", "v1 in 2 processes"),
    "one is behind": (("v2", "v1", "v2"), "v2", "v2 in 2 processes, v1 in 1 process"),
    "files that nobody has": (("v1",), "v2", "v1 in 1 process, v2 in the files here"),
    "no process": ((), "v1", "v1 in the files here"),
}


@pytest.mark.parametrize(("running", "here", "told"), BOOKS.values(), ids=BOOKS)
def test_the_screen_counts_the_processes_of_each_rulebook(
    running: tuple[str, ...], here: str, told: str
) -> None:
    reading = replace(WELL, rulebooks=tuple(map(InForce, running)))

    lines = map(str.strip, drawn(StatusView(reading, None, here)).splitlines())
    assert f"rulebook      {told}" in lines


def test_the_screen_shows_what_is_wrong_and_what_is_dangerous() -> None:
    health = ServerHealth(warnings=("Redis has no append-only file.",))
    told = drawn(StatusView(replace(WELL, health=health, ago_s={}, **number(dead=2)), None, ""))

    assert told.startswith("✗ There was no tick")
    assert "\n✗ There are dead letters (2)." in told
    assert "! Redis has no append-only file." in told
    assert "not within a day" in told
    assert "v1 in 2 processes, none that can be used in the files here" in told
    assert "dead letters 2" in told


def test_the_screen_of_a_store_that_is_away_is_one_sentence() -> None:
    assert drawn(StatusView(None)).count("\n") == 1
