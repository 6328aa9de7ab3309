"""The table of keys.py held against a server: which keys there are, and how long each lives."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from celery import Celery
from redis.crc import key_slot

from gateway.accounts.account import GraphCredentials, OwnNumber
from gateway.core.alerts import Alert, AlertState, Cause
from gateway.core.api.keys import ApiKey
from gateway.core.api.schedules.schedule import Schedule
from gateway.core.campaigns.recipient_state import campaign_send_id
from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.console.sign_ins import LIFETIME, SignIn
from gateway.core.console.users import ConsoleUser
from gateway.core.contacts.contact import Contact
from gateway.core.events import Unreadable
from gateway.core.planning.batch import Failure, Plan
from gateway.core.planning.campaign_answers import CampaignAnswer
from gateway.core.sending.notifications.post_outcome import PostOutcome, PostStep
from gateway.core.sending.send import BULK, NOTICE, PRIORITIES
from gateway.core.services.attempt_outcome import CallOutcome
from gateway.core.storage.ownership import Installation
from gateway.core.templates.news import TemplateNews
from gateway.store import keys, number_list
from gateway.store.api.api_keys import add_key
from gateway.store.api.lists.list_secret import read_secret
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import control
from gateway.store.campaigns.expansion import expand
from gateway.store.campaigns.next_look import leave_alone
from gateway.store.campaigns.reach import note_limit, promise_reach, refresh_limit
from gateway.store.console import audit_log, sign_ins, users
from gateway.store.console.jobs import JobProgress, write_progress
from gateway.store.coordination import run_ages, wakeups
from gateway.store.coordination.leader import LeaderLock
from gateway.store.dead_letters import unreadable
from gateway.store.erasure.eraser import LOCK_MS
from gateway.store.erasure.open_erasures import LOCK, open_erasure, replace_erasure
from gateway.store.erasure.sends import erase_sends
from gateway.store.inbox.lease import LeasedPartitions
from gateway.store.maintenance import due_items
from gateway.store.maintenance.migration import FENCE
from gateway.store.maintenance.migration import LOCK_MS as TURN_OF_MIGRATION_MS
from gateway.store.monitoring import alert_store, secret_uses, snapshot
from gateway.store.monitoring.canary import record_departure
from gateway.store.monitoring.counters import Counters
from gateway.store.outgoing import calls, forwards, notifications
from gateway.store.outgoing.forwards import ForwardStep, ReceiverOutcome, SettledForward
from gateway.store.planning import planning_stop, rulebooks
from gateway.store.planning.commit import commit, store_dead_letters
from gateway.store.redis.client import Store, connect_async
from gateway.store.sending import pauses
from gateway.store.sending.compaction import Compaction
from gateway.store.sending.quality import note_flag
from gateway.store.sending.unconfirmed import note_gap
from gateway.store.server.clock import let_clock_move
from gateway.store.server.health import HealthMonitor
from gateway.store.server.inspection import check_server
from gateway.store.templates.registry import TemplateRegistry
from gateway.store.templates.sync import sync_templates
from tasks.celery_setup.broker import KEY_PREFIX
from tasks.celery_setup.result_backend import ResultBackend
from tasks.monitoring.alert_watch import GUARD_MS
from tasks.scheduled.safety_net import TURN_MS
from tests.support.factories import ANA, NOW, NUMBER, a_message
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, a_campaign, csv_of, give_audience, read
from tests.support.store.inbox_state import inbox, keep, late, run_out
from tests.support.store.plans import planned
from tests.support.store.raw import now_ms, raw
from tests.support.store.sends import PREFIX, WEEK, a_send, lanes, queue, settle, take, tell
from tests.support.templates import WABA, MetaList, a_row, a_template

pytestmark = pytest.mark.store
DAY, HOUR = keys.DAY_MS, 3_600_000
UNREAD = Unreadable(
    key="unreadable|1", delivery="0:1-0", item=0, number=NUMBER, contact="", at=NOW, raw={},
    reason="no_identity",
)  # fmt: skip
FOREVER = None
NAMED = {
    "p": re.escape(keys.partition(2)),
    "n": re.escape(PREFIX),
    "t": re.escape(keys.templates(WABA)),
}
TOO_OLD = ("know", 5, b"l" * 16, "0:1-0/0", "message", 1, 1)
ASKED_FOR = (
    "askedfor".ljust(24, "x"), "asked", "reply", 0, 9_999_999_999_999, 0, "", "", '{"rule":""}',
    "f" * 32, "askedfor".ljust(24, "x") + "0:0", DAY, "", "order 17", "",
)  # fmt: skip
OF_A_TASK = ("ofatask".ljust(24, "x"), *ASKED_FOR[1:9], "e" * 32, "", DAY, "a task", "", "")
# Each kind of key of the table: its name as a pattern, and from when to when it may vanish.
KINDS: dict[str, tuple[int, int] | None] = {
    "<p>inbox": FOREVER,
    "<p>cursor": FOREVER,
    "<p>swept": FOREVER,
    "<p>count": FOREVER,
    r"<p>redacted:\d+-\d+": (7 * DAY - 60_000, 7 * DAY),
    "<p>suspects": (DAY, DAY),
    "<p>missing": FOREVER,
    "<p>lease": FOREVER,
    "<n>pace": FOREVER,
    "gw:migrated": FOREVER,
    "gw:migration": (60_000, 60_000),
    "gw:stopped": (300_000, 300_000),
    "gw:stopped_rules": (300_000, 300_000),
    "<p>aside": FOREVER,
    "<p>aside:tries": FOREVER,
    "<p>aside:why": FOREVER,
    "<p>aside:oldest": FOREVER,
    "<p>given_up": (30 * DAY, 30 * DAY),
    r"<n>known:\d+/\d+": (8 * DAY, 12 * DAY),
    r"<n>known:\d+": (12 * DAY, 16 * DAY),
    r"<n>contact:\d+": FOREVER,
    "<n>opted_out": FOREVER,
    "<n>handed_over": (3_600_000, 3_600_000),
    r"<n>send:queuedx+": FOREVER,
    r"<n>send:heldx+": FOREVER,
    r"<n>send:parkedx+": FOREVER,
    r"<n>send:stoppedx+": FOREVER,
    r"<n>send:attemptingx+": FOREVER,
    r"<n>send:unconfirmedx+": FOREVER,
    r"<n>send:laterx+": FOREVER,
    r"<n>send:dueandwaitingx+": FOREVER,
    r"<n>send:acceptedx+": FOREVER,
    r"<n>send:readx+": FOREVER,
    r"<n>send:failedx+": FOREVER,
    r"<n>send:deadx+": FOREVER,
    r"<n>send:expiredx+": FOREVER,
    r"<n>send:(askedfor|ofatask)x+": FOREVER,
    "<n>results": FOREVER,
    "gw:celery:celery-task-meta-.*": (DAY, DAY),
    "<n>idempotent:[0-9a-f]{32}": (DAY, DAY),
    "<n>campaign:[a-z2-7]{12}": (90 * DAY, 90 * DAY),
    "<n>campaign:[a-z2-7]{12}:log": (90 * DAY, 90 * DAY),
    "<n>campaign:[a-z2-7]{12}:recipients": (90 * DAY, 90 * DAY),
    "<n>campaign:[a-z2-7]{12}:replied": (90 * DAY, 90 * DAY),
    "<n>campaign:[a-z2-7]{12}:by_contact:[0-9]": (30 * DAY, 30 * DAY),
    "<n>campaigned": (30 * DAY, 30 * DAY),
    "<n>uploads": (7 * DAY, 7 * DAY),
    "<n>campaign:[a-z2-7]{12}:chunk:[0-9a-f]{8}:0": (90 * DAY, 90 * DAY),
    "<n>campaign:[a-z2-7]{12}:problems:[0-9a-f]{8}": (7 * DAY, 7 * DAY),
    r"<n>reached:\d+": (26 * HOUR, 26 * HOUR),
    "<n>reach": (DAY, DAY),
    "<n>reach:asked": (600_000, 600_000),
    "<n>unreachable": (30 * DAY, 30 * DAY),
    r"<n>unreachable:\d+": (30 * DAY, 30 * DAY),
    "<n>flagged": (30 * DAY, 30 * DAY),
    "<n>flag_news": (30 * DAY, 30 * DAY),
    "gw:{campaigns}all": FOREVER,
    "gw:{campaigns}active": FOREVER,
    "gw:{campaigns}looks": FOREVER,
    "gw:{campaigns}promised": (HOUR, HOUR),
    "gw:{console}users": FOREVER,
    "gw:{console}sign_ins": (DAY // 2, DAY // 2),
    "gw:{console}sign_in_ends": (DAY // 2, DAY // 2),
    "gw:{console}tries:(name|address):[0-9a-f]{32}": (900_000, 900_000),
    "gw:{console}revealed:[0-9a-f]{32}": (900_000, 900_000),
    "gw:{console}job:j+": (DAY, DAY),
    "gw:{console}audit": FOREVER,
    "gw:{console}audit_subjects": FOREVER,
    r"<n>send:typingx+": (DAY, DAY),
    r"<n>send:[a-z0-9]{24}": FOREVER,
    r"<n>members:readx+": (30 * DAY, 30 * DAY),
    r"<n>wamid:wamid\.\w+": (30 * DAY, 30 * DAY),
    "<n>finished": FOREVER,
    "<n>done:(reply|bulk)": FOREVER,
    "<n>texts": FOREVER,
    "<n>index": FOREVER,
    "<n>index:count": FOREVER,
    r"<n>index:\d+:\d+": (36 * DAY, 36 * DAY),
    "<n>listed": FOREVER,
    "<n>terms": FOREVER,
    "<n>terms:count": FOREVER,
    r"<n>terms:\d+:\d+": (36 * DAY, 36 * DAY),
    "<n>late_failures": FOREVER,
    r"<n>lane:(reply|notice|bulk):\w+": FOREVER,
    r"<n>ready:(reply|notice|bulk)": FOREVER,
    "<n>due": FOREVER,
    "<n>unconfirmed": FOREVER,
    "<n>take:[0-9a-f]{12}": (30_000, 30_000),
    r"<n>pair:\w+": (6_000, 276_000),
    "<n>stops": FOREVER,
    "<n>holding": FOREVER,
    "<n>held:odd rule": FOREVER,
    "<n>parked": FOREVER,
    "<n>templates": FOREVER,
    "<n>template:order_sent en_US": FOREVER,
    r"<n>parked:parked": FOREVER,
    "<n>tokens": FOREVER,
    "<n>places": FOREVER,
    "<n>count": FOREVER,
    "<n>too_old": (3_600_000, 3_600_000),
    "<n>record:[0-9a-f]{32}": (7 * DAY, 7 * DAY),
    r"<n>records:\d+": (7 * DAY, 7 * DAY),
    "<n>recorded": (7 * DAY, 7 * DAY),
    r"<n>doubts:(reply|notice|bulk):\w+": (2 * DAY, 2 * DAY),
    "<n>evidence": FOREVER,
    "gw:stream": FOREVER,
    "<n>dead": FOREVER,
    "<n>dead:event:.{16}": (30 * DAY, 30 * DAY),
    "<n>deaths:event:.{16}": (30 * DAY, 30 * DAY),
    "<n>unreadable": (30 * DAY, 30 * DAY),
    "<n>unreadable:event:.{16}": (30 * DAY, 30 * DAY),
    r"<n>notification:waitingx*": FOREVER,
    r"<n>notification:receivedx*": (7 * DAY, 7 * DAY),
    r"<n>notification:deadx*": (7 * DAY, 7 * DAY),
    r"<n>call:queuedx*": FOREVER,
    r"<n>call:calledx*": (7 * DAY, 7 * DAY),
    "<n>calls": FOREVER,
    "<n>calls_crowded": FOREVER,
    "<n>calls_due:orders": FOREVER,
    "<n>services": FOREVER,
    "<n>breaker:orders": (DAY, DAY),
    "<n>notifications": FOREVER,
    "<n>notifications_due": FOREVER,
    "<n>forward:a1-crm": (DAY, DAY),
    "<n>forward:a2-crm": (30 * DAY, 30 * DAY),
    "<n>forward:a[34]-crm": FOREVER,
    "<n>forwards": FOREVER,
    "<n>forwards:crm": FOREVER,
    "<n>forwards:crm:(ready|waiting|kept|dead|lane:l)": FOREVER,
    "<n>schedules": FOREVER,
    "<n>schedule:daily": FOREVER,
    "<n>timer": FOREVER,
    "<n>timers": FOREVER,
    "<n>bell:(reply|notice|bulk|outgoing)": (60_000, 60_000),
    "<n>bell:(reply|notice|bulk):found": (3_600_000, 3_600_000),
    "gw:{inbox}bell": (60_000, 60_000),
    "gw:{inbox}bell:found": (3_600_000, 3_600_000),
    "gw:ticked": (900, 900),
    "gw:ran:(tick|sweep|watch|web)": (DAY, DAY),
    "gw:ran:cleanup": (25 * 3_600_000, 25 * 3_600_000),
    "gw:bell:tasks.tick": (60_000, 60_000),
    "gw:net": (2_000, 2_000),
    "gw:watched": (2_000, 2_000),
    "gw:canary": FOREVER,
    "gw:room": FOREVER,
    "gw:{alerts}noted": FOREVER,
    "gw:{alerts}told": FOREVER,
    "gw:{alerts}seen": FOREVER,
    "<t>rows": FOREVER,
    "<t>words": FOREVER,
    "<t>news": FOREVER,
    "<t>falls": (30 * DAY, 30 * DAY),
    "<t>stopped": FOREVER,
    "<t>state": FOREVER,
    "<t>incoming:(rows|words)": (600_000, 600_000),
    "<t>fetching": (60_000, 60_000),
    "gw:{rules}in_force": FOREVER,
    "gw:{rules}kept": FOREVER,
    "gw:{api}keys": FOREVER,
    "gw:{api}used": FOREVER,
    "gw:{api}secret": FOREVER,
    "gw:{api}bucket:k1": (65_000, 65_000),
    "gw:{erasures}open": FOREVER,
    "gw:{erasures}done:[a-z2-7]{24}": (30 * DAY, 30 * DAY),
    "gw:{erasures}sends:[a-z2-7]{24}": FOREVER,
    "gw:{erasures}lock": (10_000, 10_000),
    "gw:numbers": FOREVER,
    "gw:layout": FOREVER,
    "gw:clock": FOREVER,
    "gw:owner": FOREVER,
    "gw:count": FOREVER,
    "gw:secrets": FOREVER,
}


def kind_of(key: bytes) -> list[str]:
    """Return the kinds that a key fits; a rule's send comes last, for it fits what all ids fit."""
    found = []
    for kind in KINDS:
        pattern = re.sub("<([pnt])>", lambda name: NAMED[name[1]], kind)
        if re.fullmatch(pattern.encode(), key, re.DOTALL):
            found.append(kind)
    return found[:1] if b":send:" in key else found


