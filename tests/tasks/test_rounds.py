"""One loop serves all numbers of a process: fairly, with few threads, and losing nothing."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from gateway.accounts.source import AccountsSource
from gateway.core.sending.send import REPLY
from gateway.graph.messages import Graph
from gateway.store import keys
from gateway.store.monitoring import alert_store
from gateway.store.redis.client import Call, Store, StoreUnavailableError
from tasks import outbound
from tasks.context import WorkerContext
from tasks.processes.post_concurrency import SENDS_AT_ONCE
from tasks.processes.served_numbers import Sender
from tasks.sending import attempts, send_rounds
from tests.support import owed_sends
from tests.support.servers import wait_until
from tests.support.store.raw import now_ms
from tests.support.tasks.fake_graph import Meta, Reply, a_meta
from tests.support.tasks.worker_state import counted, raw, rung

pytestmark = pytest.mark.store
CRITICAL = 4  # `celery -Q critical -c 4`


@pytest.fixture
def meta() -> Iterator[Meta]:
    with a_meta() as running:
        running.answer = took
        yield running


def took(body: Any) -> Reply:
    return 200, {"messages": [{"id": f"wamid.{body['to']}"}]}


@pytest.fixture
def sender(
    at_work: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerContext]:
    """Hold what a worker holds, with Meta there, and patience for a machine that is busy."""
    graph = Graph(meta.url, total_s=60)
    monkeypatch.setattr(at_work, "graph", graph)
    yield at_work
    graph.close()


@pytest.fixture
def calm(sender: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> WorkerContext:
    """Let each number have a pace that holds it up."""
    slow = sender.settings.model_copy(update={"meta_messages_per_second": 5})
    monkeypatch.setattr(sender, "accounts", AccountsSource(slow))
    return sender


def owe(store: Store, number: str, sends: int, name: str = "s") -> None:
    """Let a number owe templates to customers whose names begin with its own."""
    owed_sends.owe(store, number, sends, name, number)


def accepted(store: Store, numbers: Sequence[str]) -> int:
    return sum(counted(store, "sends.accepted", number) for number in numbers)


class Pool:
    """The threads of a worker process, and the bells that come back to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads = ThreadPoolExecutor(CRITICAL, thread_name_prefix="celery")
        self.open = True
        self.done: list[Future[None]] = []
        monkeypatch.setattr(outbound, "ring_numbers", lambda _, wanted: self.ring_all(wanted))
        monkeypatch.setattr(send_rounds, "ring_number", lambda _, *wanted: self.ring_all([wanted]))

    def ring_all(self, wanted: Sequence[tuple[str, str]]) -> None:
        for number, rank in wanted:
            if self.open:
                self.done.append(self.threads.submit(outbound.pump, number, rank))

    def close(self) -> None:
        self.open = False
        self.threads.shutdown()
        for one in self.done:
            one.result()


