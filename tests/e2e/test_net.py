"""With beat never started everything still goes out, and soon: the net of the workers does it."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from gateway.core.contacts.consent import opt_out_delivery
from gateway.store import keys
from tests.support.factories import ANA, NUMBER, delivery_body, message_item
from tests.support.faults.held_worker import HELD, RELEASED
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
PREFIX = keys.number(NUMBER)
ASKED = delivery_body(message_item("wamid.1", "color"))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server)
    yield made
    made.stop()
    server.kill()


def led(stack: Stack) -> bool:
    return bool(stack.server.command("EXISTS", keys.SAFETY_NET))


def test_a_refusal_that_passes_is_followed_by_the_next_attempt(stack: Stack) -> None:
    stack.start("sandbox", "web", "inbound", "outbound")
    faults = {"error": {"code": 2, "status": 500, "times": 2}}
    stack.client.post(f"{stack.meta_url}/sandbox/faults", json=faults)

    stack.post(ASKED)

    # Two pauses of up to a second and of up to two, and a look behind each.
    wait_until(lambda: len(stack.posted()) == 1, "the third attempt is accepted")
    assert stack.programs["outbound"].said().count('"step": "later"') == 2


def test_a_bell_for_the_inbox_that_was_lost_is_rung_again(stack: Stack) -> None:
    stack.start("sandbox", "web", "outbound")
    stack.post(ASKED)
    wait_until(lambda: lost(stack, "default"), "a bell was rung, and lost")

    stack.run("inbound")

    wait_until(lambda: len(stack.posted()) == 1, "the reply is posted")


def test_a_bell_for_a_number_that_was_lost_is_rung_again(stack: Stack) -> None:
    stack.start("sandbox", "web", "inbound")
    stack.post(ASKED)
    wait_until(lambda: lost(stack, "critical"), "a bell was rung, and lost")

    stack.run("outbound")

    wait_until(lambda: len(stack.posted()) == 1, "the reply is posted")


def lost(stack: Stack, queue: str) -> bool:
    """Lose the messages of a queue, as kombu loses what a worker had popped when it was killed."""
    return bool(stack.server.command("DEL", f"gw:celery:{queue}"))


def test_a_timer_that_is_due_comes_back_as_an_event(stack: Stack) -> None:
    stack.start("sandbox", "web", "inbound", "outbound", sandbox={"statuses": False})
    stack.post(ASKED)
    wait_until(lambda: len(stack.posted()) == 1, "the number is known")
    told = opt_out_delivery(NUMBER, ANA, "send", 1, datetime.now(UTC))
    with redis.Redis.from_url(stack.server.url) as client:
        due = (datetime.now(UTC) + timedelta(seconds=1)).timestamp() * 1000
        client.hset(f"{PREFIX}timer", "t", told)
        client.zadd(f"{PREFIX}timers", {"t": due})

    wait_until(lambda: stack.worked_off() == 2, "it was worked off")
    assert stack.server.command("EXISTS", f"{PREFIX}timers", f"{PREFIX}timer") == 0


def test_ticks_go_on_while_every_process_of_the_worker_is_busy(stack: Stack) -> None:
    stack.run_python("holding", "-m", "tests.support.faults.held_worker", "2")
    publish = "from tasks.app import app; app.send_task('tests.hold', queue='default')"
    for _ in range(2):
        stack.call_python("-c", publish)
    wait_until(lambda: stack.server.command("LLEN", HELD) == 2, "both processes are busy")

    for _ in range(2):
        stack.server.command("DEL", f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep")
        wait_until(
            lambda: (
                stack.server.command("EXISTS", f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep") == 2
            ),
            "there was a tick and a sweep",
        )
    assert stack.server.command("LLEN", HELD) == 2
    stack.server.command("RPUSH", RELEASED, 1, 1)


def test_another_main_process_goes_on_when_the_one_that_looked_is_killed(stack: Stack) -> None:
    first = stack.run("outbound#1")
    wait_until(lambda: led(stack), "one looks")
    holder = stack.server.command("GET", keys.SAFETY_NET)
    stack.run("outbound#2")

    first.kill()

    wait_until(
        lambda: stack.server.command("GET", keys.SAFETY_NET) not in (None, holder),
        "the other looks",
    )


def test_watch_and_cleanup_are_rung_for_while_no_beat_leads(stack: Stack) -> None:
    stack.run("inbound")

    ran = [f"{keys.LAST_RUN}watch", f"{keys.LAST_RUN}cleanup"]
    wait_until(lambda: stack.server.command("EXISTS", *ran) == 2, "both ran")


@pytest.mark.parametrize("kind", ["inbound", "outbound"])
def test_a_worker_ends_at_once_whatever_its_store_does(
    stack: Stack, tmp_path: Path, kind: str
) -> None:
    broker = Server(tmp_path / "broker", appendonly="no").start()
    stack.env["CELERY_BROKER_URL"] = broker.url
    worker = stack.run(kind)
    wait_until(lambda: led(stack), "it looks")
    stack.server.send_signal(signal.SIGSTOP)
    wait_until(lambda: "loop_failing" in worker.said(), "it finds the store frozen")

    assert worker.stop() == 0

    stack.server.send_signal(signal.SIGCONT)
    broker.kill()


def test_the_net_goes_on_when_the_store_is_back(stack: Stack) -> None:
    worker = stack.run("outbound")
    wait_until(lambda: led(stack), "it looks")
    stack.server.kill()
    wait_until(lambda: "loop_failing" in worker.said(), "it finds the store away")

    stack.server.start()

    wait_until(lambda: "loop_recovered" in worker.said(), "it looks again")
    wait_until(lambda: led(stack), "it has the turn")


def test_a_warm_stop_gives_the_turn_to_the_next(stack: Stack) -> None:
    worker = stack.run("outbound")
    wait_until(lambda: led(stack), "it looks")

    assert worker.stop() == 0

    assert not led(stack)
