"""Ten thousand captured deliveries, replayed to another gateway, give the same records there."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.store import keys
from gateway.store.body_codec import Bodies
from gateway.store.inbox.inbox import Inbox
from gateway.store.redis.client import Store
from tests.support.factories import NUMBER, delivery_body, message_item, status_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
CONTACTS, EACH = 200, 10
DELIVERIES, POSTED = CONTACTS * EACH, 500
RULES = """\
version: 1
rules:
  - name: welcome
    when: {first_contact: yes}
    then: "Hello!"
  - name: stop
    when: {text: stop}
    then: [opt_out, "Done."]
  - name: echo
    when: {text: {starts_with: say}}
    then: "{{ text }}"
"""


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[tuple[Stack, Stack]]:
    """Start two gateways whose sends wait: one that has it all, and one that has nothing yet."""
    with ExitStack() as left:
        stacks = []
        for name, kinds in (("old", ["inbound"]), ("new", ["web", "inbound"])):
            # What a disk takes is not what is looked at here.
            server = Server(tmp_path / name / "valkey", appendfsync="no").start()
            left.callback(server.kill)
            stacks.append(Stack(tmp_path / name, server, RULES).start(*kinds))
            left.callback(stacks[-1].stop)
        yield stacks[0], stacks[1]


def bodies() -> Iterator[bytes]:
    """Make what Meta posts: messages, each tenth one twice, statuses, and what nobody can read."""
    for i in range(DELIVERIES):
        contact, nth = divmod(i, EACH)
        phone = f"3519{contact:08d}"
        match nth:
            case 3:
                yield delivery_body(statuses=[status_item(f"wamid.s{i}", "read", to=phone)])
            case 5:
                yield delivery_body(message_item(f"wamid.{i - 1}", "say 4", phone))
            case 7:
                yield delivery_body(message_item(f"wamid.{i}", "stop", phone))
            case 8:
                yield b"\xff" + str(i).encode()
            case _:
                yield delivery_body(message_item(f"wamid.{i}", f"say {nth}", phone))


def keep_all(stack: Stack) -> None:
    """Put everything into an inbox, as fast as it takes it."""
    store = Store(stack.server.url)
    inbox, left = Inbox(store, Bodies()), list(bodies())
    while left:
        inbox.replay(left[:64])
        del left[:64]
    store.close()


def idle(stack: Stack) -> bool:
    """Say whether nothing waits in the inbox."""
    store = Store(stack.server.url)
    waiting = sum(one.waiting for one in Inbox(store, Bodies()).partition_states())
    store.close()
    return not waiting


def records(stack: Stack) -> Mapping[str, Any]:
    """Return all records by id, without what says when and where they were made."""
    store = Store(stack.server.url)
    client: Any = store.redis
    prefix = f"{keys.number(NUMBER)}record:".encode()
    names = list(client.scan_iter(prefix + b"*", count=1000))
    found = {}
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        for name, row in zip(part, client.mget(part), strict=True):
            told = orjson.loads(row)
            for own in ("delivery", "planned"):
                told.pop(own)
            found[name.decode()] = told
    store.close()
    return found


def run(stack: Stack, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=os.environ | stack.env, capture_output=True, text=True, cwd=stack.folder
    )


def gateway(stack: Stack, *args: str) -> subprocess.CompletedProcess[str]:
    return run(stack, str(ROOT / ".venv/bin/gateway"), *args)


@pytest.mark.long
def test_a_replay_of_thousands_of_deliveries_reproduces_the_same_records(
    stacks: tuple[Stack, Stack],
) -> None:
    old, new = stacks
    keep_all(old)
    old.ring()
    wait_until(lambda: idle(old), "all is worked off")

    captured = gateway(old, "capture", "kept.jsonl")
    assert f"{DELIVERIES:,} deliveries written." in captured.stderr
    # The oldest over HTTP, as Meta posts; then all of it into the inbox, where these are known.
    file = str(old.folder / "kept.jsonl")
    script = run(new, str(ROOT / "scripts/replay"), "post", file, "--to", f"{new.url}/webhook",
                 "--limit", str(POSTED), "--concurrency", "8", "--json")  # fmt: skip
    assert script.returncode == 0, script.stderr
    assert orjson.loads(script.stdout)["by_status"]["200"]["count"] == POSTED
    wait_until(lambda: idle(new), "what was posted is worked off")

    sent = gateway(new, "replay", "apply", file, "--yes")
    assert sent.returncode == 0, sent.stderr
    assert f"{DELIVERIES:,} deliveries put into the inbox" in sent.stdout
    wait_until(lambda: idle(new), "all is worked off again")

    before = records(old)
    assert len(before) == 7 * CONTACTS
    assert records(new) == before