def live(store: Store, server: Server) -> None:
    """Do everything that writes, once."""
    start(store)
    migrate_a_little(store)
    number_list.add_number(store, NUMBER)
    first, second, passed = keep(store, 2, "late", "given up", "passed")
    with inbox(store).lease() as held:
        held.next_batch()
        held.close(late(first, second))
    store.call("give_up", keys.partition(2), second.partition(":")[2])
    due_items.has_cursor_moved(store, 2, "0-0")
    erase_one(store, passed.partition(":")[2])
    commit(store, planned(store, a_message()), WEEK)
    store_dead_letters(store, [Failure(a_message("wamid.bug"), "KeyError", "")])
    unreadable.store_unreadable(store, Bodies(), [UNREAD])
    wait_for_later(store)
    send_all(store)
    inbox(store).set_bell()
    wakeups.should_wake_again(store, keys.INBOX_BELL)
    note_gap(store, timedelta(seconds=20))
    run_ages.record_run(store, "sweep")
    stop_all_planning(store)
    workers_die(store)
    for rank in PRIORITIES:
        store.mark(keys.number_bell(NUMBER, rank), keys.BELL_MS)
        wakeups.should_wake_again(store, keys.number_bell(NUMBER, rank))
    run_ages.record_run(store, "cleanup", lifetime_ms=run_ages.CLEANUP_AGE_MS)
    store.mark(keys.task_bell("tasks.tick"), keys.BELL_MS)
    watch(store)
    asyncio.run(count(server))
    take_turns(store)


