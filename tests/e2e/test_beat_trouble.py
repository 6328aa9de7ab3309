"""Beat outlives whatever happens to its store, and two of them take turns through it."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.store import keys
from tasks.celery_setup.schedule import TASKS
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
LOCK = f"{keys.BEAT_PREFIX}:lock"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server)
    yield made
    made.stop()
    server.kill()


def rings(server: Server) -> Callable[[], bool]:
    """Return whether somebody rings from now on; nobody hears it here, so the queue grows.

    A worker that heard what was rung before would have cleared its bells.
    """
    clear_bells(server)
    before = server.command("LLEN", "gw:celery:scheduled")
    return lambda: server.command("LLEN", "gw:celery:scheduled") > before


def clear_bells(server: Server) -> None:
    server.command("DEL", *(keys.task_bell(task) for task in TASKS))


@dataclass(frozen=True)
class Fault:
    """What is done to the store, and how it is mended."""

    name: str
    begin: Callable[[Server], object]
    end: Callable[[Server], object]


FAULTS = [
    Fault("killed", Server.kill, Server.start),
    Fault(
        "frozen",
        lambda it: it.send_signal(signal.SIGSTOP),
        lambda it: it.send_signal(signal.SIGCONT),
    ),
    Fault(
        "full",
        lambda it: it.command("CONFIG", "SET", "maxmemory", "1mb"),
        lambda it: it.command("CONFIG", "SET", "maxmemory", 0),
    ),
    Fault(
        "replica",
        lambda it: it.command("REPLICAOF", "127.0.0.1", 1),
        lambda it: it.command("REPLICAOF", "NO", "ONE"),
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_beat_waits_for_a_store_in_trouble_and_goes_on_by_itself(
    stack: Stack, fault: Fault
) -> None:
    beat = stack.run("beat")
    wait_until(said(beat, "beat_leads"), "beat leads")

    fault.begin(stack.server)
    wait_until(said(beat, "beat_failing"), "beat tells of it")
    fault.end(stack.server)

    wait_until(rings(stack.server), "beat rings again")
    wait_until(said(beat, "beat_recovered"), "beat tells of that too")
    assert beat.said().count("beat_failing") == beat.said().count("beat_recovered") == 1
    assert beat.said().count("Traceback") == 0
    assert beat.alive()


@pytest.mark.parametrize(
    "fault",
    [FAULTS[0], *(pytest.param(fault, marks=pytest.mark.long) for fault in FAULTS[1:])],
    ids=[fault.name for fault in FAULTS],
)
def test_one_beat_leads_after_the_trouble_and_the_other_takes_over_from_it(
    stack: Stack, fault: Fault
) -> None:
    beats = [stack.run("beat#1"), stack.run("beat#2")]
    wait_until(lambda: any(map(leads, beats)), "one beat leads")
    wait_until(lambda: any(said(one, "beat_stands_by")() for one in beats), "the other has started")

    fault.begin(stack.server)
    wait_until(lambda: all(said(one, "beat_failing")() for one in beats), "both tell of it")
    fault.end(stack.server)
    wait_until(lambda: all(said(one, "beat_recovered")() for one in beats), "both are back")
    wait_until(lambda: sum(map(leads, beats)) == 1, "one of them leads")
    (leader,), (other,) = filter(leads, beats), (one for one in beats if not leads(one))
    leader.kill()

    wait_until(lambda: leads(other), "the other takes over")
    wait_until(rings(stack.server), "it rings")


@pytest.mark.long
def test_a_beat_that_was_frozen_while_another_took_over_stands_by(stack: Stack) -> None:
    first = stack.run("beat#1")
    wait_until(lambda: leads(first), "it leads")
    second = stack.run("beat#2")
    first.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: leads(second), "the other takes over")

    first.process.send_signal(signal.SIGCONT)

    wait_until(said(first, "beat_stands_by"), "the first stands by")
    assert leads(second)


def test_a_beat_that_is_told_to_end_gives_its_turn_back(stack: Stack) -> None:
    first = stack.run("beat#1")
    wait_until(lambda: leads(first), "it leads")

    assert first.stop() == 0

    assert stack.server.command("EXISTS", LOCK) == 0


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_beat_ends_when_it_is_told_to_whatever_its_store_does(stack: Stack, fault: Fault) -> None:
    beat = stack.run("beat")
    wait_until(lambda: leads(beat), "it leads")
    fault.begin(stack.server)
    wait_until(said(beat, "beat_failing"), "beat tells of it")

    assert beat.stop() == 0

    fault.end(stack.server)


def test_beat_waits_for_a_broker_of_its_own_and_goes_on_by_itself(
    tmp_path: Path, stack: Stack
) -> None:
    broker = Server(tmp_path / "broker", appendonly="no").start()
    stack.env["CELERY_BROKER_URL"] = broker.url
    beat = stack.run("beat")
    wait_until(lambda: bool(broker.command("LLEN", "gw:celery:scheduled")), "it rings")

    broker.kill()
    wait_until(said(beat, "beat_failing"), "beat tells of it")
    broker.start()
    clear_bells(stack.server)  # what the broker lost is rung for a minute later, or done by workers

    wait_until(lambda: bool(broker.command("LLEN", "gw:celery:scheduled")), "it rings again")
    wait_until(said(beat, "beat_recovered"), "beat tells of that too")
    assert beat.stop() == 0
    broker.kill()


def said(program: Program, word: str) -> Callable[[], bool]:
    return lambda: word in program.said()


def leads(beat: Program) -> bool:
    """Say whether it has the turn, by the last that it told."""
    return beat.said().rfind("beat_leads") > beat.said().rfind("beat_stands_by")
