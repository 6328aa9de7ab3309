"""Forwards reach their receivers in order and signed, and one that is down costs no other."""

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.accounts.rulebooks import RulesInForce
from gateway.core.alerts import Cause
from gateway.core.campaigns.notices.notice import CampaignNotice
from gateway.core.campaigns.recipient_state import Funnel
from gateway.core.dead_letters.dead_letter import DeadForward
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.forwards.forward import ROW_BYTES
from gateway.store import keys, number_list
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.maintenance.retention import memory_health
from gateway.store.monitoring import alert_store
from gateway.store.outgoing.forwards import (
    FAILURES_IN_A_ROW,
    LEASE_MS,
    ReceiverOutcome,
    queue_copy,
    settle_forwards,
)
from gateway.store.redis.client import ScriptError, Store, StoreUnavailableError
from gateway.store.server.health import ServerHealth
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.story.story import Teller
from gateway.store.tracing.trace import Search
from gateway.store.tracing.traces import Traces
from tasks.context import WorkerContext
from tasks.outgoing import forwards as outgoing
from tasks.outgoing.forward_copies import detach_oldest
from tasks.outgoing.forwarding import forwarder
from tasks.outgoing.forwarding.rounds import ForwardRounds, Taken, Wish
from tasks.scheduled import jobs
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.rules.rulebooks import book
from tests.support.servers import wait_until
from tests.support.store.raw import now_ms
from tests.support.store.sends import WEEK
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.tasks.worker_state import (
    PREFIX,
    counted,
    for_all,
    keep,
    planned,
    raw,
    rung,
    take_effect,
)

pytestmark = pytest.mark.store
SIGNING = b"s" * 32
SECRET = f"whsec_{base64.b64encode(SIGNING).decode()}"
ANA, BEN = "351900000001", "351900000002"
OTHER = "106540352242999"  # another number of ours


@pytest.fixture
def applications() -> Iterator[list[Application]]:
    with ExitStack() as stack:
        yield [stack.enter_context(an_application()) for _ in range(2)]


def rules(applications: list[Application]) -> str:
    crm, bot = applications
    return f"""\
version: 1
forwards:
  - to: crm
    url: "http://127.0.0.1:{crm.port}/in?token=hush"
    secret: CRM_SECRET
    events: message
  - to: bot
    url: "http://127.0.0.1:{bot.port}/"
    secret: BOT_SECRET
    as: meta
    events: [message, status]
rules: []
"""


