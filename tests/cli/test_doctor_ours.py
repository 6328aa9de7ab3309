"""Each check of what is ours, in a case in which it fails; by table."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.operate.status.view import HIDDEN, StatusView
from gateway.cli.setup.doctor import probes
from gateway.cli.setup.doctor.checks.rules_and_disk import Disk, Rules
from gateway.cli.setup.doctor.checks.settings_file import Given
from gateway.cli.setup.doctor.checks.store import Redis
from gateway.cli.setup.doctor.checks.workers import Broker
from gateway.cli.setup.doctor.facts import CHECKS
from gateway.cli.setup.doctor.findings import Unseen
from gateway.config.settings import Settings
from gateway.core.sending.pauses import Hold, NumberPauses, Pause
from gateway.core.storage.ownership import Installation, StoreOwner
from gateway.store.monitoring.canary import NONE_YET, Canary
from gateway.store.monitoring.number_state import LaneFigures
from gateway.store.monitoring.problems import find_problems
from gateway.store.outgoing.receiver_states import ReceiverState
from gateway.store.planning.rulebooks import InForce
from gateway.store.server.ownership import OwnerRow
from tests.cli.test_status_view import VERDICTS
from tests.cli.test_status_view import WELL as STATUS_WELL
from tests.support.cli.doctor_facts import (
    AT,
    GB,
    MB,
    NOW_MS,
    OURS,
    READING,
    SERVER,
    STANDING,
    WELL,
    examined,
    found,
    reading,
    server,
)
from tests.tasks.test_causes import TOO_OLD


def of_number(**fields: Any) -> dict[str, Any]:
    return reading(numbers=(replace(OURS, **fields),))


def inbox(**fields: Any) -> dict[str, Any]:
    return reading(partitions=(replace(STANDING, **fields),))


def ran(**ago_s: float) -> dict[str, Any]:
    return reading(ago_s={**READING.ago_s, **ago_s})


def workers(**fields: int) -> dict[str, Any]:
    assert not isinstance(WELL.workers, Unseen)
    return {"workers": {**WELL.workers, **fields}}


def owned(number: str = "100", **fields: Any) -> OwnerRow:
    return OwnerRow(StoreOwner("id", Installation("", number), **fields), b"", NOW_MS)


# What changes; the check; how it ends; a part of what it says.
CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "a setting is missing": (
        {"given": Given(("META_APP_SECRET is not set (App secrets.)",))},
        "settings", "broken", "META_APP_SECRET is not set",
    ),
    "settings of gateway dev": ({"given": Given(dev=True)}, "settings", "fine", "gateway dev"),
    "a file that others read": ({"given": Given(mode=0o100644)}, "file mode", "warning", "(644)"),
    "a file that the group writes": ({"given": Given(mode=0o620)}, "file mode", "warning", "620"),
    "no file": ({"given": Given()}, "file mode", "fine", "no file .env"),
    "two app secrets": ({"given": Given(secrets=2)}, "app secrets", "warning", "2 app secrets"),
    "secrets that cannot be read": (
        {"given": Given(("META_APP_SECRET is not set",))}, "app secrets", "unseen", "not complete",
    ),
    "the store is away": ({"redis": Redis("Redis is away.")}, "store", "broken", "Redis is away."),
    "a server of a cluster is away": (examined(unavailable=1), "store", "broken", "1 server"),
    "the address is of another form": (
        examined(address_problem="Redis is no cluster."), "store address", "broken", "no cluster",
    ),
    "a replica": (server(role="slave"), "store address", "broken", "address of its primary"),
    "an old server": (server(redis_version="6.0.9"), "store version", "broken", "too old"),
    "another layout": (examined(layout="0/4"), "layout", "broken", "layout 0/4"),
    "an empty store": (examined(layout=""), "layout", "fine", ""),
    "a store without an owner": (examined(ownership=None), "owner", "fine", "Nobody owns it yet"),
    "a store of ours": (examined(ownership=owned()), "owner", "fine", "number 100"),
    "a store of another installation": (
        examined(ownership=owned(number="999")), "owner", "broken", "number 999",
    ),
    "a store of a newer release": (examined(ownership=owned(needs=99)), "owner", "broken", "newer"),
    "a store that was emptied": (
        examined(ownership=owned(emptied_ms=NOW_MS)), "owner", "broken", "was emptied",
    ),
    "no append-only file": (server(aof_enabled=0), "persistence", "broken", "no append-only file"),
    "a lazy append-only file": (
        examined(servers=(replace(SERVER, fsync="everysec"),)),
        "persistence", "warning", "appendfsync is everysec",
    ),
    "a server that tells nothing": (
        examined(servers=(replace(SERVER, fsync=""),)), "persistence", "unseen", "appendfsync",
    ),
    "a full disk": (server(aof_last_write_status="err"), "store disk", "broken", "cannot write"),
    "a failed rewrite": (
        server(aof_last_bgrewrite_status="err"), "store disk", "warning", "could not rewrite",
    ),
    "a failed dump": (
        server(rdb_last_bgsave_status="err"), "store disk", "warning", "its last dump",
    ),
    "eviction": (server(maxmemory_policy="allkeys-lru"), "eviction", "broken", "allkeys-lru"),
    "memory is short": (server(used_memory=61 * MB), "memory", "warning", "61.0 MB of 100.0 MB"),
    "memory is full": (server(used_memory=76 * MB), "memory", "broken", "refused"),
    "memory at its limit": (server(used_memory=60 * MB), "memory", "fine", "60.0 MB"),
    "a memory limit that nobody set": (
        server(maxmemory=0, total_system_memory=100 * MB), "memory", "warning", "Nobody set",
    ),
    "a clock that runs ahead": (
        examined(servers=(replace(SERVER, ahead_s=6.0),)), "clock", "warning", "6 s ahead of",
    ),
    "a clock that is behind": (
        examined(servers=(replace(SERVER, ahead_s=-90.0),)), "clock", "warning", "90 s behind",
    ),
    "clocks that are near": (
        examined(servers=(replace(SERVER, ahead_s=-5.0),)), "clock", "fine", "5.0 s apart",
    ),
    "a replica is missing": (
        examined(replicas=1), "replicas", "broken", "1 replica, and Redis has 0",
    ),
    "the broker is away": (
        {"broker": Broker(apart=True, away="TimeoutError")}, "broker", "broken", "TimeoutError",
    ),
    "a broker that is the store's server": (
        {"redis": Redis("Redis is away."), "broker": Broker(away="TimeoutError")},
        "broker", "unseen", "the store's server",
    ),
    "nobody sends replies": (workers(critical=0), "worker critical", "broken", "queue critical"),
    "nobody reads": (workers(default=0), "worker default", "broken", "queue default"),
    "nobody sends broadcasts": (workers(bulk=0), "worker bulk", "broken", "queue bulk"),
    "nobody hears beat": (workers(scheduled=0), "worker scheduled", "broken", "queue scheduled"),
    "nobody posts notifications": (
        workers(outgoing=0), "worker outgoing", "broken", "queue outgoing",
    ),
    "workers behind a broker that is away": (
        {"broker": Broker(away="TimeoutError")}, "worker default", "unseen", "the broker does not",
    ),
    "a delivery waits": (
        inbox(oldest_ms=NOW_MS - 61_000), "deliveries", "broken", "to be worked off (61 s)",
    ),
    "planning has stopped": (
        reading(stopped_release="0.1/x"), "deliveries", "broken", "Planning has",
    ),
    "a reply is overdue": (
        of_number(lanes={"reply": LaneFigures(1, 61.0)}), "replies", "broken", "sent (61 s)",
    ),
    "a notice is overdue": (
        of_number(lanes={"notice": LaneFigures(1, 601.0)}), "notices", "broken", "sent (601 s)",
    ),
    "a broadcast is overdue": (
        of_number(lanes={"bulk": LaneFigures(1, 90.0)}), "bulk sends", "warning", "sent (90 s)",
    ),
    "a notification waits": (
        of_number(notifications=2, oldest_notification_s=301.0),
        "notifications", "broken", "(2 wait, the first for 301 s)",
    ),
    "no sweep for long": (ran(sweep=31.0), "schedule", "broken", "last sweep was 31 s"),
    "no watch for long": (ran(watch=61.0), "schedule", "broken", "last watch was 61 s"),
    "never a sweep": (reading(ago_s={"tick": 1.0}), "schedule", "warning", "no sweep within"),
    "no beat": (reading(has_beat_leader=False), "beat", "broken", "No beat is running"),
    "a beat that nobody hears": (ran(tick=11.0), "beat", "broken", "nobody has heard it for 11 s"),
    "a beat that never ticked": (
        reading(ago_s={"sweep": 1.0, "watch": 1.0}), "beat", "warning", "nobody has heard it yet",
    ),
    "a canary is missing": (
        reading(canary=Canary(missing_s=151.0)), "canary", "broken", "No canary",
    ),
    "no canary yet": (reading(canary=NONE_YET), "canary", "warning", "None has arrived yet"),
    "no web process": (ran(web=11.0), "web", "broken", "for 11 s"),
    "never a web process": (reading(ago_s={"tick": 1.0}), "web", "broken", "within a day"),
    "a number that Meta stops": (
        of_number(pauses=NumberPauses(Pause(AT, AT, {"code": 190, "reason": "Renew the token."}))),
        "paused", "broken", "Meta takes no sends of the account",
    ),
    "a number that a person holds": (
        of_number(pauses=NumberPauses(None, (Hold("", AT, "fire"),))), "held", "warning", "fire",
    ),
    "a delivery set aside": (inbox(deferred=1), "aside", "warning", "set aside (1)"),
    "a dead letter": (of_number(dead=1), "dead letters", "warning", "dead letters (1)"),
    "a send that was doubled": (
        of_number(counts={"sends.doubled": 1}), "doubled", "warning", "took a send twice",
    ),
    "a message that was too old": (
        of_number(too_old=TOO_OLD), "too old", "warning", "too old to be answered",
    ),
    "broken rules": (
        {"rules": Rules(problems=("rules.yaml:4: no key thn", "rules.yaml:9: no then"))},
        "rules", "broken", "rules.yaml:4",
    ),
    "no rules": (
        {"rules": Rules("abc")}, "rules", "warning", "There are no rules here"
    ),
    "hours that are tried out": (
        {"rules": Rules("abc", 3, trial_now="closed")}, "rules", "warning", "(closed)",
    ),
    "workers without rules": (
        reading(rulebooks=(InForce("v0", has_files=False),)), "rulebook", "warning", "no rules",
    ),
    "workers with other rules": (
        {"rules": Rules("def", 3)}, "rulebook", "warning", "plans by rules abc, and here are def",
    ),
    "workers of another release": (
        reading(release="0.0.0/abc"), "rulebook", "warning", "is release 0.0.0",
    ),
    "workers that never looked": (reading(release=""), "rulebook", "unseen", "no worker"),
    "workers of a release that said 1": (reading(release="1"), "rulebook", "unseen", "no worker"),
    "rules that cannot be compared": (
        {"rules": Rules(problems=("x",))}, "rulebook", "unseen", "cannot be read",
    ),
    "rules that notify no address": (
        {"rules": Rules("abc", 3, notifies=True)}, "notify", "warning", "wait for it",
    ),
    "rules that notify an address": (
        {"rules": Rules("abc", 3, notifies=True), "given": Given(has_notify_url=True)},
        "notify", "fine", "is set",
    ),
    "rules that call a service without its secret": (
        {"rules": Rules("abc", 3, service_secrets=("ORDERS_TOKEN",),
                        missing_secrets=("ORDERS_TOKEN",))},
        "services", "warning", "ORDERS_TOKEN",
    ),
    "rules that call a service": (
        {"rules": Rules("abc", 3, service_secrets=("ORDERS_TOKEN",))},
        "services", "fine", "are set",
    ),
    "a receiver of forwards without its secret": (
        {"rules": Rules("abc", 3, receivers=("crm",),
                        receiver_problems=("CRM_SECRET is not set",))},
        "forwards", "warning", "CRM_SECRET is not set",
    ),
    "a receiver of forwards": (
        {"rules": Rules("abc", 3, receivers=("crm",))}, "forwards", "fine", "are set",
    ),
    "events for a receiver that the rules name": (
        {"rules": Rules("abc", 3, receivers=("crm",)),
         **reading(receivers=(ReceiverState("1", "crm", waiting=2),))},
        "receivers", "fine", "for which events wait",
    ),
    "events for a receiver that the rules lack": (
        {"rules": Rules("abc", 3, receivers=("crm",)),
         **reading(receivers=(ReceiverState("1", "old", waiting=2),))},
        "receivers", "warning", "wait for old",
    ),
    "a disk that is full": ({"disk": Disk(99 * MB)}, "disk", "broken", "Only 99.0 MB are free."),
    "a disk that is nearly full": ({"disk": Disk(GB - 1)}, "disk", "warning", "Only 1,024.0 MB"),
    "a disk too small for a rewrite": (
        {"disk": Disk(2 * GB, 3 * GB)}, "disk", "warning", "file has 3,072.0 MB",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "check", "state", "told"), CASES.values(), ids=CASES)
def test_one_thing_is_changed_and_its_check_says_so(
    change: dict[str, Any], check: str, state: str, told: str
) -> None:
    said = next(one for one in found(replace(WELL, **change), check) if told in one.message)

    assert said.state == state
    assert bool(said.advice) is (state in ("warning", "broken"))


def test_where_all_is_well_every_check_is_fine() -> None:
    said = found(WELL)

    assert [one for one in said if one.state != "fine"] == []
    assert {one.name for one in said} == {check.name for check in CHECKS}


@pytest.mark.parametrize(("fields", "wrong"), VERDICTS.values(), ids=VERDICTS)
def test_what_status_calls_wrong_is_not_well_here(fields: dict[str, Any], wrong: list[str]) -> None:
    seen = replace(STATUS_WELL, ago_s={"sweep": 1.0, "watch": 1.0, "web": 1.0, "tick": 1.0})
    seen = replace(seen, has_beat_leader=True, release=READING.release, **fields)
    said = found(replace(WELL, reading=seen))
    bad = " ".join(one.message for one in said if one.state in ("broken", "warning"))
    # What the server says of itself is asked of the server, and of the tick more is known here.
    elsewhere = HIDDEN | {"store_unfit", "memory_short", "tick_late"}
    ours = [one.sentence for one in find_problems(seen) if one.kind not in elsewhere]

    assert any("tick" in one for one in wrong) is ("nobody has heard it" in bad)
    assert StatusView(replace(STATUS_WELL, **fields)).problems == wrong
    assert [sentence for sentence in ours if sentence not in bad] == []


def test_a_check_whose_facts_are_missing_says_why_and_breaks_nothing() -> None:
    said = found(replace(WELL, redis=Redis("Redis is away."), reading=Unseen("Redis is away")))
    states = {one.name: one.state for one in said}

    assert (states["store"], states["memory"], states["beat"]) == ("broken", "unseen", "unseen")
    assert [one.message for one in said if one.name == "canary"] == ["not looked at: Redis is away"]


def test_of_many_servers_each_trouble_is_told_once() -> None:
    lazy = replace(SERVER, fsync="everysec")
    many = examined(servers=(SERVER, lazy, lazy))

    assert len(found(replace(WELL, **many), "persistence")) == 1
    assert [one.state for one in found(replace(WELL, **many), "clock")] == ["fine"]


def test_what_others_wrote_cannot_move_the_cursor() -> None:
    said = found(replace(WELL, redis=Redis("\x1b[2J\nRedis is away.")), "store")

    assert said[0].message == " [2J Redis is away."


def loading(tmp_path: Path, rules: str) -> Settings:
    """Return settings that name these rules."""
    (tmp_path / "rules.yaml").write_text(f"version: 1\n{rules}\n")
    names = ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN")
    env = dict.fromkeys(names, "t") | {"REDIS_URL": "redis://host", "META_PHONE_NUMBER_ID": "1"}
    paths = {
        "GATEWAY_RULES": str(tmp_path / "rules.yaml"),
        "GATEWAY_TRIAL_HOURS": str(tmp_path / "hours"),
    }
    return Settings.from_env(env | paths)


def test_the_rules_are_judged_with_the_hours_that_are_tried(tmp_path: Path) -> None:
    (tmp_path / "hours").write_text("closed\n")
    given = loading(tmp_path, "rules: [{name: it, then: Hi.}]")
    tried = probes.rules(given)
    (tmp_path / "hours").unlink()
    untried = probes.rules(given)

    assert (tried.count, tried.trial_now, untried.trial_now) == (1, "closed", "")
    assert tried.version != untried.version


def test_each_receiver_that_cannot_be_signed_for_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(
        f"  - {{to: {name}, url: 'http://127.0.0.1:9/', secret: {name.upper()}_SECRET{form}}}\n"
        for name, form in (("unset", ""), ("malformed", ""), ("bot", ", as: meta"))
    )
    monkeypatch.setenv("MALFORMED_SECRET", "hush")
    monkeypatch.setenv("BOT_SECRET", "any text")

    loaded = probes.rules(loading(tmp_path, f"forwards:\n{rows}rules: []"))

    assert loaded.receivers == ("unset", "malformed", "bot")
    assert [one.partition(" is ")[0] for one in loaded.receiver_problems] == [
        "UNSET_SECRET", "MALFORMED_SECRET",
    ]  # fmt: skip
    assert "hush" not in str(loaded.receiver_problems)
