"""A customer is erased from everything that is stored, and nobody else is."""

import asyncio
import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from gateway.core.api.schedules.schedule import Schedule
from gateway.core.console.audit import AuditEntry, AuditSubject
from gateway.core.contacts.contact import Contact
from gateway.core.contacts.erasure import KINDS, Erasure
from gateway.core.events import Message
from gateway.core.planning.batch import Plan
from gateway.core.sending.outcome import Outcome
from gateway.core.sending.send import PRIORITIES
from gateway.core.services.answer import answer_delivery
from gateway.core.services.attempt_outcome import CallOutcome
from gateway.store import keys, number_list
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.body_codec import Bodies
from gateway.store.campaigns import campaigns, control
from gateway.store.campaigns.audience import iter_recipients
from gateway.store.campaigns.drafts import create_campaign
from gateway.store.campaigns.expansion import expand
from gateway.store.console import audit_log
from gateway.store.dead_letters.dead_letters import server_time
from gateway.store.erasure.eraser import Eraser
from gateway.store.erasure.open_erasures import LOCK, find_erasure, read_open, replace_erasure
from gateway.store.outgoing import calls
from gateway.store.planning.changed_contact import change_contact
from gateway.store.planning.commit import commit
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from gateway.store.sending.compaction import Compaction
from gateway.store.tracing.trace import Conversation
from gateway.store.tracing.traces import Traces
from gateway.web.api.contacts.export import write_export
from tasks import outbound
from tasks.context import WorkerContext
from tasks.scheduled.jobs import run_tick
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.rules.rulebooks import book
from tests.support.store.campaigns import a_definition, cells, give_audience, read
from tests.support.store.failing_scripts import dump, restore
from tests.support.store.raw import raw
from tests.support.store.sends import WEEK
from tests.support.store.stored_content import find_mentions
from tests.support.tasks.fake_graph import Meta, a_meta, refuse
from tests.support.tasks.worker_state import PREFIX, keep, make_due, planned, take_effect
from tests.support.web.web_app import a_web

pytestmark = pytest.mark.store
ZOE, BOB, DAN = "351987650001", "351900000002", "351900000004"
ZOE_ID = "PT.9876500011"
WORDS = {"Zebedea", "a marked text"}
KEY = "a-key-of-the-environment"
RULES = """\
version: 1
services: {crm: {url: "http://127.0.0.1:9"}}
forwards: {to: crm, url: "https://crm.example", secret: CRM_SECRET, events: [message, status]}
rules:
- name: colour
  when: {text: {contains: marked}}
  then:
    - "{{ name }} said {{ text }}"
    - notify: "{{ name }} wrote {{ text }}"
    - call: {to: "crm:/said", json: {who: "{{ name }}", said: "{{ text }}"}}
      failed: ["{{ text }}, {{ name }}?"]
    - alert: "{{ name }} wrote"
    - tag: vip
    - set: {said: "{{ text }}"}
- name: person
  when: {text: {contains: human}}
  then: {hand_over: 2h}
- name: bob
  when: {text: {contains: bob}}
  then: "Hello Bob"
"""


def wamid(name: str, customer: str = ZOE) -> str:
    """Make an id of a message as Meta's are: with the customer's phone number inside."""
    content = b"\x1c\x18\x0c" + customer.encode() + b"\x15" + name.encode()
    return f"wamid.{base64.b64encode(content).decode()}"


def posted_wamid(body: Any) -> str:
    """Return Meta's id of a message that was posted."""
    return wamid(body["biz_opaque_callback_data"][:12], body["to"].removeprefix("+"))


def said(name: str, words: str = "a marked text", sender: str = ZOE) -> Any:
    return message_item(wamid(name, sender), words, sender)


def from_zoe(*items: Any) -> bytes:
    """Make a delivery in which she has a name and a user id as well."""
    body = orjson.loads(delivery_body(*items))
    for one in body["entry"][0]["changes"][0]["value"]["contacts"]:
        if one["wa_id"] == ZOE:
            one |= {"profile": {"name": "Zebedea"}, "user_id": ZOE_ID}
    return orjson.dumps(body)


