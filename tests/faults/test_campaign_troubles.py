"""Campaigns through what stops them for a while: they say why, go on, and lose nobody."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from gateway.core.sending.send import BULK
from gateway.store import keys
from gateway.store.campaigns.next_look import LOOKS
from tests.support.factories import NUMBER
from tests.support.faults.campaigns import KEY, PENDING, TroubledCampaigns
from tests.support.faults.elapsed_time import end_lane_waits
from tests.support.faults.ledger import PREFIX
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.faults
TEMPLATE = {"spring": {"category": "marketing", "languages": {"en": "APPROVED"}}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("troubles")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, GATEWAY_LOG_LEVEL="warning", GATEWAY_API_KEYS=KEY)
    made.start("sandbox", "web", "inbound", "outbound", "beat", sandbox={"templates": TEMPLATE})
    yield made
    made.stop()
    server.kill()


@pytest.fixture
def people(request: pytest.FixtureRequest) -> int:
    """Return where the people of a test begin: nobody gets two campaigns."""
    tests = [one for one in request.session.items if one.path == request.node.path]
    return 10_000 * (1 + tests.index(request.node))


@pytest.fixture
def client(stack: Stack) -> Iterator[Any]:
    with redis.Redis.from_url(stack.server.url) as opened:
        yield opened


def ask_sandbox(stack: Stack, path: str, **body: Any) -> None:
    stack.client.post(f"{stack.meta_url}/sandbox/{path}", json=body).raise_for_status()


@pytest.mark.long
def test_reach_that_is_used_up(stack: Stack, client: Any, people: int) -> None:
    troubled = TroubledCampaigns(stack, 40, people)
    troubled.start()
    troubled.has_posted(1)
    client.set(f"{PREFIX}reach", "20")
    with troubled.sampled():
        troubled.waits_for("reach")
        assert 20 <= troubled.posts().total() < 40
        client.set(f"{PREFIX}reach", "TIER_2K")  # as Meta raises it
        client.delete(LOOKS)  # the minute passes until it is looked at again
        troubled.completes()

    troubled.assert_each_once_or_in_doubt()
    assert troubled.posts().total() == 40


@pytest.mark.long
def test_a_limit_that_only_meta_knows(stack: Stack, client: Any, people: int) -> None:
    ask_sandbox(stack, "faults", error={"code": 131048, "times": 1})
    troubled = TroubledCampaigns(stack, 20, people)
    troubled.start(pace=100)
    with troubled.sampled():
        troubled.is_paused_for(131048)
        troubled.resume()
        troubled.waits_for("number_rests")
        client.hset(f"{PREFIX}tokens", "rest", 0)  # an hour later
        troubled.completes()

    troubled.assert_each_once_or_in_doubt()
    assert troubled.posts().total() == 20


def test_a_template_that_is_paused_and_reinstated(stack: Stack, people: int) -> None:
    troubled = TroubledCampaigns(stack, 40, people)
    troubled.start(stop={"unconfirmed": 100, "codes": False})
    troubled.has_posted(5)
    with troubled.sampled():
        ask_sandbox(stack, "templates/spring/en", status="PAUSED")
        troubled.waits_for("template")
        before = troubled.posts().total()
        ask_sandbox(stack, "templates/spring/en", status="APPROVED")
        troubled.completes()

    assert before < 40
    troubled.assert_each_once_or_in_doubt()
    assert troubled.posts().total() == 40


@pytest.mark.long
def test_a_number_that_is_paused_below_five_campaigns_and_a_store_that_restarts(
    stack: Stack, client: Any, people: int
) -> None:
    ask_sandbox(stack, "faults", error={"code": 131042, "times": 1_000})
    troubled = TroubledCampaigns(stack, 20, people)
    troubled.start(5)
    with troubled.sampled():
        troubled.waits_for("number_paused")
        stack.server.kill()
        stack.server.start()
        stack.client.delete(f"{stack.meta_url}/sandbox/faults").raise_for_status()
        client.hset(f"{PREFIX}stops", "probe_at", 1)
        troubled.completes()

    troubled.assert_each_once_or_in_doubt()


@pytest.mark.long
def test_a_sender_that_is_frozen_past_its_lease(stack: Stack, client: Any, people: int) -> None:
    ask_sandbox(stack, "faults", slow={"seconds": 2, "times": 9})
    troubled = TroubledCampaigns(stack, 20, people)
    troubled.start(pace=100)
    troubled.has_posted(4)
    frozen = stack.programs["outbound"]
    with troubled.sampled():
        os.killpg(frozen.pid, signal.SIGSTOP)
        try:
            end_lane_waits(client)
            stack.run("outbound#2")

            def is_over() -> bool:
                # The minute passes for which wake-ups count that it has taken with it.
                client.delete(keys.number_bell(NUMBER, BULK))
                return not any(troubled.cells()[one] for one in PENDING)

            # What it had in hand is in doubt until statuses say that Meta had it.
            wait_until(is_over, "nobody waits for the one that is frozen")
        finally:
            os.killpg(frozen.pid, signal.SIGCONT)
        troubled.completes()

    troubled.assert_each_once_or_in_doubt()
    wait_until(lambda: troubled.posts().total() == 20, "the late answers are kept")
