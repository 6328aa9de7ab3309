"""What the tests of tasks need: deliveries kept without a web process, and what was planned."""

from collections.abc import Callable
from typing import Any

import orjson

from gateway.accounts.rulebooks import RulesInForce
from gateway.core.contacts.contact import Contact
from gateway.core.dead_letters.deferred_delivery import DeferReason
from gateway.core.events import Event, Message
from gateway.core.messages import text
from gateway.core.planning.decision import Action, Decision, FiredRule, RuleDecider
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.leased_partition import Deferred
from gateway.store.inbox.partitions import partition_of
from gateway.store.redis.client import Store
from tasks.context import WorkerContext
from tasks.inbound import process_batch
from tests.support.factories import NUMBER

PREFIX = keys.number(NUMBER)


class Echo:
    """A rulebook that answers each message with its own text, after what a test does meanwhile."""

    version = "echo"

    def __init__(self, meanwhile: Callable[[Message], None] = lambda _: None) -> None:
        self.meanwhile = meanwhile

    def decide(self, event: Event, contact: Contact, now: object) -> Decision:
        if not isinstance(event, Message):
            return Decision()
        self.meanwhile(event)
        return Decision(
            (FiredRule("echo", "always", (Action("send_text", text(event.text or "")),)),)
        )


def raw(store: Store) -> Any:
    """Return the driver's client, whose answers have types of their own only by its options."""
    return store.redis


def make_due(store: Store) -> None:
    """Let the pauses of everything set aside be over."""
    for index in range(keys.PARTITIONS):
        key = f"{keys.partition(index)}aside"
        for entry in raw(store).zrange(key, 0, -1):
            raw(store).zadd(key, {entry: 0})


def keep(store: Store, *bodies: bytes, bodies_as: Bodies | None = None) -> None:
    """Keep deliveries as the web process would."""
    for body in bodies:
        prefix = keys.partition(partition_of(body))
        store.call("keep", prefix, "meta|0|", (bodies_as or Bodies()).pack(body))


def for_all(at_work: WorkerContext, rulebook: RuleDecider) -> RulesInForce:
    """Let one rulebook answer the numbers of all accounts."""
    accounts = at_work.accounts.current()
    return RulesInForce(accounts, dict.fromkeys(accounts.rule_paths, rulebook))


def take_effect(at_work: WorkerContext, rulebook: RuleDecider) -> Deferred:
    """Give all that waits its effect, pass it, and return what was set aside."""
    aside: dict[str, DeferReason] = {}
    with at_work.inbox.lease() as held:
        batch = held.next_batch()
        while not batch.is_empty:
            late = process_batch(at_work, held, batch, for_all(at_work, rulebook))
            aside |= late
            batch = held.next_batch(late)
    return aside


def planned(store: Store, number: str = NUMBER) -> list[str]:
    """Return the texts that wait to be sent, lane by lane in their order."""
    prefix = keys.number(number)
    texts = []
    for lane in sorted(raw(store).keys(f"{prefix}lane:reply:*")):
        for send in raw(store).zrange(lane, 0, -1):
            row = raw(store).hget(f"{prefix}send:{send.decode()}", "row")
            texts.append(orjson.loads(row)["body"]["text"]["body"])
    return texts


def counted(store: Store, name: str, number: str = NUMBER) -> int:
    found: Any = store.redis.hget(f"{keys.number(number)}count", name)
    return int(found or 0)


def waiting(at_work: WorkerContext) -> int:
    return sum(one.waiting for one in at_work.inbox.partition_states())


def rung(store: Store, queue: str) -> int:
    """Return how many messages wait in one of Celery's queues."""
    return int(store.redis.llen(f"{keys.SPACE}celery:{queue}"))


def pass_time(store: Store, seconds: int) -> None:
    """Let what is told have happened so long ago."""
    for key, row in raw(store).hgetall(keys.TOLD).items():
        told = orjson.loads(row)
        for name in ("since_ms", "until_ms", "next_ms"):
            told[name] = max(0, told[name] - seconds * 1_000)
        raw(store).hset(keys.TOLD, key, orjson.dumps(told))