class Rules:
    """The rules above, and a text that no rule survives."""

    def __init__(self) -> None:
        self._book = book(RULES)
        self.version = "erasure"

    def decide(self, event: Any, contact: Any, now: Any) -> Any:
        if getattr(event, "text", "") == "a marked text that breaks":
            raise KeyError("a marked text")
        return self._book.decide(event, contact, now)


@pytest.fixture
def meta() -> Iterator[Meta]:
    with a_meta() as running:
        running.answer = lambda body: (200, {"messages": [{"id": posted_wamid(body)}]})
        yield running


async def _ask(url: str, *requests: tuple[str, dict[str, Any], dict[str, str]]) -> list[Any]:
    async with a_web(url, GATEWAY_API_KEYS=KEY) as web:
        web.api.headers["authorization"] = f"Bearer {KEY}"
        answers = [
            await web.api.post(path, json=body, headers=headers) for path, body, headers in requests
        ]
        assert all(one.status_code == 202 for one in answers), [one.text for one in answers]
        return [one.json() for one in answers]


def ask(at_work: WorkerContext, *bodies: dict[str, Any]) -> list[Any]:
    """Send through the API, each with an idempotency key."""
    named = [("/v1/messages", body, {"idempotency-key": f"k{i}"}) for i, body in enumerate(bodies)]
    return asyncio.run(_ask(at_work.settings.redis_url, *named))


def eraser(store: Store) -> Eraser:
    return Eraser(store, Bodies(), WEEK)


def erase(store: Store, name: str = ZOE, numbers: list[str] | None = None) -> Erasure:
    """Erase a customer as far as that goes now."""
    begun = eraser(store).begin(name, numbers)
    return go_on(store, begun)


def go_on(store: Store, begun: Erasure) -> Erasure:
    """Go on with an erasure, whose wait is over."""
    found = find_erasure(store, begun.id)
    assert found
    if found.next_at:
        assert replace_erasure(store, found, replace(found, next_at=found.started_at))
    eraser(store).run(budget_s=60, only=begun.id)
    after = find_erasure(store, begun.id)
    assert after
    return after


def left(store: Store) -> list[str]:
    """Return what still names her."""
    return find_mentions(store, {ZOE, ZOE_ID}, WORDS)


def conversation(store: Store, name: str) -> Conversation:
    (found,) = Traces(store, Bodies()).find_by_contact(name, 9).conversations
    return found


def sends_of(found: Conversation) -> list[tuple[str, str]]:
    return [(one.id, one.stage) for trace in found.traces for one in trace.sends]


def planned_to(store: Store) -> list[str]:
    """Return to whom the messages go that wait."""
    rows = [raw(store).hget(key, "row") for key in raw(store).keys(f"{PREFIX}send:*")]
    return [orjson.loads(row)["body"].get("to", "") for row in rows]


def opt_out(store: Store, *, opts_out: bool = True) -> None:
    def change(contact: Contact, now: datetime) -> Contact:
        return contact.with_consent(opts_out=opts_out, at=now)

    assert change_contact(store, NUMBER, ZOE, change)


def open_window(store: Store, name: str) -> None:
    """Let a customer have written just now."""
    contact = replace(
        find_contact(store, NUMBER, name), wa_id=name, last_inbound_at=server_time(store)
    )
    assert commit(store, [Plan(NUMBER, contact, changed=True, events=())], WEEK) == [True]


def repair(store: Store, contact: str = DAN) -> None:
    raw(store).delete(f"{PREFIX}contact:{contact}")
    make_due(store)


