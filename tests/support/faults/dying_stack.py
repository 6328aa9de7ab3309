"""A gateway whose processes die at named steps, and conversations that must not suffer from it."""

import signal
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from gateway.core.sending.send import REPLY, send_id
from gateway.store import keys
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.faults.dying_process import REACHED, TAKEN
from tests.support.faults.elapsed_time import (
    end_lane_waits,
    end_outgoing_bells,
    end_outgoing_leases,
    end_partition_leases,
    end_silences,
)
from tests.support.faults.ledger import at_rest, places, stages
from tests.support.servers import Server, wait_until
from tests.support.stack import RULES, Stack

TOLD = frozenset({"sent", "delivered", "read"})


class HaltedStack(Stack):
    """A gateway of which each process can be told at which step to die."""

    def __init__(self, folder: Path, server: Server, rules: str = RULES, **env: str) -> None:
        super().__init__(folder, server, rules, **env)
        self.steps = folder / "steps"
        self.steps.mkdir()

    def command(self, kind: str) -> Sequence[str]:
        given = super().command(kind)
        if kind == "sandbox":
            return given
        return ["-m", "tests.support.faults.dying_process", str(self.steps), kind, *given]

    def ask(self, kind: str, step: str) -> None:
        """Let the next process of this kind that gets to the step die there."""
        (self.steps / f"{kind}.{step}").touch()

    def came_to(self, kind: str, step: str) -> bool:
        """Say whether a process came to the step at which it was told to die."""
        return (self.steps / f"{kind}.{step}{TAKEN}").exists()

    def bury_whoever_came(self, kinds: Sequence[str], step: str) -> None:
        """Wait until a process of some kinds that were all asked died, and start it again."""
        wait_until(lambda: any(self.came_to(kind, step) for kind in kinds), f"one comes to {step}")
        for kind in kinds:
            try:
                (self.steps / f"{kind}.{step}").unlink()
            except FileNotFoundError:  # it was taken, perhaps a moment ago
                self.bury(kind, step)

    def dies(self, kind: str, step: str) -> str:
        """Wait until a process died at the step, and return its name."""
        taken = self.steps / f"{kind}.{step}{TAKEN}"
        try:
            wait_until(lambda: self.came_to(kind, step), f"{kind} comes to {step}")
        finally:  # of a test that fails no other test's process dies
            (self.steps / f"{kind}.{step}").unlink(missing_ok=True)
        taken.unlink()
        ours = [name for name in self.programs if name.partition("#")[0] == kind]
        wait_until(lambda: any(not self.programs[one].alive() for one in ours), "it dies")
        (dead,) = [one for one in ours if not self.programs[one].alive()]
        assert self.programs[dead].process.returncode == -signal.SIGKILL
        return dead

    def bury(self, kind: str, step: str, *, then: str = "", for_good: bool = False) -> None:
        """Wait until a process died at the step, let its leases end, and start it again.

        The next one dies at the step `then`. It is asked to before the leases end, for whoever is
        left may have done all that is to be done with care a moment later.
        """
        dead = self.dies(kind, step)
        if then:
            self.ask(kind, then)
        of_bells = step.partition(".")[0] not in ("bell", "ring")
        self.let_leases_end(kind, of_bells=of_bells, for_good=for_good)
        self.run(dead)

    def let_leases_end(self, kind: str, *, of_bells: bool = True, for_good: bool = False) -> None:
        """Let that be over for which a process which is gone holds what it took.

        `for_good` lets the minute be over as well after which it counts as dead.

        A kill loses bells that were on their way to it. Where they are no matter, let that minute
        be over as well after which the next delivery rings again: the sweep takes seconds. Beat's
        bells are rung again in any case: a tick that the safety net of another worker runs
        meanwhile comes to no step of this kind.
        """
        with redis.Redis.from_url(self.server.url) as client:
            if kind == "inbound":
                end_partition_leases(client, ago_s=61 if for_good else 0)
                client.delete(keys.task_bell("tasks.tick"), keys.task_bell("tasks.sweep"))
                end_outgoing_bells(client)  # which no sweep rings again
            if kind == "outbound":
                end_lane_waits(client)
            if kind == "outgoing":
                end_outgoing_leases(client)
            if kind == "beat":
                client.delete(f"{keys.BEAT_PREFIX}:lock")
            if of_bells:
                client.delete(keys.INBOX_BELL, keys.number_bell(NUMBER, REPLY))

    def reached(self, kind: str) -> set[str]:
        """Return the steps to which working threads of this kind came, without those in halves."""
        return set((self.steps / f"{kind}.{REACHED}").read_text().split())

    def settle(self) -> None:
        """Wait until nothing waits, and let lanes go on behind a send in doubt."""
        with redis.Redis.from_url(self.server.url) as client:
            at_rest(self, 30, lambda: end_silences(client))


