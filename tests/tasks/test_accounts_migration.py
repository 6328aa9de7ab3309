"""A store of one account goes on when the accounts stand in a file, and goes on on the way back."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.accounts.account import AppSecret
from gateway.core.dead_letters.filter import DeadLetterFilter
from gateway.core.sending.pauses import NumberPauses
from gateway.core.sending.send import REPLY
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.record import pack_header
from gateway.store.planning.contacts import find_contact
from gateway.store.redis.client import Store
from gateway.store.sending import pauses
from gateway.store.server.inspection import check_server
from gateway.store.server.ownership import claim_store
from tasks import inbound, outbound
from tasks.context import WorkerContext
from tests.support.accounts import TestAccount, write_accounts
from tests.support.factories import ANA, delivery_body, message_item
from tests.support.servers import Server
from tests.support.tasks.fake_graph import Meta, a_meta, accept, refuse
from tests.support.tasks.worker_process import a_worker_process
from tests.support.tasks.worker_state import planned

pytestmark = pytest.mark.store

NUMBER = "1001"
SECRET = "the one app's secret"
SHOP = TestAccount(
    "shop", [NUMBER, "1002"], "501", more="rules: rules.yaml\ndefault: yes", secret=SECRET
)
CLINIC = TestAccount("clinic", ["2001"], "502", more="rules: rules.yaml")
RULES = """\
version: 1
rules:
  - {name: again, when: {tags: met}, then: Welcome back.}
  - {name: first, then: [Hello., {tag: met}]}
"""
Worker = Callable[[], AbstractContextManager[WorkerContext]]


@dataclass(frozen=True)
class Side:
    """A gateway before or after the change: its worker, and the account of its deliveries."""

    worker: Worker
    account: str


@dataclass(frozen=True)
class Change:
    """One change of the configuration, beside the same store and the same Meta."""

    before: Side
    after: Side
    store: Store
    meta: Meta

    def keep(self, side: Side, wamid: str) -> None:
        """Keep a message of one customer, as the web process of that side would."""
        body = delivery_body(message_item(wamid), number=NUMBER)
        header = pack_header("meta", AppSecret.of(SECRET.encode()).id, side.account)
        prefix = keys.partition(partition_of(body))
        self.store.call("keep", prefix, header, Bodies().pack(body))

    def answer(self, side: Side, wamid: str) -> None:
        """Let that side's worker plan the answer to a message."""
        self.keep(side, wamid)
        inbound.drain.run()

    @property
    def pauses(self) -> NumberPauses:
        return pauses.pauses_by_number(self.store, [NUMBER])[NUMBER]


def variables_of(url: str, meta: Meta, rules: Path) -> dict[str, str]:
    """Return the environment of a gateway with one account."""
    return {
        "REDIS_URL": url,
        "META_GRAPH_URL": meta.url,
        "META_APP_SECRET": SECRET,
        "META_VERIFY_TOKEN": "the verify token",
        "META_ACCESS_TOKEN": "EAA-one",
        "META_PHONE_NUMBER_ID": NUMBER,
        "GATEWAY_INSTALLATION": "fleet",
        "GATEWAY_RULES": str(rules),
    }


def worker_of(env: dict[str, str]) -> Worker:
    @contextmanager
    def run() -> Iterator[WorkerContext]:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"):
                patch.delenv(name, raising=False)
            with a_worker_process(patch, env) as made:
                claim_store(made.store, made.settings.installation)
                yield made

    return run


@pytest.fixture(params=["to a file", "and back"])
def change(
    request: pytest.FixtureRequest, server: Server, store: Store, tmp_path: Path
) -> Iterator[Change]:
    (tmp_path / "rules.yaml").write_text(RULES)
    with a_meta() as meta:
        one = variables_of(server.url, meta, tmp_path / "rules.yaml")
        several = write_accounts(tmp_path, [SHOP, CLINIC]) | {
            "REDIS_URL": server.url,
            "META_GRAPH_URL": meta.url,
        }
        sides = [Side(worker_of(one), ""), Side(worker_of(several), "shop")]
        before, after = sides if request.param == "to a file" else reversed(sides)
        yield Change(before, after, store, meta)


def test_the_store_stays_ours(change: Change) -> None:
    for side in (change.before, change.after):
        with side.worker() as ctx:
            assert check_server(ctx.store, 0, ctx.settings.installation).fatal == ()


def test_customers_stay_known(change: Change) -> None:
    with change.before.worker():
        change.answer(change.before, "wamid.1")
        written_at = find_contact(change.store, NUMBER, ANA).last_inbound_at

    with change.after.worker():
        assert find_contact(change.store, NUMBER, ANA).last_inbound_at == written_at
        change.answer(change.after, "wamid.2")

    assert planned(change.store, NUMBER) == ["Hello.", "Welcome back."]


def test_a_message_that_was_answered_is_not_answered_again(change: Change) -> None:
    with change.before.worker():
        change.answer(change.before, "wamid.1")

    with change.after.worker():
        change.answer(change.after, "wamid.1")

    assert planned(change.store, NUMBER) == ["Hello."]


def test_a_delivery_that_waits_is_answered(change: Change) -> None:
    change.keep(change.before, "wamid.1")

    with change.after.worker():
        inbound.drain.run()

    assert planned(change.store, NUMBER) == ["Hello."]


def test_a_reply_that_waits_is_sent_within_its_window(change: Change) -> None:
    with change.before.worker():
        change.answer(change.before, "wamid.1")

    with change.after.worker() as ctx:
        outbound.pump(NUMBER, REPLY)
        number = ctx.accounts.current().number(NUMBER)

    assert number
    assert change.meta.texts() == ["Hello."]
    assert change.meta.tokens == [f"Bearer {number.credentials.token}"]


def test_a_paused_number_stays_paused_until_meta_takes_a_probe(change: Change) -> None:
    change.meta.answer = refuse(190, 401)
    with change.before.worker():
        change.answer(change.before, "wamid.1")
        outbound.pump(NUMBER, REPLY)
        paused = change.pauses.pause

    with change.after.worker():
        change.meta.answer = accept
        outbound.pump(NUMBER, REPLY)
        assert (len(change.meta.posted), change.pauses.pause) == (1, paused)
        assert paused

        pauses.probe_now(change.store, [NUMBER], None)
        outbound.pump(NUMBER, REPLY)

    assert change.meta.texts() == ["Hello.", "Hello."]
    assert change.pauses.pause is None


def test_a_held_number_stays_held(change: Change) -> None:
    with change.before.worker():
        change.answer(change.before, "wamid.1")
        pauses.hold(change.store, [NUMBER], "", "stocktaking")

    with change.after.worker():
        outbound.pump(NUMBER, REPLY)
        assert change.meta.posted == []

        pauses.release(change.store, [NUMBER], "")
        outbound.pump(NUMBER, REPLY)

    assert change.meta.texts() == ["Hello."]


def test_a_dead_letter_can_be_redriven(change: Change) -> None:
    change.meta.answer = refuse(131009)
    with change.before.worker():
        change.answer(change.before, "wamid.1")
        outbound.pump(NUMBER, REPLY)

    with change.after.worker():
        (letter,) = dead_letters.iter_dead_letters(change.store, DeadLetterFilter())
        change.meta.answer = accept
        assert dead_letters.redrive(change.store, letter) == "redriven"
        outbound.pump(NUMBER, REPLY)

    assert change.meta.texts() == ["Hello.", "Hello."]
    assert list(dead_letters.iter_dead_letters(change.store, DeadLetterFilter())) == []