def take_turns(store: Store) -> None:
    """Write what lives for a second or two, which is why it comes last."""
    LeaderLock(store, keys.SAFETY_NET, TURN_MS).acquire()
    store.mark(keys.WATCH_GUARD, GUARD_MS)
    run_ages.may_tick(store)


def fetch_templates(store: Store) -> None:
    """Fetch a list, hear that Meta has stopped one of it, and fetch another one half."""
    registry = TemplateRegistry(store, WABA)
    sync_templates(registry, MetaList([a_row()]))
    now = registry.read_state()[1]
    registry.note_news(TemplateNews("order_sent", "en_US", "status", "PAUSED", now))
    registry.note_fall(TemplateNews("order_sent", "en_US", "quality", "RED", now))
    note_flag(store, NUMBER, datetime.now(UTC), is_flagged=True)
    registry.begin_fetch("another", 60_000)
    registry.stage([a_template()])


def make_schedule(store: Store) -> None:
    """Store a recurring send."""
    schedule = Schedule("0 9 * * *", "UTC", {})
    book = ScheduleBook(store, Bodies())
    assert book.create([], NUMBER, "daily", schedule, book.now()) == "written"


def erase_one(store: Store, entry: str) -> None:
    """Erase a customer, and let another one's erasure be open."""
    store.call("erase_delivery", keys.partition(2), entry, "redacted||", b"a body", 7 * DAY)
    store.call("erase_contact", PREFIX, 1, "salt", 0, "erased")
    for name in ("erased", "open"):
        begun = open_erasure(store, frozenset({name}), None, NOW)
        erase_sends(store, PREFIX, [f"{name}send"], begun.id)
        if name == "erased":
            assert replace_erasure(store, begun, replace(begun, finished_at=NOW))
    LeaderLock(store, LOCK, LOCK_MS).acquire()