def live(at_work: WorkerContext, meta: Meta) -> None:
    """Let her appear in every kind of thing that is stored, beside Bob and Dan."""
    store = at_work.store
    keep(store, from_zoe(said("1"), said("bob1", "bob", BOB)))
    take_effect(at_work, Rules())
    outbound.pump(NUMBER, "reply")
    tell_statuses(at_work, meta)
    assert Compaction(store, Bodies(), WEEK).run([NUMBER], keys.DAY_MS, budget_s=60) == 2
    fail_late(at_work, meta)
    keep(store, from_zoe(said("5"), said("bob3", "bob", BOB)))
    take_effect(at_work, Rules())
    outbound.pump(NUMBER, "reply")
    tell_statuses(at_work, meta)
    keep(store, from_zoe(said("boom", "a marked text that breaks"), said("bob2", "bob", BOB)))
    refuse_one(at_work, meta)
    keep(store, from_zoe(said("human", "human please")), b'{"entry":[{"from":"' + ZOE.encode())
    take_effect(at_work, Rules())
    sent = {"to": f"+{ZOE}", "text": "a marked text"}
    later = "2027-01-01T00:00:00Z"
    ask(at_work, sent, {**sent, "priority": "notice"}, {**sent, "send_at": later})
    schedule(at_work)
    invite(store)
    result = orjson.dumps({"result": {"message_id": wamid("6")}})
    raw(store).set("gw:celery:celery-task-meta-hers", result)
    raw(store).set("gw:celery:celery-task-meta-bobs", result.replace(wamid("6").encode(), b"-"))
    reveal(store)
    answer_one(at_work)
    set_one_aside(at_work)


def reveal(store: Store) -> None:
    """Let somebody look at her in the console, and at Bob."""
    for contact in (ZOE, ZOE_ID, BOB):
        subject = AuditSubject(NUMBER, contact, "Bob asked" if contact == BOB else "a marked text")
        audit_log.note_action(store, AuditEntry("ana", "reveal", "message", subject))


def answer_one(at_work: WorkerContext) -> None:
    """Let the service answer one of the calls about her; the others still wait."""
    taken = calls.take(at_work.store, NUMBER, "crm", 1, WEEK)
    (attempt,) = taken.attempts
    said = '{"note": "Zebedea said a marked text"}'
    at_work.inbox.append_answer(answer_delivery(attempt.id, attempt.payload, 404, said, ""))
    calls.settle(at_work.store, NUMBER, attempt, CallOutcome("answered", "HTTP 404"), WEEK)
    take_effect(at_work, Rules())


def invite(store: Store) -> None:
    """Let a campaign have her, to whom a message waits, and Bob, who is still to get one."""
    id_ = create_campaign(store, Bodies(), NUMBER, a_definition())
    give_audience(store, read(store, id_), f"phone,first\n+{ZOE},Zebedea\n+{BOB},Bob\n".encode())
    campaign = read(store, id_)
    assert control.start(store, campaign, "a test", server_time(store)) == ""
    assert expand(store, Bodies(), read(store, id_), 1) == 1


def schedule(at_work: WorkerContext) -> None:
    """Let messages go to her, by both names, and to Bob each morning."""
    book = ScheduleBook(at_work.store, at_work.bodies)
    for name, to in (("a", f"+{ZOE}"), ("b", {"user_id": ZOE_ID}), ("c", f"+{BOB}")):
        daily = Schedule("0 9 * * *", "UTC", {"to": to, "text": "a marked text"[:8]})
        assert book.create([], NUMBER, name, daily, book.now()) == "written"


def tell_statuses(at_work: WorkerContext, meta: Meta) -> None:
    """Let Meta report what became of the first messages, the one to Bob to a group."""
    items = [
        status_item(posted_wamid(body), "delivered", body["biz_opaque_callback_data"], body["to"])
        for body in meta.posted
    ]
    bobs = [item for item in items if BOB in item["recipient_id"]]
    members = [
        {**bobs[-1], "recipient_id": "a-group", "recipient_type": "group", "status": "read",
         "recipient_participant_id": who}
        for who in (ZOE, BOB)
    ]  # fmt: skip
    keep(at_work.store, delivery_body(statuses=[*items, *members]))
    take_effect(at_work, Rules())


def fail_late(at_work: WorkerContext, meta: Meta) -> None:
    """Let a message fail after it was compacted; no tick comes."""
    (body,) = [one for one in meta.posted if ZOE in one["to"]][:1]
    item = status_item(posted_wamid(body), "failed", body["biz_opaque_callback_data"], ZOE)
    item["errors"] = [{"code": 131026, "error_data": {"details": f"not on WhatsApp: {ZOE}"}}]
    keep(at_work.store, delivery_body(statuses=[item]))
    take_effect(at_work, Rules())


