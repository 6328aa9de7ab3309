"""Wires that drop answers, cut requests and freeze: every message has its effect once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faults.fault_proxy import SOUND, Fault, Relay, relay
from tests.support.faults.ledger import asking, at_rest, leased, ledger, reaching
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]
COUNT = 300
CONFIRMED = {"sent", "delivered", "read"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, GATEWAY_LOG_LEVEL="warning")
    yield made
    made.stop()
    server.kill()


@pytest.fixture
def wire(stack: Stack) -> Iterator[Relay]:
    with relay(stack.server.port) as made:
        yield made


def behind(wire: Relay) -> dict[str, str]:
    return {"REDIS_URL": f"redis://127.0.0.1:{wire.port}/0"}


def all_posted_or_in_doubt(stack: Stack, count: int) -> None:
    def accounted() -> bool:
        unconfirmed = stack.metrics()["gateway_unconfirmed_sends"]
        return len(stack.posted()) + unconfirmed >= count

    wait_until(accounted, "every reply is posted or in doubt")
    at_rest(stack)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(after=0.2), id="answers dropped", marks=pytest.mark.long),
        pytest.param(Fault(before=0.2), id="requests cut", marks=pytest.mark.long),
        pytest.param(Fault(before=0.1, after=0.1, delay_s=0.005), id="both, and slow"),
    ],
)
def test_a_bad_wire_to_the_web_process_loses_and_doubles_nothing(
    stack: Stack, wire: Relay, fault: Fault
) -> None:
    count = 2 * COUNT  # many are kept in one round trip, and more than ten have to be cut
    with reaching(stack, **behind(wire)):
        stack.start("sandbox", "web")
    stack.start("inbound", "outbound", "beat")
    wire.fault = fault

    answers = stack.post_all(asking(count))

    wire.fault = SOUND
    all_posted_or_in_doubt(stack, count)
    assert Counter(answers) == {200: count}
    assert wire.seen["dropped"] + wire.seen["before"] > 10
    assert {posts for posts, _ in ledger(stack)} == {1}
    assert ledger(stack).total() == count


def test_a_bad_wire_to_the_workers_loses_and_doubles_nothing(stack: Stack, wire: Relay) -> None:
    stack.start("sandbox", "web", "beat")
    with reaching(stack, **behind(wire)):
        stack.run("inbound")
        stack.run("outbound")
    stack.post_all(asking(50, "w"))
    wait_until(lambda: len(stack.posted()) == 50, "the workers work")
    wire.fault = Fault(before=0.02, after=0.05)

    stack.post_all(asking(COUNT))
    wait_until(lambda: wire.seen["dropped"] > 20, "many answers were dropped")

    wire.fault = SOUND
    all_posted_or_in_doubt(stack, COUNT + 50)
    found = ledger(stack)
    assert found.total() == COUNT + 50
    assert {posts for posts, stage in found if stage not in ("unconfirmed", "dead")} == {1}
    assert {posts for posts, _ in found} <= {0, 1}


@pytest.mark.long  # A frozen worker is in the same place: test_frozen_workers.
def test_a_worker_frozen_out_for_longer_than_its_lease_doubles_nothing(
    stack: Stack, wire: Relay
) -> None:
    stack.start("sandbox", "web", "outbound", "beat")
    with reaching(stack, **behind(wire)):
        stack.run("inbound#1")
    stack.post_all(asking(20, "w"))
    wait_until(lambda: len(stack.posted()) == 20, "the worker works")
    wire.fault = Fault(delay_s=0.1)
    stack.post_all(asking(COUNT))
    wait_until(lambda: leased(stack) > 0, "it holds a partition")
    wire.fault = Fault(frozen=True)
    stack.run("inbound#2")

    wait_until(lambda: len(stack.posted()) == COUNT + 20, "the other worker goes on")
    wire.fault = SOUND

    at_rest(stack)
    assert {posts for posts, _ in ledger(stack)} == {1}
    assert ledger(stack).total() == COUNT + 20


@pytest.mark.parametrize(
    "delay_s", [pytest.param(0, id="fast", marks=pytest.mark.long), pytest.param(0.05, id="slow")]
)
def test_answers_of_meta_that_are_dropped_are_made_up_for_by_statuses(
    stack: Stack, delay_s: float
) -> None:
    with relay(stack.meta_port) as wire:
        with reaching(stack, META_GRAPH_URL=f"http://127.0.0.1:{wire.port}"):
            stack.start()
        wire.fault = Fault(after=0.1, delay_s=delay_s)

        stack.post_all(asking(COUNT))
        wait_until(lambda: len(stack.posted()) == COUNT, "every reply is posted")
        at_rest(stack)

        assert wire.seen["dropped"] > 10
    found = ledger(stack)
    assert found.total() == COUNT
    assert {posts for posts, _ in found} == {1}
    assert {stage for _, stage in found} <= CONFIRMED


def test_requests_to_meta_that_are_cut_are_in_doubt_and_not_repeated(stack: Stack) -> None:
    with relay(stack.meta_port) as wire:
        with reaching(stack, META_GRAPH_URL=f"http://127.0.0.1:{wire.port}"):
            stack.start()
        wire.fault = Fault(before=0.1)

        stack.post_all(asking(COUNT, contacts=COUNT))
        all_posted_or_in_doubt(stack, COUNT)

        cut = wire.seen["before"]
    found = ledger(stack)
    assert cut > 10
    assert found[0, "unconfirmed"] == cut
    assert {posts for posts, stage in found if stage != "unconfirmed"} == {1}


def test_a_wire_to_meta_that_freezes_leaves_doubts_and_doubles_nothing(stack: Stack) -> None:
    with relay(stack.meta_port) as wire:
        with reaching(stack, META_GRAPH_URL=f"http://127.0.0.1:{wire.port}"):
            stack.start()
        stack.post_all(asking(20, "w", contacts=20))
        wait_until(lambda: len(stack.posted()) == 20, "the sender works")
        wire.fault = Fault(frozen=True)
        stack.post_all(asking(40, contacts=40))
        wait_until(lambda: stack.metrics()["gateway_unconfirmed_sends"] > 0, "it gives up waiting")
        wire.fault = SOUND

        all_posted_or_in_doubt(stack, 60)
    found = ledger(stack)
    assert found.total() == 60
    assert {posts for posts, stage in found if stage != "unconfirmed"} == {1}
    assert {posts for posts, _ in found} <= {0, 1}
