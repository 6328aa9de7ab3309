"""Whatever is ready is posted in order, each at most once unless Meta surely had it not."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.accounts.source import AccountsSource
from gateway.core.sending.response import NotConnected, Responded
from gateway.core.sending.send import REPLY, parse_callback_data
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from gateway.store.sending.lanes import Lanes
from tasks import outbound
from tasks.context import WorkerContext, build_context
from tasks.processes import served_numbers as sending
from tasks.processes.post_concurrency import SENDS_AT_ONCE
from tasks.sending import attempts, send_rounds
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.tasks.fake_graph import Meta, Reply, accept, refuse
from tests.support.tasks.worker_state import PREFIX, Echo, counted, keep, raw, rung, take_effect

pytestmark = pytest.mark.store
HALF = SENDS_AT_ONCE // 2  # what a number alone may have on the way


def say(at_work: WorkerContext, *texts: str, to: str = ANA) -> None:
    """Let the gateway owe these texts to a customer."""
    keep(at_work.store, delivery_body(*(message_item(f"in.{to}.{t}", t, to) for t in texts)))
    assert take_effect(at_work, Echo()) == {}


def scripts_run(store: Store) -> int:
    return int(raw(store).info("commandstats")["cmdstat_evalsha"]["calls"])


def accepting(first: Callable[[], object]) -> Callable[..., Responded]:
    """Return what posts instead of a Graph: it does something first, and is always accepted."""

    def post(*_: object) -> Responded:
        first()
        return Responded(200, b'{"messages":[{"id":"wamid.1"}]}')

    return post


def send_of(store: Store, number: int = 0) -> dict[str, str]:
    (key, *_) = sorted(raw(store).keys(f"{PREFIX}send:*"))[number:]
    return {name.decode(): value.decode() for name, value in raw(store).hgetall(key).items()}


def test_the_sends_of_one_lane_go_one_after_another_in_order(
    sender: WorkerContext, meta: Meta
) -> None:
    texts = [f"{i:02}" for i in range(20)]
    say(sender, *texts)

    outbound.pump(NUMBER, REPLY)

    assert meta.texts() == texts
    assert meta.most_of_one == 1
    assert counted(sender.store, "sends.accepted") == 20
    assert raw(sender.store).zcard(f"{PREFIX}ready:reply") == 0


def test_a_send_for_which_no_file_was_left_is_sent_once_there_is_one_and_loses_no_try(
    sender: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [NotConnected("Too many open files", is_local=True)] * 2
    accepted = Responded(200, b'{"messages":[{"id":"wamid.1"}]}')
    monkeypatch.setattr(
        sender.graph, "post_message", lambda *_: answers.pop() if answers else accepted
    )
    say(sender, "one")

    def is_accepted() -> bool:
        outbound.pump(NUMBER, REPLY)
        return counted(sender.store, "sends.accepted") == 1

    wait_until(is_accepted, "it is sent after its rests")
    assert (answers, send_of(sender.store)["attempts"], send_of(sender.store)["spent"]) == (
        [], "3", "2",
    )  # fmt: skip


def test_lanes_do_not_wait_for_each_other(sender: WorkerContext, meta: Meta) -> None:
    together = threading.Barrier(10)

    def at_once(body: Any) -> Reply:
        together.wait(180)
        return accept(body)

    meta.answer = at_once
    for i in range(10):
        say(sender, f"to {i}", to=f"35190000{i:04}")

    outbound.pump(NUMBER, REPLY)

    assert sorted(meta.texts()) == [f"to {i}" for i in range(10)]


def test_one_script_call_takes_and_settles_many(
    sender: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(60)
    monkeypatch.setattr(sender.graph, "post_message", accepting(lambda: together.wait(180)))
    for i in range(60):
        say(sender, f"to {i}", to=f"35190000{i:04}")
    before = scripts_run(sender.store)

    outbound.pump(NUMBER, REPLY)

    assert counted(sender.store, "sends.accepted") == 60
    assert scripts_run(sender.store) - before <= 30


def test_who_has_its_hands_full_rings_for_another_one(
    sender: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []
    done = threading.Event()

    def slow() -> None:
        begun.append(time.monotonic())
        done.wait(180)

    monkeypatch.setattr(sender.graph, "post_message", accepting(slow))
    for i in range(HALF + 1):
        say(sender, f"to {i}", to=f"35190000{i:04}")
    before = rung(sender.store, "critical")
    pumping = threading.Thread(target=outbound.pump, args=(NUMBER, REPLY))

    pumping.start()
    wait_until(lambda: rung(sender.store, "critical") > before, "another pump is rung for")
    wait_until(lambda: len(begun) == HALF, "its hands are full")
    done.set()
    pumping.join(180)

    assert len(begun) == HALF + 1


def test_every_post_carries_the_send_and_its_attempt(sender: WorkerContext, meta: Meta) -> None:
    say(sender, "one")

    outbound.pump(NUMBER, REPLY)

    (body,) = meta.posted
    (key,) = raw(sender.store).keys(f"{PREFIX}send:*")
    send, attempt = parse_callback_data(body.pop("biz_opaque_callback_data"))
    assert key.decode().endswith(f"send:{send}")
    assert attempt == "1"
    assert body == {
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": f"+{ANA}",
        "type": "text", "text": {"body": "one"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "stage"),
    [
        (accept, "accepted"),
        (lambda _: (200, "no message"), "accepted"),
        (refuse(131026), "dead"),
        (refuse(131056), "queued"),
        (refuse(80007), "queued"),
        (refuse(190, 401), "queued"),
        (refuse(131047), "dead"),
        (refuse(131050), "dead"),
        (refuse(131000, 500), "queued"),
        (refuse(999_999, 400), "dead"),
        (refuse(999_999, 503), "queued"),
        (lambda _: (500, "an HTML page"), "unconfirmed"),
        (lambda _: (302, {}), "unconfirmed"),
        (lambda _: None, "unconfirmed"),
    ],
    ids=[
        "accepted", "unreadable 2xx", "permanent", "pair", "account", "token", "window",
        "opted out", "trouble", "unknown 4xx",
        "unknown 5xx", "5xx of a proxy", "redirect", "answer lost",
    ],
)  # fmt: skip
def test_what_meta_says_decides_what_becomes_of_a_send(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch, answer: Any, stage: str
) -> None:
    # The next try is due after a second, not at once: it is not in this pump's slice.
    monkeypatch.setattr("random.random", lambda: 0.999)
    meta.answer = answer
    say(sender, "one")

    outbound.pump(NUMBER, REPLY)

    assert send_of(sender.store)["stage"] == stage
    assert len(meta.posted) == 1
    assert (raw(sender.store).zcard(f"{PREFIX}dead") == 1) is (stage == "dead")


def test_a_number_that_sent_too_fast_waits_in_place_and_goes_on(
    sender: WorkerContext, meta: Meta
) -> None:
    answers = [refuse(130429), accept]
    meta.answer = lambda body: answers.pop(0)(body)
    say(sender, "one")

    outbound.pump(NUMBER, REPLY)

    assert send_of(sender.store)["stage"] == "accepted"
    assert send_of(sender.store)["spent"] == "1"


def test_a_meta_that_cannot_be_reached_costs_an_attempt_and_no_send(at_work: WorkerContext) -> None:
    say(at_work, "one")

    outbound.pump(NUMBER, REPLY)

    assert send_of(at_work.store)["stage"] == "queued"
    assert raw(at_work.store).zscore(f"{PREFIX}ready:reply", ANA) is not None


def test_a_send_whose_answer_was_lost_is_not_posted_again(
    sender: WorkerContext, meta: Meta
) -> None:
    meta.answer = lambda _: None
    say(sender, "one", "two")
    outbound.pump(NUMBER, REPLY)
    meta.answer = accept

    raw(sender.store).zadd(f"{PREFIX}ready:reply", {ANA: 0})  # the silence is over
    outbound.pump(NUMBER, REPLY)

    assert meta.texts() == ["one", "two"]
    assert counted(sender.store, "sends.unconfirmed") == 1
    assert counted(sender.store, "sends.accepted") == 1


def test_a_slice_that_ends_before_the_work_rings_again(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rounds, "SLICE_S", 2.0)
    slow = sender.settings.model_copy(update={"meta_messages_per_second": 10})
    monkeypatch.setattr(sender, "accounts", AccountsSource(slow))
    for i in range(40):
        say(sender, f"{i}", to=f"35190000{i:04}")
    before = rung(sender.store, "critical")

    outbound.pump(NUMBER, REPLY)

    assert 0 < len(meta.posted) <= 25
    assert rung(sender.store, "critical") == before + 1


def test_an_attempt_whose_lease_is_nearly_over_is_not_begun(
    sender: WorkerContext, meta: Meta
) -> None:
    say(sender, "one")
    taken = Lanes(sender.store, NUMBER, 1000).pump([], 1)
    (attempt,) = taken.attempts

    waited = time.monotonic() - attempts.LATEST_START_S - 0.1
    came = attempts.run_attempt(sender, NUMBER, attempt, taken.now, waited)

    assert (came.step, meta.posted) == ("later", [])


@pytest.fixture
def apart(
    tmp_path: Path, at_work: WorkerContext, meta: Meta
) -> Iterator[tuple[Server, WorkerContext]]:
    """A server that a test may kill, with a worker that sends from it."""
    server = Server(tmp_path / "apart").start()
    changes = {"redis_url": server.url, "meta_graph_url": meta.url}
    made = build_context(at_work.settings.model_copy(update=changes))
    yield server, made
    made.post_pool.shutdown()
    made.graph.close()
    made.store.close()
    server.kill()


def hold(monkeypatch: pytest.MonkeyPatch, at_work: WorkerContext, made: WorkerContext) -> None:
    """Let this process hold another worker's parts."""
    for name in (
        "store",
        "inbox",
        "graph",
        "post_pool",
        "_lanes",
        "listed_numbers",
        "settings",
        "sender",
    ):
        monkeypatch.setattr(at_work, name, getattr(made, name))