def refuse_one(at_work: WorkerContext, meta: Meta) -> None:
    keep(at_work.store, from_zoe(said("3")))
    take_effect(at_work, Rules())
    answer, meta.answer = meta.answer, refuse(131026)
    outbound.pump(NUMBER, "reply")
    meta.answer = answer


def set_one_aside(at_work: WorkerContext) -> None:
    """Keep a delivery that has to wait: the contact of Dan cannot be read."""
    raw(at_work.store).hset(f"{PREFIX}contact:{DAN}", mapping={"version": "v", "state": "{"})
    keep(at_work.store, from_zoe(said("4"), said("dan", "hi", DAN)))
    assert len(take_effect(at_work, Rules())) == 1


# Where she is before she is erased: a test of nothing would find nothing left.
EVERYWHERE = {
    "alerts}noted", "call:", "contact:", "dead:event:", "done:reply", "handed_over", "lane:reply:",
    "notification:", "pair:", "ready:reply", "record:", "recorded", "records:", "send:", "texts",
    "unreadable:event:", "inbox", "celery-task-meta", "schedule:", "members:", "wamid:",
    "lane:notice:", "lane:bulk:", "chunk:", "forward:", "forwards:crm:lane:",
}  # fmt: skip


def test_nothing_is_left_of_a_customer_who_is_erased(
    sender: WorkerContext, store: Store, meta: Meta
) -> None:
    live(sender, meta)
    before = "\n".join(left(store))
    assert {one for one in EVERYWHERE if one not in before} == set()

    waits = erase(store)
    while_it_waits = left(store)
    repair(store)
    take_effect(sender, Rules())
    done = go_on(store, waits)

    # It remembers whom to erase. One delivery has not had its effect on Dan, and schedules and a
    # campaign might have made a send meanwhile.
    assert [one.partition("}")[2].rstrip("'") for one in while_it_waits] == ["open", ":inbox"]
    assert (waits.finished_at, waits.deliveries, waits.messages) == (None, 1, 3)
    assert left(store) == []
    assert done.finished_at
    assert set(done.erased) == set(KINDS) - {"timers"}
    assert find_erasure(store, done.id) == replace(done, names=frozenset())


def test_everybody_else_keeps_everything(sender: WorkerContext, store: Store, meta: Meta) -> None:
    live(sender, meta)
    before = conversation(store, BOB)
    counters = raw(store).hgetall(f"{PREFIX}count")

    erase(store)

    after = conversation(store, BOB)
    assert [one.record for one in after.traces] == [one.record for one in before.traces]
    assert after.contact == before.contact
    assert sends_of(after) == sends_of(before)
    origins = [one.kept_event.origin for one in after.traces if one.kept_event]
    events = [one.kept_event.event for one in after.traces if one.kept_event]
    assert origins == ["redacted"] * 3
    assert [one.text for one in events if isinstance(one, Message)] == ["bob"] * 3
    assert raw(store).hgetall(f"{PREFIX}count") == counters
    (campaign,) = campaigns.list_campaigns(store, Bodies())
    recipients = iter_recipients(store, Bodies(), campaign)
    assert [(one.phone, state.cell) for one, state in recipients] == [
        ("", "cancelled"), (BOB, "waiting"),
    ]  # fmt: skip
    assert raw(store).zrange(f"{PREFIX}schedules", 0, -1) == [b"c"]
    assert raw(store).keys("gw:celery:celery-task-meta-*") == [b"gw:celery:celery-task-meta-bobs"]
    assert any(BOB in one for one in planned_to(store))


def test_what_meta_delivers_again_is_not_answered_again(
    sender: WorkerContext, store: Store
) -> None:
    body = from_zoe(said("1"))
    keep(store, body)
    take_effect(sender, Rules())
    assert erase(store).finished_at

    keep(store, body)
    take_effect(sender, Rules())

    assert planned(store) == []
    assert find_contact(store, NUMBER, ZOE).version == ""