def wait_for_later(store: Store) -> None:
    """Let a timer, a notification and a call wait, and others be received, made or given up."""
    make_schedule(store)
    store.call("commit", PREFIX, "", "", "", "", "timer", 3, "t", 9_999_999_999_999, "{}", *TOO_OLD)
    for name, step in (("received", "delivered"), ("dead", "dead"), ("waiting", "")):
        store.call("commit", PREFIX, "", "", "", "", "notification", 2, name, "{}")
        if step:
            (attempt,) = notifications.take(store, NUMBER, 1, WEEK).attempts
            outcome = PostOutcome(cast(PostStep, step), "HTTP 410")
            notifications.settle(store, NUMBER, attempt, outcome, WEEK)
    for name in ("called", "queued"):
        store.call("commit", PREFIX, "", "", "", "", "call", 3, name, "orders", "{}")
        for call in calls.take(store, NUMBER, "orders", 1, WEEK).attempts[: name == "called"]:
            calls.settle(store, NUMBER, call, CallOutcome("failed", "", health="sick"), WEEK)
    wait_for_receivers(store)
    store.mark(keys.number_bell(NUMBER, "outgoing"), keys.BELL_MS)
    until = now_ms(store) + 3_600_000
    store.call("commit", PREFIX, "1", "", "v", "{}", "hand_over", 2, "1", until)


