"""Accounts that call different receivers by one name: each event goes to its own account's."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from gateway.core.dead_letters.dead_letter import DeadForward
from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.dead_letters import dead_letters
from gateway.store.inbox.partitions import partition_of
from gateway.store.inbox.record import pack_header
from gateway.store.maintenance.retention import memory_health
from gateway.store.redis.client import Store
from tasks import inbound
from tasks.context import WorkerContext
from tasks.outgoing import forwards as outgoing
from tests.support.accounts import TestAccount, write_accounts
from tests.support.servers import Server, free_port, wait_until
from tests.support.tasks.receiving_application import Application, an_application
from tests.support.tasks.worker_process import a_worker_process
from tests.support.tasks.worker_state import raw

pytestmark = pytest.mark.store
SHOP = TestAccount("shop", ["1001"], "501", more="rules: shop.yaml\ndefault: yes")
CLINIC = TestAccount("clinic", ["2001"], "502", more="rules: clinic.yaml")
WITHOUT_NUMBER = f"{keys.number('')}forwards:crm"


@pytest.fixture
def applications() -> Iterator[list[Application]]:
    with ExitStack() as stack:
        yield [stack.enter_context(an_application()) for _ in range(2)]


@pytest.fixture
def ctx(
    server: Server,
    store: Store,
    applications: list[Application],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[WorkerContext]:
    for account, one in zip((SHOP, CLINIC), applications, strict=True):
        (tmp_path / f"{account.name}.yaml").write_text(
            f"version: 1\nforwards:\n  - to: crm\n    url: http://127.0.0.1:{one.port}/\n"
            "    secret: CRM_SECRET\n    as: meta\n    events: notice\nrules: []\n"
        )
    env = write_accounts(tmp_path, (SHOP, CLINIC)) | {
        "REDIS_URL": server.url,
        "META_GRAPH_URL": f"http://127.0.0.1:{free_port()}",
        "CRM_SECRET": "the-secret-of-both",
    }
    for name in ("META_APP_SECRET", "META_VERIFY_TOKEN", "META_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with a_worker_process(monkeypatch, env) as made:
        yield made


def keep_notice(store: Store, account: TestAccount) -> None:
    """Keep a notice about a template of an account, which belongs to no number."""
    value = {"event": "REJECTED", "message_template_name": f"of {account.name}"}
    change = {"field": "message_template_status_update", "value": value}
    entry = {"id": f"{account.app}0", "time": 1, "changes": [change]}
    body = orjson.dumps({"object": "whatsapp_business_account", "entry": [entry]})
    prefix = keys.partition(partition_of(body))
    store.call("keep", prefix, pack_header("meta", "s1", account.name), Bodies().pack(body))


def names(application: Application) -> list[str]:
    bodies = [orjson.loads(body) for _, body in application.posts]
    return [one["entry"][0]["changes"][0]["value"]["message_template_name"] for one in bodies]


def test_a_notice_goes_to_the_receiver_of_its_own_account(
    ctx: WorkerContext, store: Store, applications: list[Application]
) -> None:
    shops, clinics = applications
    keep_notice(store, SHOP)
    keep_notice(store, CLINIC)
    inbound.drain.run()

    outgoing.forward("")
    wait_until(lambda: not raw(store).zcard(f"{WITHOUT_NUMBER}:waiting"), "all is received")

    assert (names(shops), names(clinics)) == (["of shop"], ["of clinic"])


def test_a_redriven_copy_goes_there_too_although_its_delivery_is_gone(
    ctx: WorkerContext, store: Store, applications: list[Application]
) -> None:
    shops, clinics = applications
    keep_notice(store, SHOP)
    keep_notice(store, CLINIC)
    inbound.drain.run()
    ids = raw(store).zrange(f"{WITHOUT_NUMBER}:waiting", 0, -1)
    raw(store).zadd(f"{WITHOUT_NUMBER}:waiting", dict.fromkeys(ids, 1))

    assert outgoing.bury_overdue(ctx, "", memory_health(store, 0)) == 2
    for index in range(keys.PARTITIONS):
        raw(store).delete(f"{keys.partition(index)}inbox")
    for one in ids:
        letter = dead_letters.find(store, one.decode(), [""], ctx.bodies)
        assert isinstance(letter, DeadForward)
        assert dead_letters.redrive(store, letter) == "redriven"
    outgoing.forward("")
    wait_until(lambda: not raw(store).zcard(f"{WITHOUT_NUMBER}:waiting"), "all is received")

    assert (names(shops), names(clinics)) == (["of shop"], ["of clinic"])
