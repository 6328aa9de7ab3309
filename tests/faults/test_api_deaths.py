"""kill -9 of a web process between any two steps of a request: each key becomes one message."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gateway.core.api.schedules.schedule import Schedule, firing_id
from gateway.store import keys
from gateway.store.api.schedules.book import ScheduleBook
from gateway.store.api.schedules.rows import ScheduleChange, write_schedules
from gateway.store.body_codec import Bodies
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER
from tests.support.faults.dying_process import TAKEN
from tests.support.faults.dying_stack import HaltedStack
from tests.support.faults.ledger import stages
from tests.support.servers import Server, wait_until

pytestmark = pytest.mark.faults
KEY = "a-key-of-the-environment"
AT_ONCE = 20
HELLO: dict[str, Any] = {"template": {"name": "order_sent", "language": "en"}}
STEPS = ("load.before", "load.after", "accept.before", "accept.after", "ring.before", "ring.after")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaltedStack]:
    folder = tmp_path_factory.mktemp("requests")
    server = Server(folder / "valkey").start()
    env = {"GATEWAY_API_KEYS": KEY, "GATEWAY_LOG_LEVEL": "warning"}
    made = HaltedStack(folder, server, **env)
    made.start("sandbox", "web", "outbound", "inbound", "beat")
    yield made
    made.stop()
    server.kill()


def insist(stack: HaltedStack, name: str, to: str, **more: Any) -> str:
    """Ask with one key until the request is accepted, as a client would; return the id."""
    message = {"to": to, "template": {"name": "order_sent", "language": "en"}, **more}
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": name}
    ids: list[str] = []

    def accepted() -> bool:
        try:
            answer = httpx.post(f"{stack.api}/v1/messages", json=message, headers=headers)
        except httpx.HTTPError:
            return False
        if answer.status_code == 202:
            ids.append(answer.json()["id"])
        return answer.status_code == 202

    wait_until(accepted, f"{name} is accepted")
    return ids[0]


@pytest.mark.parametrize("step", STEPS)
def test_a_web_process_killed_at_any_step_loses_and_doubles_no_request(
    stack: HaltedStack, step: str
) -> None:
    turn = STEPS.index(step)
    named = {f"{step}.{i}": f"+35191{turn:02}{i:05}" for i in range(AT_ONCE)}
    stack.ask("web", step)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        first = [pool.submit(insist, stack, name, to) for name, to in named.items()]
        stack.run(stack.dies("web", step))
        ids = [one.result() for one in first]
    again = [insist(stack, name, to) for name, to in named.items()]

    assert again == ids
    assert len(set(ids)) == AT_ONCE
    wait_until(lambda: posts(stack, ids).keys() == set(ids), "each is posted")
    wait_until(stack.idle, "nothing waits")
    assert posts(stack, ids) == dict.fromkeys(ids, 1)
    assert "new" not in stages(stack).values()


@pytest.mark.parametrize("step", ["tick.before", "tick.after"])
def test_scheduled_messages_survive_the_death_of_the_worker_that_moves_them(
    stack: HaltedStack, step: str
) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=3)
    at = due_at.isoformat()
    to = f"+35190{step == 'tick.after':d}"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [
            pool.submit(insist, stack, f"{step}.{i}", f"{to}{i:06}", send_at=at)
            for i in range(AT_ONCE)
        ]
        ids = [one.result() for one in asked]
    # So that the tick which dies is the one that moves them, or the one right before.
    nearly = due_at - timedelta(seconds=0.2)
    wait_until(lambda: datetime.now(UTC) >= nearly, "they are nearly due")
    stack.ask("inbound", step)
    stack.bury("inbound", step)

    wait_until(lambda: posts(stack, ids).keys() == set(ids), "each is posted")
    wait_until(stack.idle, "nothing waits")
    assert posts(stack, ids) == dict.fromkeys(ids, 1)


SENDING = ("bell.after", "take.after", "post.after", "settle.after", "take.before", "settle.before")
SAME = {one: pytest.mark.long for one in SENDING if one.endswith("before")}


@pytest.mark.parametrize(
    "step", [pytest.param(one, marks=SAME[one]) if one in SAME else one for one in SENDING]
)
def test_a_sender_killed_at_any_step_doubles_no_message_and_each_doubt_is_on_record(
    stack: HaltedStack, step: str
) -> None:
    turn = SENDING.index(step)
    named = {f"sender.{step}.{i}": f"+35193{turn:02}{i:05}" for i in range(AT_ONCE)}
    stack.ask("outbound", step)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ids = list(pool.map(lambda one: insist(stack, *one), named.items()))
    stack.bury("outbound", step)

    wait_until(lambda: accounted_for(stack, ids) == set(ids), "each was posted or is in doubt")
    stack.settle()
    assert max(posts(stack, ids).values(), default=0) <= 1
    # A doubt is settled by evidence: none is posted again.
    assert accounted_for(stack, ids) == set(ids)


def accounted_for(stack: HaltedStack, ids: list[str]) -> set[str]:
    """Return the messages that Meta was posted, or that are on record as in doubt."""
    kept = stages(stack)
    return {one for one in ids if kept.get(one) == "unconfirmed"} | posts(stack, ids).keys()


# Beat's tick, and the safety net of each worker, let schedules send.
KINDS = ("inbound", "outbound")
FIRING = (
    "due_schedules.before", "due_schedules.after", "write_schedules.before",
    "write_schedules.after", "ring.before",
)  # fmt: skip
ALSO = {one: pytest.mark.long for one in FIRING if one.endswith("before")}


@pytest.mark.parametrize(
    "step", [pytest.param(one, marks=ALSO[one]) if one in ALSO else one for one in FIRING]
)
def test_schedules_survive_the_death_of_the_worker_that_lets_them_send(
    stack: HaltedStack, step: str
) -> None:
    store = Store(stack.server.url)
    book = ScheduleBook(store, Bodies())
    now = book.now()
    # Half an hour away, so that nothing but the moment below comes.
    cron = f"{(now.minute + 30) % 60} * * * *"
    turn = FIRING.index(step)
    for i in range(AT_ONCE):
        message = {"to": f"+35192{turn:02}{i:05}", "from": NUMBER, **HELLO}
        made = book.create([], NUMBER, f"{step}.{i}", Schedule(cron, "UTC", message), now)
        assert made == "written"
    for kind in KINDS:
        stack.ask(kind, step)
    ids = make_due(store, book, [f"{step}.{i}" for i in range(AT_ONCE)])
    bury_first(stack, step)

    wait_until(lambda: posts(stack, ids).keys() == set(ids), "each is posted")
    wait_until(stack.idle, "nothing waits")
    store.close()
    assert posts(stack, ids) == dict.fromkeys(ids, 1)


def bury_first(stack: HaltedStack, step: str) -> None:
    """Wait until whichever worker looks first died at a step, and start it again."""

    def died() -> list[str]:
        return [kind for kind in KINDS if (stack.steps / f"{kind}.{step}{TAKEN}").exists()]

    wait_until(lambda: bool(died()), f"a worker comes to {step}")
    for kind in KINDS:
        (stack.steps / f"{kind}.{step}").unlink(missing_ok=True)
    for kind in died():
        stack.bury(kind, step)


def make_due(store: Store, book: ScheduleBook, names: list[str]) -> list[str]:
    """Let this moment be the next one of schedules; return the ids of their sends."""
    at, ids = book.now(), []
    changes = []
    for name in names:
        stored = book.find([NUMBER], name)
        assert stored
        progress = replace(stored.progress, next_at=at)
        changes.append(ScheduleChange(name, stored.version, progress))
        ids.append(firing_id(name, at))
    assert set(write_schedules(store, Bodies(), NUMBER, changes)) == {"written"}
    return ids


def posts(stack: HaltedStack, ids: list[str]) -> Counter[str]:
    """Return how often Meta was posted each of these messages."""
    sent = (one["callback"].partition(".")[0] for one in stack.posted())
    return Counter(one for one in sent if one in ids)


@pytest.mark.parametrize(
    "step", [pytest.param("note_news.before", marks=pytest.mark.long), "note_news.after"]
)
def test_sends_of_a_paused_template_survive_the_death_of_the_worker_that_hears_of_it(
    stack: HaltedStack, step: str
) -> None:
    name = step.replace(".", "_")
    form = {"languages": {"en": "APPROVED"}, "components": [{"type": "BODY", "text": "Hi"}]}
    stack.client.post(f"{stack.meta_url}/sandbox/templates", json={name: form}).raise_for_status()

    stack.ask("inbound", step)
    review(stack, name, "PAUSED")
    stack.bury("inbound", step)
    wait_until(lambda: name in _stopped(stack), "the pause is known")
    template = {"name": name, "language": "en"}
    ids = [insist(stack, f"{name}.{i}", f"+3519300{i:05}", template=template) for i in range(5)]
    wait_until(lambda: {stages(stack)[one] for one in ids} == {"parked"}, "all wait")
    review(stack, name, "REINSTATED")
    wait_until(lambda: posts(stack, ids).keys() == set(ids), "each is posted")
    wait_until(stack.idle, "nothing waits")

    assert posts(stack, ids) == dict.fromkeys(ids, 1)


def review(stack: HaltedStack, name: str, status: str) -> None:
    """Let Meta give the template another status, as it does by itself."""
    path = f"{stack.meta_url}/sandbox/templates/{name}/en"
    stack.client.post(path, json={"status": status}).raise_for_status()


def _stopped(stack: HaltedStack) -> str:
    client = Store(stack.server.url).redis
    found: Any = client.hkeys(f"{keys.templates('')}stopped")
    return " ".join(one.decode() for one in found)