@pytest.mark.parametrize("slice_s", [2.0, 0.1], ids=["in its slice", "after it"])
def test_what_became_of_a_post_is_settled_when_the_store_is_back(
    at_work: WorkerContext,
    meta: Meta,
    apart: tuple[Server, WorkerContext],
    monkeypatch: pytest.MonkeyPatch,
    slice_s: float,
) -> None:
    server, made = apart
    hold(monkeypatch, at_work, made)
    monkeypatch.setattr(sending, "PATIENCE_S", 0.0)
    monkeypatch.setattr(send_rounds, "SLICE_S", slice_s)
    slow, away = threading.Event(), threading.Event()

    def answer(body: Any) -> Reply:
        if body["text"]["body"] == "fast":
            server.kill()
            away.set()
        else:
            # In the air while the store is found to be away.
            assert away.wait(180)
            slow.wait(1)
        return accept(body)

    meta.answer = answer
    say(made, "fast")
    say(made, "slow", to="351900000002")

    with pytest.raises(StoreUnavailableError):
        outbound.pump(NUMBER, REPLY)
    server.start()
    outbound.pump(NUMBER, REPLY)

    assert [send_of(made.store, i)["stage"] for i in (0, 1)] == ["accepted", "accepted"]
    assert sorted(meta.texts()) == ["fast", "slow"]


