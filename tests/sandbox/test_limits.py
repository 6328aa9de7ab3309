"""Meta's throughput limits refuse the message that is one too many, and fill up with time."""

import pytest

from gateway.sandbox.simulation.policy import Allowance, ThroughputLimits
from tests.support.sandbox.message_bodies import read, text
from tests.support.sandbox.sandbox_app import a_rig

NOW = 1_790_000_000.0


def test_a_burst_is_followed_by_one_message_for_each_interval() -> None:
    limits = ThroughputLimits(messages_per_second=80)

    burst = [limits.take("1", "a", NOW) for _ in range(46)]
    later = [limits.take("1", "a", NOW + 6) for _ in range(2)]

    assert burst[:45] == [None] * 45
    assert [refusal.code for refusal in (burst[45], later[1]) if refusal] == [131056, 131056]
    assert later[0] is None


def test_pairs_of_other_numbers_and_customers_have_their_own_burst() -> None:
    limits = ThroughputLimits(messages_per_second=80)
    for _ in range(45):
        limits.take("1", "a", NOW)

    assert limits.take("1", "b", NOW) is None
    assert limits.take("2", "a", NOW) is None


@pytest.mark.parametrize("rate", [1, 20, 80, 1000])
def test_a_number_sends_its_rate_and_no_more(rate: int) -> None:
    limits = ThroughputLimits(messages_per_second=rate)

    answers = [limits.take("1", str(customer), NOW) for customer in range(rate + 1)]

    assert answers[:-1] == [None] * rate
    assert answers[-1] is not None
    assert answers[-1].code == 130429
    assert limits.take("1", "later", NOW + 1 / rate) is None


def test_a_refused_message_costs_nothing() -> None:
    limits = ThroughputLimits(messages_per_second=1)
    limits.take("1", "a", NOW)
    for _ in range(100):
        limits.take("1", "b", NOW)

    assert limits.take("1", "b", NOW + 1) is None


def test_messages_of_customers_use_throughput_but_never_more_than_a_second_of_it() -> None:
    limits = ThroughputLimits(messages_per_second=10)
    for _ in range(100):
        limits.count_inbound("1", NOW)

    assert limits.take("1", "a", NOW) is not None
    assert limits.take("1", "a", NOW + 0.1) is None


def test_an_allowance_forgets_those_that_are_full_again() -> None:
    allowance = Allowance(every_s=1.0, burst=1)
    for key in range(100_001):
        allowance.spend(key, NOW if key < 100_000 else NOW + 10)

    assert len(allowance._paid_at) == 1


@pytest.mark.anyio
async def test_the_endpoint_refuses_the_pair_that_writes_too_much() -> None:
    async with a_rig() as rig:
        codes = [(await rig.send(text())).status_code for _ in range(46)]
        refused = await rig.log()
        rig.clock.advance(6)
        later = await rig.send(text())

    assert codes == [200] * 45 + [400]
    assert [entry["code"] for entry in refused["refused"]] == [131056]
    assert later.status_code == 200


@pytest.mark.anyio
async def test_read_marks_are_not_counted() -> None:
    async with a_rig(messages_per_second=1) as rig:
        marks = [(await rig.send(read())).status_code for _ in range(5)]
        sent = await rig.send(text())

    assert marks == [200] * 5
    assert sent.status_code == 200


@pytest.mark.anyio
async def test_limits_can_be_switched_off() -> None:
    async with a_rig(enforce_limits=False, messages_per_second=1) as rig:
        codes = [(await rig.send(text())).status_code for _ in range(50)]

    assert codes == [200] * 50
