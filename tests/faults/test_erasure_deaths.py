"""kill -9 of the process that erases a customer, at any step: others erase the rest."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from gateway.store.erasure.open_erasures import LOCK, read_open
from gateway.store.redis.client import Store
from tests.support.factories import delivery_body, message_item
from tests.support.faults.dying_stack import HaltedStack, deliver
from tests.support.servers import Server, wait_until
from tests.support.store.raw import raw
from tests.support.store.stored_content import find_mentions

pytestmark = pytest.mark.faults
KEY = "a-key-of-the-environment"
STEPS = [
    "erase_sends.before", "erase_sends.after", "erase_delivery.before", "erase_delivery.after",
    "compare_and_swap.before", "compare_and_swap.after", "erase_contact.before",
    "erase_contact.after",
]  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaltedStack]:
    folder: Path = tmp_path_factory.mktemp("erasures")
    server = Server(folder / "valkey").start()
    made = HaltedStack(folder, server, GATEWAY_API_KEYS=KEY, GATEWAY_LOG_LEVEL="warning")
    made.start("web", "inbound", "beat")
    yield made
    made.stop()
    server.kill()


@pytest.fixture(scope="module")
def store(stack: HaltedStack) -> Iterator[Store]:
    opened = Store(stack.server.url)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "step", [STEPS[0], *(pytest.param(one, marks=pytest.mark.long) for one in STEPS[1:])]
)
def test_whatever_step_a_web_process_is_killed_at_ticks_erase_the_rest(
    stack: HaltedStack, store: Store, step: str
) -> None:
    zoe = f"35198765{STEPS.index(step):04}"
    body = delivery_body(message_item(f"wamid.{zoe}", "which color?", zoe))
    assert deliver(stack, [[body]]) == {200}
    wait_until(lambda: has_answer(store, zoe), "an answer to her waits")

    stack.ask("web", step)
    with suppress(httpx.HTTPError):
        headers = {"authorization": f"Bearer {KEY}"}
        httpx.delete(f"{stack.api}/v1/contacts/+{zoe}", headers=headers, timeout=180)
    stack.run(stack.dies("web", step))
    store.delete(LOCK)  # which runs out by itself

    wait_until(lambda: not read_open(store), "the erasure is done")
    assert find_mentions(store, {zoe}, set()) == []


def has_answer(store: Store, name: str) -> bool:
    """Say whether a message to a customer waits."""
    return bool(raw(store).keys(f"gw:*:lane:reply:{name}"))