def crowd_out_call(store: Store) -> None:
    """Let one call more be planned than there is room for."""
    newer = {f"newer-{n}": 9e12 + n for n in range(10_000)}
    raw(store).zadd(f"{PREFIX}calls", newer)
    store.call("commit", PREFIX, "", "", "", "", "call", 3, "queuedx", "orders", "{}")
    raw(store).zrem(f"{PREFIX}calls", *newer)


def wait_for_receivers(store: Store) -> None:
    """Let a forward be received, one be given up, and two wait."""
    for name, step in (("a1", "delivered"), ("a2", "dead"), ("a3", ""), ("a4", "")):
        row = (f"{name}-crm", "crm", "0:1-0/0", "c", "l", 900)
        store.call("commit", PREFIX, "", "", "", "", "forward", 6, *row)
        if step:
            settled = SettledForward(f"{name}-crm", 0, cast(ForwardStep, step), "HTTP 410")
            outcome = ReceiverOutcome(NUMBER, "crm", (settled,))
            forwards.settle_forwards(store, [outcome], timedelta(days=1))


def start(store: Store) -> None:
    check_server(store, mine=Installation("shop"))
    let_clock_move(store)
    crowd_out_call(store)


def migrate_a_little(store: Store) -> None:
    store.call("fence_partition", keys.partition(2), FENCE)
    store.call("fence_number", PREFIX, FENCE)
    raw(store).set(keys.MIGRATED, "1/8")
    LeaderLock(store, keys.MIGRATION, TURN_OF_MIGRATION_MS).acquire()


def stop_all_planning(store: Store) -> None:
    planning_stop.stop_planning(store, "release")
    planning_stop.stop_rules(store, "release")


def workers_die(store: Store) -> None:
    """Die over a delivery, once more with care, and lose a lease."""
    keep(store, 2, "deadly")
    for _ in range(2):
        LeasedPartitions(store, Bodies(), "main/1").next_batch()
        inbox(store).report_death("main/1")
    LeasedPartitions(store, Bodies(), "main/2").next_batch()
    run_out(store, 2)
    LeasedPartitions(store, Bodies(), "main/3").next_batch()


def answer_campaign(store: Store) -> None:
    """Write to a recipient of a campaign, who answers."""
    campaign = a_campaign(store)
    give_audience(store, campaign, csv_of(3) + b"\n12,Bad" * 101)
    campaign = read(store, campaign)
    control.start(store, campaign, "test", datetime.now(UTC))
    leave_alone(store, campaign.id, datetime.now(UTC))
    note_limit(store, NUMBER, "TIER_250")
    assert promise_reach(store, read(store, campaign), [NUMBER], 1).granted == 1
    assert expand(store, BODIES, read(store, campaign), 1) == 1
    answer = CampaignAnswer(campaign_send_id(campaign.id, 0), ("replied",))
    commit(store, [Plan(NUMBER, Contact(""), False, (), answers=(answer,))], timedelta(days=1))