def test_what_a_lost_answer_took_is_given_back_before_its_lease_ends(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(sender, "one")
    lost: list[object] = []

    def losing(calls: Sequence[Call]) -> list[Any]:
        answers = Store.call_many(sender.store, calls)
        if [call.script for call in calls] == ["pump"] and not lost:
            lost.append(answers)
            raise StoreUnavailableError("TimeoutError")
        return answers

    monkeypatch.setattr(sender.store, "call_many", losing)

    outbound.pump(NUMBER, REPLY)  # nobody else knows that nothing of it was posted

    assert send_of(sender.store)["stage"] == "accepted"
    assert meta.texts() == ["one"]


def listing(*listed: str) -> Callable[[Any], Reply]:
    """Answer as a test number does that has these phones on its list."""
    return lambda body: accept(body) if body["to"] in listed else refuse(131030)(body)


def test_a_phone_that_is_listed_in_its_other_form_gets_its_message_once(
    sender: WorkerContext, meta: Meta, store: Store
) -> None:
    say(sender, "hi", to="5491123456789")
    meta.answer = listing("+541123456789")

    outbound.pump(NUMBER, REPLY)

    assert [body["to"] for body in meta.posted] == ["+5491123456789", "+541123456789"]
    send = send_of(store)
    assert (send["stage"], send["attempts"]) == ("accepted", "2")
    assert '"code":131030' in send["attempt:1"]
    assert '"other_form":true' in send["attempt:2"]


def test_a_phone_that_is_listed_in_neither_form_is_a_dead_letter(
    sender: WorkerContext, meta: Meta, store: Store
) -> None:
    say(sender, "hi", to="5491123456789")
    meta.answer = listing()

    outbound.pump(NUMBER, REPLY)

    assert len(meta.posted) == 2
    assert send_of(store)["stage"] == "dead"