def test_messages_that_wait_are_never_posted(
    sender: WorkerContext, store: Store, meta: Meta
) -> None:
    hello = {"to": f"+{ZOE}", "text": "hi", "type": None}
    ask(sender, {"to": BOB, "text": "hi"}, {**hello, "when_closed": "wait"})
    open_window(store, BOB)
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())

    assert erase(store).finished_at
    for priority in PRIORITIES:
        outbound.pump(NUMBER, priority)

    assert [one["to"].removeprefix("+") for one in meta.posted] == [BOB]


def test_a_campaign_goes_on_without_a_recipient_who_was_erased(
    sender: WorkerContext, store: Store
) -> None:
    invite(store)
    (campaign,) = campaigns.list_campaigns(store, Bodies())

    erase(store)
    erase(store, BOB)
    expand(store, Bodies(), read(store, campaign))

    assert cells(store, campaign) == {"cancelled": 2}
    assert planned_to(store) == []


def test_a_message_that_is_being_posted_ends_first(sender: WorkerContext, store: Store) -> None:
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())
    (attempt,) = sender.lanes(NUMBER).pump([], 9).attempts

    waits = erase(store)
    accepted = Outcome(attempt.send, attempt.ordinal, "accepted", wamid="wamid.out")
    sender.lanes(NUMBER).pump([accepted], 0)
    done = go_on(store, waits)

    assert (waits.messages > 0, waits.finished_at) == (True, None)
    assert raw(store).exists(f"{PREFIX}wamid:wamid.out") == 0
    assert done.finished_at
    assert left(store) == []


def test_only_what_one_number_has_is_erased_where_that_is_asked_for(
    sender: WorkerContext, store: Store
) -> None:
    other = "100000000000099"
    keep(store, from_zoe(said("1")), delivery_body(said("2"), number=other))
    take_effect(sender, Rules())

    assert erase(store, numbers=[other]).finished_at

    assert find_contact(store, NUMBER, ZOE).name == "Zebedea"
    assert find_contact(store, other, ZOE).version == ""
    assert not any(other in one for one in left(store))


def test_a_customer_is_erased_by_any_of_their_names(sender: WorkerContext, store: Store) -> None:
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())

    assert erase(store, ZOE_ID).finished_at

    assert left(store) == []


def test_who_wanted_no_marketing_gets_none_after_they_were_erased(
    sender: WorkerContext, store: Store, meta: Meta
) -> None:
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())
    opt_out(store)
    assert erase(store).finished_at
    assert left(store) == []

    open_window(store, BOB)
    offer = {"text": "an offer", "marketing": True}
    ask(sender, {"to": BOB, **offer}, {"to": ZOE, **offer})
    for priority in PRIORITIES:
        outbound.pump(NUMBER, priority)
    keep(store, from_zoe(said("2")))
    take_effect(sender, Rules())

    assert [one["to"].removeprefix("+") for one in meta.posted] == [BOB]
    # She is a new customer, who still wants no marketing.
    contact = find_contact(store, NUMBER, ZOE)
    assert (contact.tags, contact.opted_out_at is not None) == (("vip",), True)


def test_who_opts_in_again_and_is_erased_again_has_no_opt_out(
    sender: WorkerContext, store: Store
) -> None:
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())
    opt_out(store)
    erase(store)
    keep(store, from_zoe(said("2")))
    take_effect(sender, Rules())
    opt_out(store, opts_out=False)

    erase(store)

    assert find_contact(store, NUMBER, ZOE).opted_out_at is None
    assert raw(store).hkeys(f"{PREFIX}opted_out") == [b"salt"]


def test_an_erasure_that_is_asked_for_again_is_the_same(
    sender: WorkerContext, store: Store
) -> None:
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())
    first = eraser(store).begin(ZOE, None)

    assert eraser(store).begin(ZOE_ID, None) == first
    assert erase(store).id == first.id
    assert eraser(store).begin(ZOE, None).id != first.id