@pytest.fixture
def pool(sender: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    made = Pool(monkeypatch)
    yield made
    made.close()


def sent_within_s(store: Store, pool: Pool, numbers: Sequence[str], each: int) -> float:
    """Send what some numbers owe, and return how long it took."""
    for number in numbers:
        owe(store, number, each)
    began = time.monotonic()
    pool.ring_all([(number, REPLY) for number in numbers])
    wait_until(lambda: accepted(store, numbers) == each * len(numbers), "all of it is sent", 120)
    return time.monotonic() - began


def test_a_quiet_number_waits_for_no_others_tokens(
    calm: WorkerContext, meta: Meta, pool: Pool
) -> None:

    def slowly(body: Any) -> Reply:
        time.sleep(0.1)
        return took(body)

    meta.answer = slowly
    busy = [f"busy{i}" for i in range(24)]
    owe(calm.store, "quiet", 1)
    waited: list[float] = []

    def rings() -> None:
        wait_until(lambda: accepted(calm.store, busy) > 100, "the others are busy")
        began = time.monotonic()
        pool.ring_all([("quiet", REPLY)])
        wait_until(lambda: accepted(calm.store, ["quiet"]) == 1, "it is sent")
        waited.append(time.monotonic() - began)

    quiet = threading.Thread(target=rings)
    quiet.start()
    few = sent_within_s(calm.store, pool, [f"few{i}" for i in range(CRITICAL)], 25)
    many = sent_within_s(calm.store, pool, busy, 25)
    quiet.join(180)

    # With a thread for each number they would take six times as long as those that had one each.
    assert many < 4 * few
    assert waited[0] < many / 2


@pytest.mark.parametrize("numbers", [2, 200])
def test_more_numbers_take_no_more_threads(
    sender: WorkerContext, meta: Meta, pool: Pool, monkeypatch: pytest.MonkeyPatch, numbers: int
) -> None:
    at_work: list[str] = []
    most: list[tuple[int, int]] = []
    serve = outbound.serve

    def counting(worker: WorkerContext) -> None:
        at_work.append("serves")
        serve(worker)
        at_work.pop()

    def count(body: Any) -> Reply:
        posting = [one for one in threading.enumerate() if one.name.startswith("post")]
        most.append((len(at_work), len(posting)))
        return took(body)

    monkeypatch.setattr(outbound, "serve", counting)
    meta.answer = count
    sent_within_s(sender.store, pool, [f"n{i}" for i in range(numbers)], 800 // numbers)

    # One serves, and one more may see to its last answers or be about to.
    assert max(serving for serving, _ in most) <= 2
    assert max(posting for _, posting in most) <= SENDS_AT_ONCE + 1


def test_a_number_whose_posts_hang_leaves_room_for_the_others(
    sender: WorkerContext, meta: Meta, pool: Pool
) -> None:
    answers = threading.Event()

    def hang(body: Any) -> Reply:
        if body["to"].startswith("+hangs"):
            answers.wait(180)
        return took(body)

    meta.answer = hang
    owe(sender.store, "hangs", SENDS_AT_ONCE + 50)
    owe(sender.store, "well", 300)
    pool.ring_all([("hangs", REPLY)])
    wait_until(lambda: len(meta.in_hand) == SENDS_AT_ONCE // 2, "it has all that it may have")

    pool.ring_all([("well", REPLY)])
    wait_until(lambda: accepted(sender.store, ["well"]) == 300, "the other sends")

    assert len(meta.in_hand) == SENDS_AT_ONCE // 2
    answers.set()
    wait_until(lambda: accepted(sender.store, ["hangs"]) == SENDS_AT_ONCE + 50, "it goes on")


def test_who_rings_while_others_wait_for_their_last_answers_is_served(
    sender: WorkerContext, meta: Meta, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rounds, "SLICE_S", 0.1)
    answers = threading.Event()

    def hang(body: Any) -> Reply:
        if body["to"].startswith("+hangs"):
            answers.wait(180)
        return took(body)

    meta.answer = hang
    owe(sender.store, "hangs", 1)
    first = pool.threads.submit(outbound.pump, "hangs", REPLY)
    wait_until(lambda: not sender.sender.is_relieved and bool(meta.in_hand), "its slice is over")

    owe(sender.store, "well", 3)
    pool.ring_all([("well", REPLY)])
    wait_until(lambda: accepted(sender.store, ["well"]) == 3, "the other sends")

    first.result(180)  # relieved, though its own post is on its way still
    assert len(meta.in_hand) == 1
    answers.set()
    wait_until(lambda: accepted(sender.store, ["hangs"]) == 1, "it is settled")


def test_a_number_that_is_handed_over_at_the_last_moment_is_rung_for(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = sender.sender.close
    serves: list[bool] = []

    def late() -> None:
        serves.append(sender.sender.hand_over("late", REPLY))
        close()

    monkeypatch.setattr(Sender, "close", lambda _: late())
    before = rung(sender.store, "critical")
    owe(sender.store, "early", 1)

    outbound.pump("early", REPLY)

    assert serves == [False]  # it left everything to the one that was about to close
    assert rung(sender.store, "critical") == before + 1
    monkeypatch.undo()
    assert sender.sender.hand_over("late", REPLY)


def test_many_who_hand_over_at_once_leave_nothing_behind(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rounds, "SLICE_S", 0.02)
    numbers = [f"n{i}" for i in range(CRITICAL)]

    def one_by_one(number: str) -> None:
        for i in range(30):
            owe(sender.store, number, 1, f"s{i}x")
            outbound.pump(number, REPLY)

    with ThreadPoolExecutor(CRITICAL) as threads:
        list(threads.map(one_by_one, numbers))

    left = [number for number in numbers if accepted(sender.store, [number]) < 30]
    assert all(raw(sender.store).exists(keys.number_bell(one, REPLY)) for one in left)
    monkeypatch.setattr(send_rounds, "SLICE_S", 2.0)
    for number in left:
        outbound.pump(number, REPLY)
    assert accepted(sender.store, numbers) == 30 * len(numbers)
    assert len(meta.posted) == 30 * len(numbers)


def test_a_slot_that_is_away_holds_up_no_other_and_loses_no_outcome(
    sender: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = threading.Event()
    lost = keys.number("lost")

    def partly(calls: Sequence[Call]) -> list[Any]:
        if not away.is_set():
            return Store.call_many(sender.store, calls)
        here = [call for call in calls if call.prefix != lost]
        answers = iter(Store.call_many(sender.store, here))
        gone = StoreUnavailableError("ConnectionError")
        return [gone if call.prefix == lost else next(answers) for call in calls]

    def answer(body: Any) -> Reply:
        if body["to"].startswith("+lost"):
            away.set()
        return took(body)

    monkeypatch.setattr(sender.store, "call_many", partly)
    meta.answer = answer
    owe(sender.store, "lost", 1)
    owe(sender.store, "well", 1)
    pumping = threading.Thread(target=outbound.pump, args=("lost", REPLY))
    pumping.start()
    wait_until(away.is_set, "it was posted")

    owe_by_hand(sender, "well", 30)
    outbound.pump("well", REPLY)
    wait_until(lambda: accepted(sender.store, ["well"]) == 31, "the other goes on")
    assert accepted(sender.store, ["lost"]) == 0
    away.clear()
    pumping.join(180)

    assert accepted(sender.store, ["lost"]) == 1
    assert len(meta.posted) == 32


def owe_by_hand(sender: WorkerContext, number: str, sends: int) -> None:
    other = Store(sender.settings.redis_url)
    owe(other, number, sends, "m")
    other.close()


@pytest.mark.parametrize(
    ("owner", "name", "stages"),
    [
        ("graph", "post_message", {"accepted": 9, "unconfirmed": 1}),
        ("attempts", "preflight_refusal", {"accepted": 9, "queued": 1}),
        ("attempts", "alert_on_throttling", {"accepted": 10}),
    ],
    ids=["while it posts", "before it posts", "after it was posted"],
)
def test_an_error_in_one_attempt_is_its_own(
    sender: WorkerContext,
    meta: Meta,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
    name: str,
    stages: Any,
) -> None:
    owe(sender.store, "n", 10)
    where: Any = sender.graph if owner == "graph" else attempts
    whole = getattr(where, name)
    failed: list[str] = []

    def act(*given: Any, **named: Any) -> Any:
        if not failed:
            failed.append(name)
            raise KeyError(name)
        return whole(*given, **named)

    monkeypatch.setattr(where, name, act)
    monkeypatch.setattr("random.random", lambda: 0.999)

    outbound.pump("n", REPLY)

    client = raw(sender.store)
    rows = [client.hget(key, "stage") for key in client.keys(f"{keys.number('n')}send:*")]
    assert {stage: rows.count(stage.encode()) for stage in stages} == stages
    assert counted(sender.store, "sends.raised", "n") == 1


def test_what_is_damaged_is_counted_and_an_alert(sender: WorkerContext, meta: Meta) -> None:
    owe(sender.store, "n", 3)
    (key, *_) = sorted(raw(sender.store).keys(f"{keys.number('n')}send:*"))
    raw(sender.store).delete(key)
    raw(sender.store).set(key, "x")
    (_, other, _) = sorted(raw(sender.store).keys(f"{keys.number('n')}send:*"))
    raw(sender.store).hset(other, "row", "{")

    outbound.pump("n", REPLY)

    noted = alert_store.active_alerts(sender.store, now_ms(sender.store))
    assert accepted(sender.store, ["n"]) == 1
    assert {(one.cause.kind, one.cause.detail) for one in noted.values()} == {
        ("damaged", "lane"), ("damaged", "send"),
    }  # fmt: skip
    assert counted(sender.store, "sends.damaged", "n") == 2
    assert counted(sender.store, "sends.dead", "n") == 1


def test_a_slice_rings_for_every_number_that_has_more(
    calm: WorkerContext, meta: Meta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_rounds, "SLICE_S", 0.3)
    numbers = [f"n{i}" for i in range(5)]
    for number in numbers:
        owe(calm.store, number, 40)
    for number in numbers[1:]:
        calm.sender.hand_over(number, REPLY)
    calm.sender.close()  # nobody serves yet
    before = rung(calm.store, "critical")

    outbound.pump(numbers[0], REPLY)

    assert rung(calm.store, "critical") == before + 5