def watch(store: Store) -> None:
    own = OwnNumber(NUMBER, WABA, 80, GraphCredentials("token", "v24.0"))
    refresh_limit(store, "http://127.0.0.1:1", own)
    note_limit(store, NUMBER, "TIER_2K")
    answer_campaign(store)
    record_departure(store)
    snapshot.record_memory_use(store, now_ms(store), 1)
    alert = Alert(Cause("paused"), "critical", "Paused.", "Renew the token.")
    alert_store.record_alert(store, alert, timedelta(hours=1))
    rulebooks.report(store, "host:1", rulebooks.InForce("v1"))
    rulebooks.keep_files(store, Path("rules"), {Path("rules"): ("v1", ())}, [])
    alert_store.replace_row(store, alert.cause.key, None, AlertState("id", alert, 1))
    alert_store.record_counter(store, "doubled", 1)
    add_key(store, ApiKey("k1", "0" * 64))
    read_secret(store)
    use_console(store)
    store.call("take_requests", keys.API, "k1", 200, 1_000, 20)
    store.call("accept", PREFIX, *ASKED_FOR)
    fetch_templates(store)
    store.call("accept", PREFIX, *OF_A_TASK)
    store.call("change_send", PREFIX, OF_A_TASK[0], "cancel", 0, 0)
    write_result(store)


def use_console(store: Store) -> None:
    now = datetime.now(UTC)
    users.add_user(store, ConsoleUser("id", "ana", "look", "", now))
    sign_ins.take_try(store, "ana", "10.0.0.1")
    sign_ins.add_sign_in(store, SignIn("d" * 64, "ana", "id", now, now + LIFETIME))
    sign_ins.reveal(store, "d" * 64, "a message")
    write_progress(store, JobProgress("j" * 16, "redrive", "ana", 1, now, now))
    audit_log.note_action(store, AuditEntry("ana", "reveal", "", AuditSubject(NUMBER, ANA, "why")))


def write_result(store: Store) -> None:
    app = Celery(set_as_current=False)
    app.conf.result_expires = DAY // 1000
    app.conf.result_backend_transport_options = {"global_keyprefix": KEY_PREFIX}
    ResultBackend(app=app, client=store.redis).store_result("a task", {}, "SUCCESS")


async def count(server: Server) -> None:
    client = connect_async(server.url)
    await Counters(client).add({"refused.unsigned": 1})
    await secret_uses.note_uses(client, {secret_uses.UsedSecret("shop", "s1"): 1})
    await HealthMonitor(client, 0).refresh()
    await client.aclose()


def send_all(store: Store) -> None:
    compact_one(store)
    send_in_all_stages(store)


def compact_one(store: Store) -> None:
    """Let a send be compacted, and a failure be told of it afterwards."""
    send = a_send("compacted", "compacted")
    queue(store, send)
    take(store)
    settle(store, send, "accepted", wamid="wamid.compacted", is_outreach=True)
    assert Compaction(store, Bodies(), WEEK).run([NUMBER], DAY) == 1
    tell(store, "failed", send, "wamid.compacted")


def send_in_all_stages(store: Store) -> None:
    now = datetime.now(UTC)
    queue(store, a_send("expired", "expired", expires_at=now - timedelta(seconds=1)))
    queue(store, a_send("dueandwaiting", "w", due_at=now + timedelta(hours=1)))
    names = ("accepted", "read", "failed", "dead", "unconfirmed", "later", "attempting", "parked",
             "stopped")  # fmt: skip
    sends = {name: a_send(name, name) for name in names}
    sends["typing"] = a_send("typing", "typing", repeatable=True)
    queue(store, *sends.values(), a_send("held", "held", rule="odd rule"))
    pauses.hold(store, [NUMBER], "odd rule", "why")
    take(store)
    for name in ("accepted", "read", "failed"):
        settle(store, sends[name], "accepted", wamid=f"wamid.{name}")
    settle(store, sends["typing"], "accepted")
    tell(store, "read", sends["read"], "wamid.read", participant="351900000002")
    tell(store, "failed", sends["failed"], "wamid.failed")
    settle(store, sends["dead"], "dead", error_json='{"code":131026}')
    settle(store, sends["unconfirmed"], "unconfirmed", wait_ms=9_999_999_999_999)
    settle(store, sends["parked"], "parked")
    settle(store, sends["stopped"], "stopped", error_json='{"template":"order_sent en_US"}')
    settle(store, sends["later"], "later", wait_ms=100_000)
    queue(store, a_send("queued", "queued", priority=BULK))
    queue(store, a_send("waits", "waits", priority=NOTICE))