@dataclass(frozen=True)
class Talk:
    """Conversations of their own: so many customers, each of whom writes so many messages."""

    number: int
    customers: int = 20
    messages: int = 3

    def bodies(self, messages: Sequence[int]) -> list[list[bytes]]:
        """Return the deliveries of these messages: one each, by customer and in their order."""
        return [
            [delivery_body(self._item(customer, message)) for message in messages]
            for customer in range(self.customers)
        ]

    def regrouped(self, messages: Sequence[int]) -> list[list[bytes]]:
        """Return them once more for half the customers, all that two of them wrote in one delivery.

        What only the first delivery holds is lost where that is lost. Each of these holds what a
        customer wrote from the first message on, so that whichever partition it is planned in, no
        message comes before one that was written earlier.
        """
        pairs = [(one, one + 1) for one in range(0, self.customers // 2, 2)]
        items = [[self._item(one, k) for one in pair for k in messages] for pair in pairs]
        return [[delivery_body(*both)] for both in items]

    def wamid(self, customer: int, message: int) -> str:
        return f"wamid.{self.number}.{customer}.{message}"

    def sends(self) -> dict[str, tuple[int, int]]:
        """Return customer and message by the id of the only reply that is planned for it."""
        return {
            send_id(f"message|{NUMBER}|{self.wamid(customer, message)}", "colour", 0): (
                customer,
                message,
            )
            for customer in range(self.customers)
            for message in range(self.messages)
        }

    def _item(self, customer: int, message: int) -> Any:
        sender = f"3519{self.number:04d}{customer:04d}"
        return message_item(self.wamid(customer, message), "which color?", sender)


def deliver(stack: Stack, conversations: Sequence[Sequence[bytes]]) -> set[int]:
    """Deliver as Meta does, each customer's deliveries one after the other."""
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda bodies: stack.post_all(bodies, 1), conversations)
        return {status for each in answers for status in each}


@dataclass(frozen=True)
class Fate:
    """What became of one reply: where it stands, and how often Meta was posted it."""

    stage: str
    posts: int
    places: int

    @property
    def done(self) -> bool:
        """Say whether Meta had it once and told of it, and nobody is going to do more."""
        return self.stage in TOLD and self.posts == 1 and not self.places

    @property
    def in_doubt(self) -> bool:
        """Say whether it is on record as one that Meta may have had, which it had not."""
        return self.stage == "unconfirmed" and self.posts == 0 and self.places == 1


def fates(stack: Stack, talk: Talk) -> dict[str, Fate]:
    """Return what became of every reply of some conversations."""
    posts = Counter(one["callback"].partition(".")[0] for one in stack.posted())
    kept = stages(stack)
    with redis.Redis.from_url(stack.server.url) as client:
        found = places(client)
    return {send: Fate(kept.get(send, "none"), posts[send], found[send]) for send in talk.sends()}


def out_of_order(stack: Stack, talk: Talk) -> list[int]:
    """Return the customers whose replies Meta was not posted in the order of their messages."""
    sends, said = talk.sends(), defaultdict(list)
    for one in stack.posted():
        if found := sends.get(one["callback"].partition(".")[0]):
            said[found[0]].append(found[1])
    return [customer for customer, told in said.items() if told != sorted(told)]


def stories(stack: Stack, talk: Talk, wrong: Sequence[str]) -> str:
    """Return what `gateway trace` tells of the first few of what went wrong."""
    sends = talk.sends()
    return "\n".join(stack.trace(talk.wamid(*sends[send])) for send in wrong[:3])
