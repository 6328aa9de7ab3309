"""Rules are changed under load: nothing is lost, and every answer is of one version."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.core.webhook.event_keys import digest
from gateway.store.monitoring.snapshot import read
from gateway.store.redis.client import Store
from gateway.store.tracing import records
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack
from tests.support.tasks.operator_address import Receiver, a_receiver

pytestmark = pytest.mark.e2e
WITHIN_S = 60.0
PROCESSES = 5  # four that plan and one that sends


def rules(word: str) -> str:
    return f"""\
version: 1
rules:
  - name: colour
    when: {{text: {{contains: color}}}}
    then: ["{word} one", "{word} two"]
"""


@pytest.fixture
def alerts() -> Iterator[Receiver]:
    with a_receiver() as running:
        yield running


@pytest.fixture
def stack(tmp_path: Path, alerts: Receiver) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path, server, rules("old"), GATEWAY_ALERT_URL=alerts.url)
    yield made.start("sandbox", "web", "inbound#1", "inbound#2", "outbound", "beat")
    made.stop()
    server.kill()


@pytest.fixture
def store(stack: Stack) -> Iterator[Store]:
    made = Store(stack.server.url)
    yield made
    made.close()


@contextmanager
def load(stack: Stack) -> Iterator[list[str]]:
    """Deliver message after message, each of a customer of its own, until the block is left."""
    posted: list[str] = []
    over = threading.Event()

    def deliver() -> None:
        while not over.is_set():
            number = len(posted)
            item = message_item(f"wamid.r{number}", "color", f"3519{number:08d}")
            assert stack.post(delivery_body(item)).status_code == 200
            posted.append(item["id"])

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield posted
    finally:
        over.set()
        thread.join()


def in_force(store: Store) -> Counter[tuple[str, bool]]:
    """Count the processes by version, and by whether the files are broken as they see them."""
    found = read(store, 0).rulebooks
    return Counter((one.version, bool(one.problem)) for one in found)


def texts(stack: Stack) -> dict[str, str]:
    """Return what was posted, by the id of its send."""
    return {
        one["callback"].partition(".")[0]: one["body"]["text"]["body"] for one in stack.posted()
    }


def answers(stack: Stack, store: Store, wamids: list[str]) -> set[tuple[str, ...]]:
    """Return which version answered with which texts, over all messages."""
    said, found = texts(stack), set()
    for wamid in wamids:
        record = records.load(store, NUMBER, digest(f"message|{NUMBER}|{wamid}").hex())
        assert record, wamid
        found.add((record.rulebook, *(said[send] for send in record.sends)))
    return found


def test_rules_change_under_load(stack: Stack, store: Store, alerts: Receiver) -> None:
    file = stack.folder / "rules.yaml"
    with load(stack) as delivered:
        wait_until(lambda: in_force(store).total() >= PROCESSES, "all work")
        ((old, _),) = in_force(store)

        rules_file(file, rules("new"))
        wait_until(lambda: (old, False) not in in_force(store), "all have changed", WITHIN_S)
        ((new, _),) = in_force(store)
        wait_until(lambda: "new two" in texts(stack).values(), "the new rules answer")

        file.write_text("version: 1\nrules: [nonsense]\n")
        wait_until(lambda: set(in_force(store)) == {(new, True)}, "all tell it", WITHIN_S)
        wait_until(lambda: ("begun", "rules_broken") in alerts.states, "an alert is posted")
        ready = stack.client.get(f"{stack.api}/readyz").json()
        broken_at = len(delivered)
        wait_until(lambda: len(delivered) > broken_at + 20, "it goes on")
    wait_until(lambda: len(texts(stack)) == 2 * len(delivered), "all are answered")

    assert (ready["ready"], "rules.yaml:2" in ready["warnings"][0]) == (True, True)
    assert answers(stack, store, delivered) == {
        (old, "old one", "old two"),
        (new, "new one", "new two"),
    }


def rules_file(file: Path, written: str) -> None:
    """Put another file in its place, as editors do."""
    file.with_suffix(".new").write_text(written)
    file.with_suffix(".new").replace(file)