def test_every_key_is_of_a_kind_in_the_table_and_lives_as_long_as_it_says(
    store: Store, server: Server
) -> None:
    live(store, server)

    lifetimes = read_lifetimes(store)
    kinds = {key: kind for key in lifetimes for kind in kind_of(key)}
    assert (set(kinds), set(kinds.values())) == (set(lifetimes), set(KINDS))
    for key, lives_ms in lifetimes.items():
        wanted = KINDS[kinds[key]]
        if wanted is FOREVER:
            assert lives_ms == -1, key
        else:
            slack_ms = min(60_000, wanted[0])  # for what passed since it was written
            assert wanted[0] - slack_ms < lives_ms <= wanted[1], key


def read_lifetimes(store: Store) -> dict[bytes, int]:
    """Return the ms for which each key lives on, all as of one moment."""
    names: Any = raw(store).keys("*")
    pipe = raw(store).pipeline()
    for name in names:
        pipe.pttl(name)
    return dict(zip(names, pipe.execute(), strict=True))


def test_every_kind_is_in_the_docstring() -> None:
    spaces = "inbox|alerts|api|campaigns|console"
    pattern = rf"(?:\{{[pnt]\}}|gw:(?:\{{(?:{spaces})\}})?)[a-z_]+(?::tries|:why|:oldest)?"
    told = set(re.findall(pattern, keys.__doc__ or ""))
    kinds = {re.sub("<([pnt])>", r"{\1}", kind) for kind in KINDS}

    assert {found for kind in kinds for found in re.findall(pattern, kind)[:1]} == told


def rows(columns: int) -> list[list[str]]:
    """Return the cells of the docstring's table of so many columns."""
    lines = [line for line in (keys.__doc__ or "").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == columns and row[0] != "key"]