@pytest.fixture
def forwarding(
    at_work: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> WorkerContext:
    monkeypatch.setenv("CRM_SECRET", SECRET)
    monkeypatch.setenv("BOT_SECRET", "the-app-secret-of-the-bot")
    rulebook = book(rules(applications))
    monkeypatch.setattr(at_work.rules, "_in_force", for_all(at_work, rulebook))
    return at_work


def effect(ctx: WorkerContext, *bodies: bytes) -> None:
    keep(ctx.store, *bodies)
    rulebook = next(iter(ctx.rules.current().by_path.values()))
    assert not take_effect(ctx, rulebook)


def bury(ctx: WorkerContext) -> int:
    return outgoing.bury_overdue(ctx, NUMBER, memory_health(ctx.store, 0))


def waits(store: Store, receiver: str) -> int:
    return int(raw(store).zcard(f"{PREFIX}forwards:{receiver}:waiting"))


def all_received(store: Store) -> None:
    wait_until(lambda: not (waits(store, "crm") or waits(store, "bot")), "all is received")


def let_pauses_end(store: Store) -> None:
    for receiver in ("crm", "bot"):
        ready = f"{PREFIX}forwards:{receiver}:ready"
        for lane in raw(store).zrange(ready, 0, -1):
            raw(store).zincrby(ready, -LEASE_MS * 100, lane)
        raw(store).hdel(f"{PREFIX}forwards:{receiver}", "open_until")


def test_each_receiver_gets_its_form_signed_with_its_secret(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, bot = applications
    body = delivery_body(message_item("wamid.1", "Hello"), message_item("wamid.2", "Hi", BEN))
    effect(forwarding, body)
    wait_until(lambda: rung(forwarding.store, "outgoing") == 1, "a worker is woken")

    outgoing.forward(NUMBER)
    all_received(forwarding.store)

    assert sorted(crm.texts) == ["Hello", "Hi"]
    headers, posted = crm.posts[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + posted
    made = base64.b64encode(hmac.new(SIGNING, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{made}"
    assert json.loads(posted)["id"] == headers["webhook-id"]
    ((meta_headers, envelope),) = bot.posts
    assert envelope == body
    digest = hmac.new(b"the-app-secret-of-the-bot", body, hashlib.sha256).hexdigest()
    assert meta_headers["x-hub-signature-256"] == f"sha256={digest}"
    assert counted(forwarding.store, "forwards.delivered") == 4


def test_a_thousand_statuses_of_a_delivery_are_few_posts_and_all_arrive(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    _, bot = applications
    statuses = [status_item(f"wamid.{n}", "read") for n in range(1_000)]
    effect(forwarding, delivery_body(statuses=statuses))

    outgoing.forward(NUMBER)
    all_received(forwarding.store)

    arrived = [
        one["id"]
        for _, body in bot.posts
        for one in json.loads(body)["entry"][0]["changes"][0]["value"]["statuses"]
    ]
    assert arrived == [one["id"] for one in statuses]
    assert len(bot.posts) <= 20


def test_what_failed_comes_again_with_the_same_id_and_in_order(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    crm.status = 500
    effect(forwarding, *(delivery_body(message_item(f"wamid.{n}", str(n))) for n in range(3)))
    outgoing.forward(NUMBER)
    wait_until(lambda: len(crm.posts) == 1, "the first is posted")
    wait_until(lambda: raw(forwarding.store).hget(f"{PREFIX}forwards:crm", "failures"), "it failed")

    crm.status = 204
    let_pauses_end(forwarding.store)
    outgoing.forward(NUMBER)
    all_received(forwarding.store)

    assert crm.texts == ["0", "0", "1", "2"]
    assert crm.ids[0] == crm.ids[1]


def test_a_receiver_that_hangs_holds_up_no_other_and_no_task(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    crm.hangs.clear()
    people = [f"3519000{n:05}" for n in range(60)]
    effect(forwarding, *(delivery_body(message_item(f"wamid.{p}", p, p)) for p in people))

    began = time.monotonic()
    outgoing.forward(NUMBER)
    assert time.monotonic() - began < 20
    wait_until(lambda: not waits(forwarding.store, "bot"), "the other has all")

    assert waits(forwarding.store, "crm") == len(people)
    assert len(crm.posts) <= 16
    crm.hangs.set()
    wait_until(lambda: not waits(forwarding.store, "crm"), "this one too")


def test_an_address_that_hangs_leaves_room_for_others_and_is_not_asked_for_without_end(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, _ = applications
    monkeypatch.setattr(forwarder, "MOST_OF_RECEIVER", 2)
    monkeypatch.setattr(forwarder, "MOST_POSTS", 3)
    rounds = Counter[str]()
    take = ForwardRounds.take

    def counted_take(self: ForwardRounds, wishes: Sequence[Wish]) -> list[Taken | None]:
        rounds.update(["rounds"])
        return take(self, wishes)

    monkeypatch.setattr(ForwardRounds, "take", counted_take)
    crm.hangs.clear()
    people = [f"3519000{n:05}" for n in range(20)]
    effect(forwarding, *(delivery_body(message_item(f"wamid.{p}", p, p)) for p in people))

    outgoing.forward(NUMBER)
    wait_until(lambda: not waits(forwarding.store, "bot"), "the other has all")
    wait_until(lambda: len(crm.posts) == 2, "as many as may hang")
    before = rounds["rounds"]
    assert not crm.hangs.wait(0.5)
    assert rounds["rounds"] - before <= 2, "no round begins while no post may"
    crm.hangs.set()
    wait_until(lambda: not waits(forwarding.store, "crm"), "this one too")


def test_a_receiver_that_is_down_is_tried_less_and_less(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    crm.status = 503
    people = [f"3519000{n:05}" for n in range(40)]
    effect(forwarding, *(delivery_body(message_item(f"wamid.{p}", p, p)) for p in people))

    outgoing.forward(NUMBER)
    wait_until(lambda: not waits(forwarding.store, "bot"), "the other has all")
    state = f"{PREFIX}forwards:crm"
    wait_until(lambda: raw(forwarding.store).hget(state, "open_until"), "it rests")

    assert len(crm.posts) <= FAILURES_IN_A_ROW + 16
    crm.status = 204
    let_pauses_end(forwarding.store)
    outgoing.forward(NUMBER)
    wait_until(lambda: not raw(forwarding.store).hget(state, "failures"), "it is well again")


def test_without_a_secret_nothing_is_posted_and_nothing_is_lost(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, _ = applications
    monkeypatch.delenv("CRM_SECRET")
    effect(forwarding, delivery_body(message_item("wamid.1")))

    outgoing.forward(NUMBER)
    wait_until(lambda: not waits(forwarding.store, "bot"), "the other has it")

    assert (crm.posts, waits(forwarding.store, "crm")) == ([], 1)


def test_what_waited_too_long_is_a_dead_letter_with_its_copy(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    crm.status = 503
    effect(forwarding, delivery_body(message_item("wamid.1", "kept")))
    (id_,) = raw(forwarding.store).zrange(f"{PREFIX}forwards:crm:waiting", 0, -1)
    raw(forwarding.store).zadd(f"{PREFIX}forwards:crm:waiting", {id_: 1})

    assert bury(forwarding) == 1

    copy = raw(forwarding.store).hget(f"{PREFIX}forward:{id_.decode()}", "copy")
    assert orjson.loads(forwarding.bodies.open(copy))["data"]["text"] == "kept"
    letter = dead_letters.find(forwarding.store, id_.decode(), [NUMBER], forwarding.bodies)
    assert isinstance(letter, DeadForward)
    assert (letter.receiver, letter.cause, letter.has_copy) == ("crm", "not_received", True)

    # The copy is what is posted, whatever became of the delivery meanwhile.
    for index in range(keys.PARTITIONS):
        raw(forwarding.store).delete(f"{keys.partition(index)}inbox")
    crm.status = 204
    assert dead_letters.redrive(forwarding.store, letter) == "redriven"
    outgoing.forward(NUMBER)
    wait_until(lambda: crm.texts == ["kept"], "it is received")
    assert crm.ids == [id_.decode()]
    assert dead_letters.redrive(forwarding.store, letter) == "changed"


def test_what_was_refused_together_has_copies_of_its_own_and_is_posted_once(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, bot = applications
    bot.status = 410
    effect(
        forwarding, delivery_body(message_item("wamid.1", "a"), message_item("wamid.2", "b", BEN))
    )
    ids = raw(forwarding.store).zrange(f"{PREFIX}forwards:bot:waiting", 0, -1)

    outgoing.forward(NUMBER)
    all_received(forwarding.store)

    assert (len(bot.posts), len(crm.posts)) == (1, 2)
    copies = [raw(forwarding.store).hget(f"{PREFIX}forward:{one.decode()}", "copy") for one in ids]
    bodies = [forwarding.bodies.open(one) for one in copies]
    named = [(ANA.encode() in one, BEN.encode() in one) for one in bodies]
    assert sorted(named) == [(False, True), (True, False)]


def test_where_memory_is_short_what_waits_refers_to_no_delivery(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, bot = applications
    crm.status = bot.status = 503
    texts = ["first", "second"]
    effect(forwarding, *(delivery_body(message_item(f"wamid.{one}", one)) for one in texts))
    crowded = forwarding.settings.model_copy(update={"gateway_store_bytes": 1})
    monkeypatch.setattr(forwarding, "settings", crowded)
    monkeypatch.setattr(outgoing, "_looked_at", {})
    outgoing.forward(NUMBER)

    kept = [f"{PREFIX}forwards:{one}:kept" for one in ("crm", "bot")]
    assert not raw(forwarding.store).exists(*kept)
    wait_until(lambda: bool(crm.posts and bot.posts), "each was tried")
    for index in range(keys.PARTITIONS):
        raw(forwarding.store).delete(f"{keys.partition(index)}inbox")
    wait_until(lambda: raw(forwarding.store).hget(f"{PREFIX}forwards:bot", "failures"), "it failed")
    wait_until(lambda: raw(forwarding.store).hget(f"{PREFIX}forwards:crm", "failures"), "it too")
    crm.status = bot.status = 204
    let_pauses_end(forwarding.store)
    outgoing.forward(NUMBER)
    all_received(forwarding.store)

    assert crm.texts == ["first", *texts]


def test_a_forward_whose_delivery_is_gone_is_a_dead_letter_and_holds_nobody_up(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    effect(forwarding, delivery_body(message_item("wamid.1", "gone")))
    for index in range(keys.PARTITIONS):
        raw(forwarding.store).delete(f"{keys.partition(index)}inbox")
    effect(forwarding, delivery_body(message_item("wamid.2", "there")))

    outgoing.forward(NUMBER)
    wait_until(lambda: crm.texts == ["there"], "the next is posted")

    assert counted(forwarding.store, "forwards.dead") == 2


def test_rules_without_the_receiver_let_its_forwards_wait(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, _ = applications
    effect(forwarding, delivery_body(message_item("wamid.1")))
    changed: Any = for_all(forwarding, book("version: 1\nrules: []\n"))
    assert isinstance(changed, RulesInForce)
    monkeypatch.setattr(forwarding.rules, "_in_force", changed)
    monkeypatch.setattr(outgoing, "_looked_at", {})

    outgoing.forward(NUMBER)
    look = f"{PREFIX}forwards"
    wait_until(lambda: raw(forwarding.store).zscore(look, "crm") > 2e12 / 2, "it was looked at")

    assert (crm.posts, waits(forwarding.store, "crm")) == ([], 1)

    alerts = alert_store.active_alerts(forwarding.store, now_ms(forwarding.store)).values()
    unnamed = {Cause("forward_unnamed", name, NUMBER) for name in ("crm", "bot")}
    assert {one.cause for one in alerts} == unnamed

    # What it gets once nobody names it in time is kept, so that redrive can post it.
    (id_,) = raw(forwarding.store).zrange(f"{PREFIX}forwards:crm:waiting", 0, -1)
    raw(forwarding.store).zadd(f"{PREFIX}forwards:crm:waiting", {id_: 1})
    assert bury(forwarding) == 1
    copy = raw(forwarding.store).hget(f"{PREFIX}forward:{id_.decode()}", "copy")
    assert orjson.loads(forwarding.bodies.open(copy))["id"] == id_.decode()


def test_where_memory_is_short_what_nobody_names_holds_nothing_back(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = forwarding.store
    effect(forwarding, delivery_body(message_item("wamid.1", "kept")))
    changed: Any = for_all(forwarding, book("version: 1\nrules: []\n"))
    monkeypatch.setattr(forwarding.rules, "_in_force", changed)

    assert detach_oldest(forwarding, NUMBER) == 2

    assert not raw(store).exists(f"{PREFIX}forwards:crm:kept", f"{PREFIX}forwards:bot:kept")
    (id_,) = raw(store).zrange(f"{PREFIX}forwards:crm:dead", 0, -1)
    copy = raw(store).hget(f"{PREFIX}forward:{id_.decode()}", "copy")
    assert orjson.loads(forwarding.bodies.open(copy))["data"]["text"] == "kept"


def test_rules_that_cannot_be_used_drop_nothing(
    forwarding: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect(forwarding, delivery_body(message_item("wamid.1")))
    broken = RulesInForce(forwarding.rules.current().accounts, {})
    monkeypatch.setattr(forwarding.rules, "_in_force", broken)

    outgoing.report_unnamed(forwarding, NUMBER)

    assert detach_oldest(forwarding, NUMBER) == 0
    assert alert_store.active_alerts(forwarding.store, now_ms(forwarding.store)) == {}
    assert waits(forwarding.store, "crm") == 1


def test_all_numbers_share_the_room_of_a_receiver(forwarding: WorkerContext) -> None:
    store, copy = forwarding.store, Bodies().pack(b"{}")
    queued = [(NUMBER, f"{n}-crm") for n in range(3)] + [(OTHER, "3-crm")]
    for number, id_ in queued:
        number_list.add_number(store, number)
        assert queue_copy(store, number, "crm", id_, copy)
    room = 2 * (ROW_BYTES + len(copy))
    outgoing._rooms.cache_clear()

    for number in (OTHER, NUMBER):
        outgoing.bury_overdue(forwarding, number, ServerHealth(limit_bytes=10 * room))

    left = [
        raw(store).zrange(f"{keys.number(n)}forwards:crm:waiting", 0, -1) for n in (NUMBER, OTHER)
    ]
    assert left == [[b"2-crm"], [b"3-crm"]]


def test_a_receiver_that_is_down_has_one_post_whatever_number_it_is_for(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    store = forwarding.store
    crm.status = 503
    people = [f"3519000{n:05}" for n in range(FAILURES_IN_A_ROW + 5)]
    effect(forwarding, *(delivery_body(message_item(f"wamid.{p}", p, p)) for p in people))
    outgoing.forward(NUMBER)
    wait_until(lambda: raw(store).hget(f"{PREFIX}forwards:crm", "open_until"), "it rests")
    posts = forwarder.forwarder_of(forwarding)
    wait_until(lambda: (NUMBER, "crm") not in posts._lines, "nothing is under way to it")

    crm.hangs.clear()
    number_list.add_number(store, OTHER)
    for receiver, n in [(one, n) for one in ("crm", "bot") for n in range(6)]:
        queue_copy(store, OTHER, receiver, f"{n}-{receiver}", Bodies().pack(b"{}"))
    outgoing.forward(OTHER)
    bots = f"{keys.number(OTHER)}forwards:bot:waiting"
    wait_until(lambda: not raw(store).exists(bots), "the other receiver has all")

    assert posts._lines[OTHER, "crm"].under_way == 1
    crm.status = 204
    crm.hangs.set()
    crms = f"{keys.number(OTHER)}forwards:crm:waiting"
    wait_until(lambda: not raw(store).exists(crms), "this one too, once it is well")


def test_what_a_receiver_answers_is_sent_once_though_it_was_asked_twice(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, bot = applications
    store, rulebook = forwarding.store, next(iter(forwarding.rules.current().by_path.values()))
    number_list.add_number(store, NUMBER)
    crm.status = bot.status = 200
    crm.answer, bot.answer = b'{"messages": ["I look."]}', b'{"messages": ["Not in this form."]}'
    deaths = [RuntimeError("died"), StoreUnavailableError("away")]

    def settle(store: Store, outcomes: Sequence[ReceiverOutcome], kept: timedelta) -> Any:
        if deaths and any(one.receiver == "crm" for one in outcomes):
            raise deaths.pop(0)
        return settle_forwards(store, outcomes, kept)

    monkeypatch.setattr("tasks.outgoing.forwarding.rounds.settle_forwards", settle)
    effect(forwarding, delivery_body(message_item("wamid.1", "Where is it?")))
    outgoing.forward(NUMBER)
    wait_until(lambda: len(deaths) < 2, "the first settling fails")
    crm.answer = b'{"messages": ["I look again."]}'

    def all_settled() -> bool:
        let_pauses_end(store)
        outgoing.forward(NUMBER)
        return not (waits(store, "crm") or waits(store, "bot"))

    wait_until(all_settled, "both are posted again and settled")
    assert not take_effect(forwarding, rulebook)

    assert crm.texts[:2] == ["Where is it?"] * 2
    assert planned(store) == ["I look."]
    assert_traced(store, crm.ids[0])


def assert_traced(store: Store, forward: str) -> None:
    traces = Traces(store, Bodies())
    (found,) = traces.find_by_wamid("wamid.1").traces
    (send,) = found.answers[forward].sends
    assert traces.find_by_send(send.id).traces[0].key == found.key
    (conversation,) = traces.find_by_contact(ANA, 10).conversations
    assert [one.key for one in conversation.traces] == [found.key]
    told = str(Teller(Masking(), datetime.now(UTC), WEEK).tell(Search((found,))))
    assert "crm answered with 1 message" in told


def test_an_answer_that_meta_would_refuse_sends_nothing_and_is_told(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, _ = applications
    store, rulebook = forwarding.store, next(iter(forwarding.rules.current().by_path.values()))
    number_list.add_number(store, NUMBER)
    crm.status, crm.answer = 200, b'{"messages": ["Hush", {"text": "Hush", "colour": "red"}]}'

    effect(forwarding, delivery_body(message_item("wamid.1", "Where is it?")))
    outgoing.forward(NUMBER)
    all_received(store)
    assert not take_effect(forwarding, rulebook)

    (found,) = Traces(store, Bodies()).find_by_wamid("wamid.1").traces
    (answered,) = found.answers.values()
    assert (planned(store), answered.sends) == ([], ())
    told = str(Teller(Masking(), datetime.now(UTC), WEEK).tell(Search((found,))))
    assert "crm answered, and nothing is sent: #/messages/1/colour" in told
    assert "Hush" not in told


def test_a_tick_that_fails_lets_trimming_pass_no_delivery_that_waits(
    forwarding: WorkerContext,
) -> None:
    store = forwarding.store
    effect(forwarding, *(delivery_body(message_item(f"wamid.{i}", "Hello", ANA)) for i in range(2)))
    kept = raw(store).zrange(f"{PREFIX}forwards:crm:kept", 0, 0, withscores=True)
    raw(store).set(f"{PREFIX}due", "damaged")

    with pytest.raises(ScriptError):
        jobs.run_tick(forwarding)

    cursors = (raw(store).hgetall(f"{keys.partition(i)}cursor") for i in range(keys.PARTITIONS))
    limits = [one[b"unreferred"].decode() for one in cursors if b"at" in one]
    assert limits == [f"{kept[0][1]:.0f}-0"]


def test_the_end_of_a_campaign_is_received_once_and_never_as_a_webhook_of_meta(
    forwarding: WorkerContext, applications: list[Application]
) -> None:
    crm, bot = applications
    store = forwarding.store
    number_list.add_number(store, NUMBER)
    at = datetime.now(UTC)
    notice = CampaignNotice("c1", NUMBER, "spring", "completed", "", "", at, Funnel({}))
    for receiver in ("crm", "bot", "crm"):
        forward, body = notice.as_forward(receiver, "")
        queue_copy(store, NUMBER, receiver, forward, Bodies().pack(body))

    outgoing.forward(NUMBER)
    all_received(store)
    again = queue_copy(store, NUMBER, "crm", notice.as_forward("crm", "")[0], b"")

    (ids,) = (headers["webhook-id"] for headers, _ in crm.posts)
    assert (ids, again) == (notice.as_forward("crm", "")[0], False)
    assert json.loads(crm.posts[0][1])["data"]["campaign"]["name"] == "spring"
    assert bot.posts == []
    (letter,) = dead_letters.iter_dead_letters(store, DeadLetterFilter(), 9)
    assert isinstance(letter, DeadForward)
    assert "as: meta" in letter.error["reason"]


def test_what_a_rule_notifies_a_receiver_of_is_received_once_and_traced(
    forwarding: WorkerContext, applications: list[Application], monkeypatch: pytest.MonkeyPatch
) -> None:
    crm, _ = applications
    text = rules(applications).replace("    events: message\n", "")
    told = (
        "- {name: it, when: {text: agent}, then: {notify: {text: Somebody waits., forward: crm}}}"
    )
    rulebook = book(text.replace("rules: []", f"rules:\n  {told}"))
    monkeypatch.setattr(forwarding.rules, "_in_force", for_all(forwarding, rulebook))
    body = delivery_body(message_item("wamid.1", "agent"))
    effect(forwarding, body, body)
    wait_until(lambda: rung(forwarding.store, "outgoing") == 1, "a worker is woken")
    crm.status = 503

    outgoing.forward(NUMBER)
    wait_until(lambda: raw(forwarding.store).hget(f"{PREFIX}forwards:crm", "failures"), "it failed")
    crm.status = 204
    let_pauses_end(forwarding.store)
    outgoing.forward(NUMBER)
    all_received(forwarding.store)

    assert len(crm.ids) == 2
    assert len({*crm.ids}) == 1
    payload = json.loads(crm.posts[-1][1])
    assert (payload["type"], payload["data"]["text"]) == ("rule.notified", "Somebody waits.")
    assert payload["contact"]["key"] == ANA
    (found,) = Traces(forwarding.store, Bodies()).find_by_wamid("wamid.1").traces
    told = str(Teller(Masking(), datetime.now(UTC), WEEK).tell(Search((found,))))
    assert "HTTP 503" in told
