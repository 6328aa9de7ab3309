"""A script that fails half-way keeps its first half: running it again heals each such half."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Event
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import DELIVERY_WAIT
from gateway.core.storage.timestamps import ms_from_datetime
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.inbox.lease import LEASE_MS, NOT_PASSED
from gateway.store.inbox.leased_partition import UNCHANGED
from gateway.store.maintenance import retention
from gateway.store.planning.commit import commit, commit_call
from gateway.store.redis.client import Call, Store
from gateway.store.sending import pauses
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tests.support.factories import ANA, NUMBER, a_message, a_status
from tests.support.store.failing_scripts import dump, each_write, everything, restore
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import (
    PREFIX,
    WEEK,
    a_send,
    lanes,
    make_ready,
    queue,
    row,
    settle,
    tell,
)
from tests.support.templates import MetaList, a_row, a_template

pytestmark = pytest.mark.store
PARTITION = keys.partition(3)


def heals(store: Store, broken: Call, again: Callable[[], object]) -> int:
    """Hold `again` after each failing write against `again` alone; return how many writes."""
    begin = dump(store)
    again()
    wanted = everything(store)
    restore(store, begin)
    at = 0
    for at in each_write(store, broken):
        again()
        assert everything(store) == wanted, f"after write {at}"
    return at


def commit_all(store: Store, *events: Event) -> None:
    """Do what a worker does: load, plan and commit until there is nothing left to do."""
    for _ in range(3):
        commit(store, planned(store, *events), WEEK)
    assert not planned(store, *events)


@pytest.mark.parametrize("code", [131000, 130429, 131056, 131042, 131047])
def test_each_write_of_a_failure_that_may_pass_may_fail(store: Store, code: int) -> None:
    send = a_send("first", closed="wait")
    queue(store, send)
    lanes(store).pump([], 9)
    settle(store, send, "accepted", wamid="wamid.out")
    news = a_status("wamid.out", "failed", f"{send.id}.1", code=code)
    (plan,) = planned(store, news)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, news)) > 8


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_each_write_of_a_commit_may_fail(store: Store, status: str) -> None:
    first, second = a_send("first"), a_send("second")
    queue(store, first, second)
    lanes(store).pump([], 9)
    news = a_status("wamid.out", status, f"{first.id}.1")
    events = [a_message("wamid.1"), news, a_message("wamid.2")]
    (plan,) = planned(store, *events)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, *events)) > 25


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_each_write_of_a_commit_that_leaves_its_contact_alone_may_fail(
    store: Store, status: str
) -> None:
    first, second = a_send("first"), a_send("second")
    queue(store, first, second)
    lanes(store).pump([], 9)
    settle(store, first, "unconfirmed", wait_ms=now_ms(store) + 99_000)
    news = a_status("wamid.out", status, f"{first.id}.1")
    (plan,) = planned(store, news)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, news)) > 8


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("status", ["sent", "delivered", "failed"])
def test_each_write_about_a_send_behind_which_its_lane_rests_may_fail(
    store: Store, status: str, settled: bool
) -> None:
    first = a_send("first", delivery_wait=DELIVERY_WAIT)
    queue(store, first, a_send("second"))
    lanes(store).pump([], 9)
    if settled:
        settle(store, first, "accepted", wamid="wamid.out")
    news = a_status("wamid.out", status, f"{first.id}.1")
    (plan,) = planned(store, news)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, news)) > 4


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_each_write_about_a_participant_and_a_price_may_fail(store: Store, status: str) -> None:
    first, second = a_send("first"), a_send("second")
    queue(store, first, second)
    lanes(store).pump([], 9)
    price = {"billable": True, "category": "utility"}
    told = {"participant": "351900000002", "pricing": price}
    news = a_status("wamid.out", status, f"{first.id}.1", **told)
    (plan,) = planned(store, news)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, news)) > 10


ASKED = (
    "asked".ljust(24, "x"), ANA, "reply", 0, 9_999_999_999_999, 0, "", "", '{"rule":""}',
    "f" * 32, "asked".ljust(24, "x") + "fingerprint0:0", 86_400_000, "the id of a Celery task", "",
    "web",
)  # fmt: skip


MADE = (
    "made".ljust(24, "x"), ANA, "notice", 0, 9_999_999_999_999, 0, "", "", '{"rule":""}', "daily",
)  # fmt: skip


@pytest.mark.parametrize("version", ["", "1"], ids=["new", "known"])
def test_each_write_of_a_schedule_that_makes_a_send_may_fail(store: Store, version: str) -> None:
    """Also of a look that reads it again, which finds the version that the first one left."""
    args = [9, "daily", version, "definition", '{"next":2}', 2, *MADE]
    if version:
        store.call("write_schedules", PREFIX, 9, "daily", "", "definition", "{}", 1, *[""] * 10)

    def again() -> None:
        if store.call("write_schedules", PREFIX, *args) == [b"changed"]:
            later = ["daily", str(int(version or 0) + 1), "", '{"next":2}', 2, *[""] * 10]
            store.call("write_schedules", PREFIX, 9, *later)

    assert heals(store, Call("write_schedules", PREFIX, args), again) > 5


@pytest.mark.parametrize("due", [0, 9_000_000_000_000])
def test_each_write_of_a_request_that_is_repeated_with_its_key_may_fail(
    store: Store, due: int
) -> None:
    asked = [*ASKED[:3], due, *ASKED[4:]]

    def again() -> None:
        # A repeated request has another id; the first one's counts as soon as its key is known.
        if not raw(store).exists(f"{PREFIX}idempotent:{asked[9]}"):
            raw(store).delete(f"{PREFIX}send:{asked[0]}")
        store.call("accept", PREFIX, *asked)

    assert heals(store, Call("accept", PREFIX, asked), again) > 6


@pytest.mark.parametrize("due", [0, 9_000_000_000_000])
def test_each_write_of_a_cancellation_may_fail(store: Store, due: int) -> None:
    store.call("accept", PREFIX, *ASKED[:3], due, *ASKED[4:])
    change = (ASKED[0], "cancel", 0, 0)

    def again() -> None:
        assert store.call("change_send", PREFIX, *change) == b"done"

    assert heals(store, Call("change_send", PREFIX, change), again) > 3


def test_each_write_of_a_request_that_was_accepted_and_is_over_may_fail(store: Store) -> None:
    store.call("accept", PREFIX, *ASKED)
    store.call("change_send", PREFIX, ASKED[0], "cancel", 0, 0)
    raw(store).delete(f"{PREFIX}results")  # its result was written

    def again() -> None:
        store.call("accept", PREFIX, *ASKED)

    assert heals(store, Call("accept", PREFIX, ASKED), again) > 1
    assert raw(store).zrange(f"{PREFIX}results", 0, -1) == [f"{ASKED[0]}{ASKED[12]}".encode()]


def by_both(wamid: str) -> Event:
    return a_message(wamid, user_id="PT.1")


@pytest.mark.parametrize("known", [[], [ANA], ["PT.1"], [ANA, "PT.1"]], ids=" and ".join)
def test_each_write_of_a_commit_that_joins_names_may_fail(store: Store, known: list[str]) -> None:
    for name in known:
        commit_all(store, a_message(f"wamid.{name}", name))
    event = by_both("wamid.both")
    (plan,) = planned(store, event)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, event)) > 15


def test_each_write_of_finishing_a_join_may_fail(store: Store) -> None:
    commit_all(store, a_message("wamid.1"))
    commit_all(store, a_message("wamid.2", "PT.1"))
    first, second = by_both("wamid.3"), by_both("wamid.4")
    (half_done,) = planned(store, first)
    left_before_the_alias(store, commit_call(half_done, WEEK))
    (plan,) = planned(store, second)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, second)) > 8


def left_before_the_alias(store: Store, one: Call) -> None:
    """Let a commit die between its commit point and the alias."""
    begin = dump(store)
    for _ in each_write(store, one):
        if raw(store).hexists(f"{PREFIX}contact:{ANA}", "redo"):
            return
    restore(store, begin)
    pytest.fail("the commit point was never reached")


STEPS = [
    "accepted", "soon", "late", "unconfirmed", "dead", "dropped", "doubled", "rests", "slower",
    "pair", "paused", "instead", "parked", "file", "stopped",
]  # fmt: skip


STOPPED = '{"code":132015,"template":"order_sent en_US"}'


def outcomes(store: Store) -> list[Outcome]:
    """Make one outcome of each kind, each with a lane of its own that has a second send."""
    sends = {step: a_send(step, step, repeatable=step == "dropped") for step in STEPS}
    sends["file"] = replace(sends["file"], delivery_wait=DELIVERY_WAIT)
    queue(store, *sends.values(), *(a_send(f"next {step}", step) for step in STEPS))
    for send in sends.values():
        raw(store).hset(f"{PREFIX}send:{send.id}", "task", f"task of {send.id}")
    lanes(store).pump([], 50)
    tell(store, "sent", sends["doubled"], "wamid.first")
    return [
        Outcome(sends["accepted"].id, 1, "accepted", "wamid.a", history_json="{}"),
        Outcome(sends["doubled"].id, 1, "accepted", "wamid.second", history_json="{}"),
        Outcome(sends["soon"].id, 1, "later", "", 30_000, "{}", "{}"),
        Outcome(sends["late"].id, 1, "later", "", 100_000, "{}", "{}"),
        Outcome(sends["unconfirmed"].id, 1, "unconfirmed", "", now_ms(store) + 99_000, "{}", "{}"),
        Outcome(sends["dead"].id, 1, "dead", error_json="{}", history_json="{}"),
        Outcome(sends["dropped"].id, 1, "dropped", error_json="{}", history_json="{}"),
        Outcome(sends["rests"].id, 1, "rests", "", 30_000, "{}", "{}"),
        Outcome(sends["slower"].id, 1, "slower", "", 1_000, "{}", "{}"),
        Outcome(sends["pair"].id, 1, "pair", "", 16_000, "{}", "{}"),
        Outcome(sends["paused"].id, 1, "paused", "", 30_000, "{}", "{}"),
        Outcome(sends["instead"].id, 1, "instead", error_json="{}", history_json="{}"),
        Outcome(sends["parked"].id, 1, "parked", error_json="{}", history_json="{}"),
        Outcome(sends["file"].id, 1, "accepted", "wamid.file", history_json="{}"),
        Outcome(sends["stopped"].id, 1, "stopped", error_json=STOPPED, history_json="{}"),
    ]


def pumping(name: str, lost: str, most: int, settled: list[Outcome]) -> Call:
    args: list[object] = [30_000, most, 1_000, name, lost]
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
    return Call("pump", PREFIX, args)


def run(store: Store, one: Call) -> None:
    store.call(one.script, one.prefix, *one.args)


def test_each_write_of_a_settling_may_fail(store: Store) -> None:
    settled = outcomes(store)
    broken = pumping("one", "", 0, settled)

    assert heals(store, broken, lambda: run(store, pumping("two", "one", 0, settled))) > 35


def test_each_write_of_a_take_may_fail(store: Store) -> None:
    queue(store, a_send("killed", "1"), a_send("typing", "2", repeatable=True), a_send("b", "3"))
    lanes(store).pump([], 9)
    past = datetime.now(UTC) - timedelta(seconds=1)
    queue(store, a_send("expired", "4", expires_at=past), a_send("next", "4"), a_send("c", "5"))
    for lane in "12":
        raw(store).zadd(f"{PREFIX}ready:reply", {lane: 0})
    raw(store).delete(f"{PREFIX}tokens")
    broken = pumping("one", "", 9, [])

    assert heals(store, broken, lambda: take_again(store)) > 20


def take_again(store: Store) -> None:
    run(store, pumping("two", "one", 9, []))
    for lane, name, untouched in (
        ("1", "killed", ("attempting", "1")),
        ("2", "typing", ("attempting", "1")),
        ("4", "next", ("queued", "0")),
        ("5", "c", ("queued", "0")),
    ):
        told = row(store, a_send(name))
        if (told["stage"], told["attempts"]) == untouched:
            # Its lane was given a new moment before the failure, and is looked at when that came.
            make_ready(store, lane)
            run(store, pumping(f"again {lane}", "", 9, []))


def test_each_write_of_giving_back_may_fail(store: Store) -> None:
    queue(store, a_send("a", "1"), a_send("b", "2"))
    run(store, pumping("lost", "", 9, []))
    broken = pumping("one", "lost", 0, [])

    assert heals(store, broken, lambda: run(store, pumping("two", "lost,one", 0, []))) > 5
    assert row(store, a_send("a"))["attempts"] == "0"


def test_each_write_of_a_tick_may_fail(store: Store) -> None:
    lost, later = a_send("lost", "1"), a_send("later", "2")
    queue(store, lost, later, a_send("next", "2"))
    lanes(store).pump([], 9)
    settle(store, lost, "unconfirmed", wait_ms=1)
    settle(store, later, "later", wait_ms=90_000)
    raw(store).zadd(f"{PREFIX}due", {later.id: 1})
    raw(store).zadd(f"{PREFIX}ready:reply", {"stepped back": now_ms(store) + 9_000_000})
    broken = Call("tick", PREFIX, [1_000])

    assert heals(store, broken, lambda: run(store, broken)) > 8


def test_each_write_of_letting_a_rule_go_on_may_fail(store: Store) -> None:
    queue(store, *(a_send(name, name, rule="offers") for name in ("a", "b")), a_send("next", "a"))
    pauses.hold(store, [NUMBER], "offers", "why")
    lanes(store).pump([], 9)
    pauses.release(store, [NUMBER], "offers")
    broken = Call("tick", PREFIX, [1_000])

    assert heals(store, broken, lambda: run(store, broken)) > 5


def park(store: Store, *names: str) -> None:
    """Let sends wait until their customer writes."""
    queue(store, *(a_send(name, closed="wait") for name in names))
    for name in names:
        make_ready(store)
        lanes(store).pump([], 9)
        settle(store, a_send(name), "parked", error_json="{}")


def test_each_write_of_ending_what_waited_too_long_may_fail(store: Store) -> None:
    park(store, "a", "b")
    for name in "ab":
        raw(store).zadd(f"{PREFIX}parked", {a_send(name).id: 1})
    broken = Call("tick", PREFIX, [1_000])

    assert heals(store, broken, lambda: run(store, broken)) > 8
    assert row(store, a_send("a"))["stage"] == "expired"


def stop(store: Store, *names: str) -> None:
    """Let sends wait until Meta sends their template again."""
    queue(store, *(a_send(name) for name in names))
    for name in names:
        make_ready(store)
        lanes(store).pump([], 9)
        settle(store, a_send(name), "stopped", error_json=STOPPED)


def test_each_write_of_letting_sends_of_a_template_go_on_may_fail(store: Store) -> None:
    stop(store, "a", "b")
    broken = Call("resume_template", PREFIX, ["order_sent en_US", 500])

    assert heals(store, broken, lambda: run(store, broken)) > 8
    assert row(store, a_send("a"))["stage"] == "queued"


def test_each_write_of_ending_what_waited_for_a_template_may_fail(store: Store) -> None:
    stop(store, "a", "b")
    for name in "ab":
        raw(store).zadd(f"{PREFIX}parked", {a_send(name).id: 1})
    broken = Call("tick", PREFIX, [1_000])

    assert heals(store, broken, lambda: run(store, broken)) > 8
    assert row(store, a_send("a"))["stage"] == "expired"


def test_each_write_of_news_of_a_template_may_fail(store: Store) -> None:
    news = ["a en", "status", now_ms(store), '{"value":"PAUSED"}', "PAUSED", -1, 9]
    broken, stopped = Call("note_news", keys.templates("1"), news), f"{keys.templates('1')}stopped"

    for _ in each_write(store, broken):
        run(store, broken)
        assert raw(store).hgetall(stopped) == {b"a en": b"0"}


def test_each_write_of_a_list_of_templates_may_fail(store: Store) -> None:
    registry = TemplateRegistry(store, "1")
    sync_templates(registry, MetaList([a_row("old")]))
    raw(store).hset(f"{registry.prefix}state", "tried_at", 1)
    registry.begin_fetch("holder", 60_000)
    registry.stage([a_template("new", status="PAUSED")])
    now = registry.read_state()[1]
    args = ["holder", ms_from_datetime(now), 1, "new en_US"]
    broken = Call("replace_list", registry.prefix, args)

    for _ in each_write(store, broken):
        registry.end_fetch("holder")
        assert sync_templates(registry, MetaList([a_row("new", status="PAUSED")])).step == "fetched"
        assert registry.read_words() == {"new en_US": "PAUSED"}
        assert registry.read_stopped() == {"new en_US": None}


def test_each_write_of_a_commit_that_wakes_what_waited_may_fail(store: Store) -> None:
    park(store, "a", "b")
    event = a_message("wamid.1")
    (plan,) = planned(store, event)

    assert heals(store, commit_call(plan, WEEK), lambda: commit_all(store, event)) > 25
    assert [row(store, a_send(name))["stage"] for name in "ab"] == ["queued", "queued"]


@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize("paused", [False, True])
def test_each_write_of_a_pause_may_fail(store: Store, paused: bool, late: int) -> None:
    if paused:
        pauses.pause(store, [NUMBER], "{}", 300_000)
    broken = Call("control_number", PREFIX, ["pause", '{"code":190}', 0, late])

    assert heals(store, broken, lambda: run(store, broken)) >= 1


@pytest.mark.parametrize("late", [False, True])
def test_each_write_of_a_probe_and_what_it_shows_may_fail(store: Store, late: bool) -> None:
    queue(store, a_send("a", "1"), a_send("b", "2"))
    pauses.pause(store, [NUMBER], "{}", 0, from_status=late)
    lanes(store).pump([], 1)
    told = [Outcome(a_send("a").id, 1, "accepted", "wamid.a", history_json="{}")]
    broken = pumping("one", "", 0, told)

    assert heals(store, broken, lambda: run(store, pumping("two", "one", 0, told))) > 5


def test_each_write_of_repeating_a_doubt_may_fail(store: Store) -> None:
    lost = a_send("lost", "1")
    queue(store, lost)
    lanes(store).pump([], 9)
    settle(store, lost, "unconfirmed", wait_ms=now_ms(store) + 3_600_000)
    broken = Call("resend", PREFIX, [lost.id, 1])

    assert heals(store, broken, lambda: run(store, broken)) == 6


def drain(store: Store, late: str) -> None:
    """Pass everything in the partition but the first entry, which is set aside, as it stays."""
    raw(store).hset(f"{PARTITION}cursor", "till", 0)  # whoever failed is gone
    with Inbox(store, Bodies()).lease() as held:
        batch = held.next_batch()
        while not batch.is_empty:
            batch = held.next_batch({late: DeferReason("failed", "an error")})


def test_each_write_of_passing_a_batch_may_fail(store: Store) -> None:
    for text in (b"first", b"second", b"third"):
        store.call("keep", PARTITION, "meta||", Bodies().pack(text))
    first, *_, last = [entry.decode() for entry, _ in raw(store).xrange(f"{PARTITION}inbox")]
    fence, *_ = store.call(
        "take", PARTITION, "me", LEASE_MS, 9, 9_999, 0, 0, 1, "", 0, "", "", 0, 0
    )
    why = DeferReason("failed", "an error").pack()
    passes = [last, 3, 0, "", 3, 1, first, 60_000, why, 0]
    args = ["me", LEASE_MS, 9, 9_999, 0, fence, 1, *passes]
    broken = Call("take", PARTITION, args)

    assert heals(store, broken, lambda: passed(store, f"3:{first}", last)) > 3


def test_what_is_passed_once_more_counts_once(store: Store) -> None:
    for text in (b"first", b"second"):
        store.call("keep", PARTITION, "meta||", Bodies().pack(text))
    last, _ = raw(store).xrevrange(f"{PARTITION}inbox")[0]
    anew = ["me", LEASE_MS, 9, 9_999, 0, 0, 1, *NOT_PASSED]
    fence, *_ = store.call("take", PARTITION, *anew)

    for _ in range(2):
        passes = [last, 2, *UNCHANGED, 2, 0]
        store.call("take", PARTITION, "me", LEASE_MS, 0, 0, 0, fence, 1, *passes)

    assert raw(store).hmget(f"{PARTITION}cursor", "at", "holder") == [last, b"me"]
    assert raw(store).hget(f"{PARTITION}count", "passed") == b"2"


def passed(store: Store, late: str, last: str) -> None:
    drain(store, late)
    assert raw(store).hget(f"{PARTITION}cursor", "at") == last.encode()
    # How often it was tried and who held it is not what is to be compared.
    raw(store).delete(f"{PARTITION}cursor", f"{PARTITION}aside:tries", f"{PARTITION}missing")


def test_each_write_of_a_keep_may_fail_and_the_delivery_is_only_doubled(store: Store) -> None:
    broken = Call("keep", PARTITION, ["meta||", b"one", "meta||", b"two"])

    for at in each_write(store, broken):
        run(store, broken)
        bodies = {fields[b"b"] for _, fields in raw(store).xrange(f"{PARTITION}inbox")}
        assert bodies == {b"one", b"two"}, at


def test_each_write_of_a_burial_may_fail(store: Store) -> None:
    broken = Call("bury_event", PREFIX, ["event:x", "{}", 1_000_000, "0:1-0/0", "KeyError"])

    assert heals(store, broken, lambda: run(store, broken)) > 1


@pytest.mark.parametrize("most", [1, 9], ids=["one goes", "none goes"])
def test_each_write_of_holding_bytes_may_fail(store: Store, most: int) -> None:
    run(store, Call("hold", PREFIX, ["event:old", "whole", "head", 1_000_000, 9, 9]))
    run(store, Call("bury_event", PREFIX, ["event:old", "{}", 1_000_000, "0:1-0/0", "not_json"]))
    raw(store).zadd(f"{PREFIX}unreadable", {"event:old": 1})
    broken = Call("hold", PREFIX, ["event:x", "whole", "head", 1_000_000, most, 9])

    assert heals(store, broken, lambda: run(store, broken)) > 1


@pytest.mark.parametrize("lifetime", [timedelta(0), WEEK])
def test_trimming_is_one_write_and_empties_nothing_that_waits(
    store: Store, lifetime: timedelta
) -> None:
    store.call("keep", PARTITION, "meta||", b"one")

    assert retention.trim(store, lifetime) == 0
    assert raw(store).xlen(f"{PARTITION}inbox") == 1