def test_every_key_that_lives_is_bounded_by_something() -> None:
    lives, bounds = rows(3), rows(2)

    assert [row[0] for row in bounds] == [row[0] for row in lives]
    assert [row for row in (*lives, *bounds) if not all(row)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_bound(kind: str) -> None:
    first = re.match(r"(<[pnt]>|gw:(\{\w+\})?)[a-z_]+", kind)
    assert first
    name = re.sub("<([pnt])>", r"{\1}", first[0])
    names = ", ".join(row[0] for row in rows(2))

    assert re.search(rf"(^|, ){re.escape(name)}\b", names)


RECIPIENT = ("1abcdefghijkl00000000000", ANA, 0, "", "r", "{}")
SCRIPTS: dict[str, tuple[str, list[Any]]] = {
    "add_sign_in": (keys.CONSOLE, ["d", "{}", 9_999_999_999_999, 9]),
    "take_try": (keys.CONSOLE, ["name:n", "address:a", 5, 20, 60_000, 900_000]),
    "note_action": (keys.CONSOLE, [9, "ana", "sign in", "", "{}", ""]),
    "keep": (keys.partition(2), ["meta||", b"body"]),
    "take": (keys.partition(2), ["holder", 5_000, 9, 9_999, 0, 0]),
    "give_up": (keys.partition(2), ["1-0"]),
    "inspect": (keys.partition(2), []),
    "trim": (keys.partition(2), [0]),
    "load": (PREFIX, [1, "contact", b"d" * 16]),
    "commit": (PREFIX, ["c", "", "v", "{}", "know", 5, b"d" * 16, "0:1-0/0", "message", 1, 1]),
    "bury_event": (PREFIX, ["event:x", "{}", 1_000, "0:1-0/0", "KeyError"]),
    "hold": (PREFIX, ["event:x", "whole", "head", 1_000, 9, 9]),
    "pump": (PREFIX, [30_000, 9, 80, "name", "lost"]),
    "tick": (PREFIX, [1_000]),
    "control_number": (PREFIX, ["pause", "{}", 1_000]),
    "forget_records": (PREFIX, [8]),
    "compact": (PREFIX, [1, 1, 1, "id", b"s" * 12, "read", 1, 9, b"", b"", b"", b"", 0]),
    "recall": (PREFIX, ["sid", "wwamid", b"@" + b"s" * 12]),
    "revive": (PREFIX, ["id", b"", 0, "stage", "read"]),
    "prune": (PREFIX, [0, 0, 0, 1]),
    "register": (PREFIX, ["id"]),
    "upcoming": (PREFIX, [80, 200, 1_500]),
    "take_notifications": (PREFIX, [9, 60_000, 99, 99]),
    "take_forwards": (PREFIX, ["crm", 9, 60_000, 1, 5]),
    "settle_forwards": (PREFIX, ["crm", 99, "down", 99, 1, "a1-crm", 1, "dead", 0, "why", "copy"]),
    "oldest_forwards": (PREFIX, ["crm", 1, 1, 9]),
    "control_forwards": (PREFIX, ["queue", "crm", "a1-crm", "0:1-0/0", "c", "l", 900]),
    "settle_notification": (PREFIX, ["id", 1, "later", 1, "why", 99, 99]),
    "take_calls": (PREFIX, ["orders", 9, 60_000, 5]),
    "settle_call": (PREFIX, ["id", 1, "later", 1, "why", "sick", 5, 9, 99]),
    "leader": ("gw:{turn}", ["name", 1_000]),
    "note": (keys.NOTED, ["cause", "{}", 1_000, 9]),
    "read_owner": (keys.OWNER, []),
    "accept": (PREFIX, list(ASKED_FOR)),
    "list_due": (PREFIX, [1 << 47, 0, 9]),
    "list_records": (PREFIX, [1 << 47, 0, 0, 9]),
    "list_sends": (PREFIX, [1 << 47, 0, 0, 9, "casked", "rorder 17"]),
    "change_send": (PREFIX, ["askedfor".ljust(24, "x"), "cancel", 0, 0]),
    "adopt_audience": (PREFIX, ["abcdefghijkl", "token", 3, DAY, "upload", 0]),
    "note_flag": (PREFIX, [1, "1", 60_000]),
    "remember_check": (PREFIX, ["abcdefghijkl", "token", 1, "checked", ""]),
    "write_chunk": (PREFIX, ["upload", DAY, f"{PREFIX}campaign:a:chunk:b:0", DAY, "rows"]),
    "erase_recipients": (PREFIX, [f"{PREFIX}campaign:a:chunk:b:0", "x", "y", "a", "b", 0, ANA]),
    "campaign_phase": (PREFIX, ["abcdefghijkl", "draft", "running", "by", "why", "", DAY, "", ""]),
    "expand_campaign": (PREFIX, ["abcdefghijkl", 0, 10, 10, "next", "spring", 0, *RECIPIENT]),
    "promise_reach": (keys.CAMPAIGNS, ["abcdefghijkl", "name", 1, 10, 5, 60_000, "", "other", 2]),
    "find_campaigns": (PREFIX, [DAY, 20, 1, "wamid.1", 1, ANA]),
    "take_requests": (keys.API, ["k1", 200, 1_000, 20]),
    "compare_and_swap": (keys.TOLD, ["cause", "", "{}"]),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_stays_in_the_slot_of_its_prefix(store: Store, script: str) -> None:
    prefix, args = SCRIPTS[script]

    store.call(script, prefix, *args)

    assert {key_slot(key) for key in raw(store).keys("*")} <= {key_slot(prefix.encode())}


def test_everything_of_a_number_and_of_a_partition_is_in_one_slot(
    store: Store, server: Server
) -> None:
    live(store, server)
    lanes(store).pump([], 9)

    slots = {key: key_slot(key) for key in raw(store).keys("*")}
    assert {slot for key, slot in slots.items() if key.startswith(PREFIX.encode())} == {
        key_slot(PREFIX.encode())
    }
    assert {slot for key, slot in slots.items() if b"{p2}" in key} == {key_slot(b"{p2}")}


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("106540352242922", "gw:{n106540352242922}:"),
        ("", "gw:{n}:"),
        ("a-b.c_d", "gw:{na-b.c_d}:"),
    ],
)
def test_the_prefix_of_a_number(name: str, prefix: str) -> None:
    assert keys.number(name) == prefix


@pytest.mark.parametrize("name", ["}{", "a b", "é", "1" * 65, "\ud800", "1\n"])
def test_an_odd_number_is_only_ever_hashed(name: str) -> None:
    assert re.fullmatch(r"gw:\{nx[0-9a-f]{32}\}:", keys.number(name))
    assert keys.number(name) != keys.number(name + "x")
