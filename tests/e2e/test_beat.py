"""Beat's schedule lives in the store; two beats do no harm, and one takes over from the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from gateway.store import keys
from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
SCHEDULE = f"{keys.BEAT_PREFIX}:schedule"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server)
    yield made
    made.stop()
    server.kill()


def test_the_schedule_is_in_the_store_with_all_its_entries(stack: Stack) -> None:
    stack.run("beat")

    wanted = {
        "process-scheduled-messages",
        "sweep-waiting",
        "watch",
        "canary",
        "cleanup-expired-sessions",
        "fetch-templates",
    }

    with redis.Redis.from_url(stack.server.url, decode_responses=True) as client:
        # Beat writes them one by one.
        wait_until(lambda: client.zcard(SCHEDULE) >= len(wanted), "the schedule is kept")
        kept = {str(name).rpartition(":")[2] for name in client.zrange(SCHEDULE, 0, -1)}
    assert kept == wanted


def test_a_second_beat_takes_over_when_the_first_is_killed(stack: Stack) -> None:
    stack.start("sandbox", "web", "inbound", "outbound", "beat#1", "beat#2")
    holders = ("beat#1", "beat#2")

    def leading() -> list[str]:
        return [n for n in holders if "beat_leads" in stack.programs[n].said()]

    wait_until(lambda: bool(leading()), "one beat leads")
    assert len(leading()) == 1
    stack.programs[leading()[0]].kill()

    wait_until(lambda: len(leading()) == 2, "the other beat took over")


def test_the_sweep_finds_what_nobody_was_rung_for(stack: Stack) -> None:
    stack.start("sandbox", "web")
    stack.post(delivery_body(message_item("wamid.swept", "color")))
    with redis.Redis.from_url(stack.server.url) as client:
        wait_until(lambda: client.llen("gw:celery:default") == 1, "a bell was rung")
        client.delete("gw:celery:default")  # the bell is lost, as kombu loses one in a kill

    stack.start("inbound", "outbound", "beat")

    wait_until(lambda: len(stack.posted()) == 1, "the reply is posted")
    assert stack.metrics()['gateway_sweep_rang_total{what="inbox"}'] >= 1
