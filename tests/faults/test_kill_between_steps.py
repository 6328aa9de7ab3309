"""kill -9 between any two steps of the way through: each reply once, and in order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
import redis

from gateway.store import keys
from tests.chaos.gateway import SANDBOX
from tests.support.faults.dying_stack import (
    Fate,
    HaltedStack,
    Talk,
    deliver,
    fates,
    out_of_order,
    stories,
)
from tests.support.faults.elapsed_time import end_confirm_waits
from tests.support.faults.fault_proxy import SOUND, Fault, Relay, relay
from tests.support.faults.ledger import stages
from tests.support.servers import Server, wait_until

pytestmark = pytest.mark.faults

PROCESSES = ("sandbox", "web", "inbound#1", "inbound#2", "outbound", "beat")
# In the order of ARCHITECTURE.md. "half" is in the middle of one call's scripts.
STEPS = (
    "web: keep.before",
    "web: keep.half",
    "web: keep.after",
    "web: ring.before",
    "web: ring.after",
    "inbound: bell.before",
    "inbound: bell.after",
    "inbound: lease.before",
    "inbound: lease.half",
    "inbound: lease.after",
    "inbound: load.before",
    "inbound: load.after",
    "inbound: list.before",
    "inbound: list.after",
    "inbound: commit.before",
    "inbound: commit.half",
    "inbound: commit.after",
    "inbound: ring.before",
    "inbound: ring.after",
    "inbound: pass.before",
    "inbound: pass.half",
    "inbound: pass.after",
    # What comes after a death is worked off with care, and there may be one more.
    "inbound: load.after, hold_in_hand.before",
    "inbound: load.after, hold_in_hand.after",
    "inbound: commit.half, commit.before",
    "inbound: commit.half, commit.after",
    "inbound: tick.before",
    "inbound: tick.after",
    "beat: ring.before",
    "beat: ring.after",
)
STEPS_OF_SENDERS = (
    "bell.before",
    "bell.after",
    "take.before",
    "take.after",
    "post.before",
    "post.after",
    "settle.before",
    "settle.after",
)


# A death before a step that follows another one's end is a death after that one.
SAME_AS_THE_STEP_BEFORE = {
    "web: ring.before",
    *(f"inbound: {step}.before" for step in ("lease", "load", "list", "commit", "ring", "pass")),
    *(f"{step}.before" for step in ("take", "post", "settle")),
}


def shortened(steps: Sequence[str]) -> list[Any]:
    """Leave the deaths that others stand for to the long run."""
    return [
        pytest.param(step, marks=pytest.mark.long) if step in SAME_AS_THE_STEP_BEFORE else step
        for step in steps
    ]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaltedStack]:
    folder = tmp_path_factory.mktemp("steps")
    server = Server(folder / "valkey").start()
    env = {"GATEWAY_LOG_LEVEL": "warning", "GATEWAY_UNCONFIRMED": "always"}
    yield HaltedStack(folder, server, **env)
    server.kill()


@pytest.fixture(scope="module")
def statuses(stack: HaltedStack) -> Iterator[Relay]:
    """Start all, with a wire between Meta and the door on which statuses can be held up."""
    with relay(stack.web_port) as wire:
        sandbox = SANDBOX | {"webhook_url": f"http://127.0.0.1:{wire.port}/webhook"}
        stack.start(*PROCESSES, sandbox=sandbox)
        yield wire
        stack.stop()


@pytest.fixture
def talk(stack: HaltedStack, statuses: Relay) -> Talk:
    """Begin conversations of which nobody has heard, and a new page in Meta's log."""
    stack.client.delete(f"{stack.meta_url}/sandbox/log")
    with redis.Redis.from_url(stack.server.url) as client:
        return Talk(int(client.incr("talks")))


@pytest.mark.parametrize("steps", shortened(STEPS))
def test_a_kill_at_any_step_loses_and_doubles_nothing(
    stack: HaltedStack, talk: Talk, steps: str
) -> None:
    kind, _, names = steps.partition(": ")
    if "list" in steps:
        start_anew(stack, "inbound#1", "inbound#2")

    asked = names.split(", ")
    stack.ask(kind, asked[0])
    with ThreadPoolExecutor(1) as beside:
        answers = beside.submit(deliver, stack, talk.bodies([0, 1]))
        for step, then in pairwise([*asked, ""]):
            stack.bury(kind, step, then=then, for_good="hold_in_hand" in then)
        assert answers.result() == {200}
    assert deliver(stack, talk.regrouped([0, 1]) + talk.bodies([2])) == {200}
    stack.settle()

    assert_right(stack, talk, lambda one: one.done)


@pytest.mark.parametrize("step", shortened(STEPS_OF_SENDERS))
def test_a_sender_killed_at_any_step_doubles_nothing_and_every_doubt_is_on_record(
    stack: HaltedStack, talk: Talk, statuses: Relay, step: str
) -> None:
    statuses.fault = Fault(frozen=True)  # Whoever comes next must do without a word from Meta.
    stack.ask("outbound", step)
    assert deliver(stack, talk.bodies([0, 1])) == {200}
    dead = stack.dies("outbound", step)
    held = attempting(stack)
    stack.let_leases_end("outbound", of_bells="bell" not in step)
    stack.run(dead)

    wait_until(lambda: not held & attempting(stack), "the next sender finds what was in hand")
    statuses.fault = SOUND
    assert deliver(stack, talk.regrouped([0, 1]) + talk.bodies([2])) == {200}
    stack.settle()

    assert_right(stack, talk, lambda one: one.done or one.in_doubt)


@pytest.mark.parametrize("step", ["resend.before", "resend.after"])
def test_a_kill_around_the_operators_again_posts_once_more_at_most(
    stack: HaltedStack, talk: Talk, step: str
) -> None:
    talk = Talk(talk.number, messages=1)
    stack.ask("outbound", "post.before")
    assert deliver(stack, talk.bodies([0])) == {200}
    stack.bury("outbound", "post.before")
    stack.settle()
    doubts = [send for send, one in fates(stack, talk).items() if one.in_doubt]
    assert doubts
    # A tick that is late on a busy machine is run by the safety net of any worker.
    kinds = ("inbound", "outbound")
    for kind in kinds:
        stack.ask(kind, step)

    with redis.Redis.from_url(stack.server.url) as client:
        end_confirm_waits(client)
    stack.bury_whoever_came(kinds, step)

    wait_until(lambda: all(one.done for one in fates(stack, talk).values()), "all are posted once")


@pytest.mark.usefixtures("statuses")
def test_beat_goes_on_after_its_deaths(stack: HaltedStack) -> None:
    with redis.Redis.from_url(stack.server.url) as client:
        client.delete(f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep")
        wait_until(
            lambda: client.exists(f"{keys.LAST_RUN}tick", f"{keys.LAST_RUN}sweep") == 2, "both run"
        )


def assert_right(stack: HaltedStack, talk: Talk, right: Callable[[Fate], bool]) -> None:
    found = fates(stack, talk)
    wrong = [send for send, one in found.items() if not right(one)]
    assert not wrong, f"{[found[one] for one in wrong]}\n{stories(stack, talk, wrong)}"
    assert out_of_order(stack, talk) == []


def attempting(stack: HaltedStack) -> set[str]:
    return {send for send, stage in stages(stack).items() if stage == "attempting"}


def start_anew(stack: HaltedStack, *names: str) -> None:
    """Let processes be ones that have done nothing yet."""
    for name in names:
        stack.programs[name].kill()
        stack.let_leases_end(name.partition("#")[0])
        stack.run(name)