def test_an_export_has_all_that_is_stored_of_a_customer_and_of_nobody_else(
    sender: WorkerContext, store: Store, meta: Meta
) -> None:
    live(sender, meta)
    numbers = number_list.numbers(store)

    parts = write_export(store, sender.bodies, ZOE, numbers, server_time(store))
    text = b"".join(parts).decode()
    found = orjson.loads(text)

    (contact,) = found["contacts"]
    assert (contact["name"], contact["variables"]) == ("Zebedea", {"said": "a marked text"})
    items = [item for one in found["deliveries"] for item in one["items"]]
    # Five deliveries of Meta, and the answer of a service.
    assert sum("a marked text" in str(one) for one in items) == 6
    assert {rule["rule"] for one in found["records"] for rule in one["fired"]} >= {"colour"}
    texts = [str(one["body"]) for one in found["messages"]]
    assert sum("Zebedea said a marked text" in one for one in texts) == 3
    kinds = {one["kind"] for one in found["others"]}
    assert kinds == {
        "calls", "campaigns", "dead_letters", "forwards", "notifications", "schedules"
    }  # fmt: skip
    assert not any(word in text for word in (BOB, DAN, "Hello Bob"))
    assert found["complete"] is True


def test_a_tick_goes_on_with_an_erasure_that_nobody_works_on(
    sender: WorkerContext, store: Store
) -> None:
    keep(store, from_zoe(said("1")))
    take_effect(sender, Rules())
    begun = eraser(store).begin(ZOE, None)

    run_tick(sender)

    done = find_erasure(store, begun.id)
    assert done
    assert done.finished_at
    assert left(store) == []


def test_an_erasure_that_meets_damage_stops_no_tick_and_no_other_erasure(
    sender: WorkerContext, store: Store
) -> None:
    keep(store, from_zoe(said("1")), delivery_body(said("bob1", "bob", BOB)))
    take_effect(sender, Rules())
    raw(store).delete(f"{PREFIX}contact:{ZOE}")
    raw(store).set(f"{PREFIX}contact:{ZOE}", "no contact")
    stuck, other = (eraser(store).begin(one, None) for one in (ZOE, BOB))

    with capture_logs() as logs:
        run_tick(sender)

    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["erasure_failed"]
    assert ZOE not in str(logs)
    found = [find_erasure(store, one.id) for one in (stuck, other)]
    assert [one.finished_at is not None for one in found if one] == [False, True]


class DyingError(Exception):
    """The process ends here."""


class DyingStore(Store):
    """A store whose process ends after so many round trips, before the next."""

    lives = 0

    def _live(self) -> None:
        self.lives -= 1
        if self.lives < 0:
            raise DyingError

    def run(self, command: Any) -> Any:
        self._live()
        return super().run(command)

    def call_many(self, calls: Any) -> Any:
        self._live()
        return super().call_many(calls)


STEPS = pytest.mark.parametrize(
    "first", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 9))]
)


@STEPS
def test_whoever_goes_on_after_a_death_between_any_two_steps_erases_the_rest(
    sender: WorkerContext, store: Store, meta: Meta, first: int
) -> None:
    live(sender, meta)
    repair(store)
    take_effect(sender, Rules())
    world, lives = dump(store), 3 + first
    while dies_after(sender, store, lives):
        begun = read_open(store)
        waits = go_on(store, begun[0]) if begun else erase(store)
        done = waits if waits.finished_at else go_on(store, waits)
        assert (left(store), done.finished_at is not None) == ([], True), lives
        restore(store, world)
        lives += 9
    assert lives > 40


def dies_after(at_work: WorkerContext, store: Store, lives: int) -> bool:
    """Erase in a process that ends after so many steps; say whether it did not come to the end."""
    dying = DyingStore(at_work.settings.redis_url)
    dying.lives = lives
    try:
        begun = eraser(dying).begin(ZOE, None)
        eraser(dying).run(budget_s=60, only=begun.id)
    except DyingError:
        raw(store).delete(LOCK)  # which runs out by itself
        return True
    finally:
        dying.close()
    return False
