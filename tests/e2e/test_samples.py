"""Every sample envelope, signed and posted, is kept and becomes events of the expected kinds."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.core.events import Delivery
from gateway.core.webhook.parser import split
from tests.support.factories import NOW, NUMBER
from tests.support.meta_schema import META, needs_meta, problems
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
# What the files hold, counted by hand.
MESSAGES_AND_STATUSES = (36, 7)
CAPTURED = sorted((Path(__file__).parents[1] / "deliveries").glob("*.*"))

# Rules answer anything, however old the sample, so that outbound bodies are seen as well.
RULES = """\
version: 1
defaults: {max_age: 9999d, window_closed: {send_template: sorry, language: en}}
rules:
  - {name: any, then: [typing, ok]}
"""


def our_numbers() -> set[str]:
    """Return the numbers that any sample was sent to, all of which the sandbox has to know."""
    files = [*CAPTURED, *(META / "pywa-updates").glob("*.json")]
    found = (re.findall(rb'"phone_number_id":\s*"(\d+)"', path.read_bytes()) for path in files)
    return {NUMBER, *(one.decode() for numbers in found for one in numbers)}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("samples")
    server = Server(folder / "valkey").start()
    numbers = [{"id": one, "display": "15550001111"} for one in sorted(our_numbers())]
    made = Stack(folder, server, RULES).start(sandbox={"statuses": False, "numbers": numbers})
    yield made
    made.stop()
    server.kill()


def kinds(bodies: list[bytes]) -> Counter[str]:
    """Return how many different events of each kind the bodies hold."""
    events = {
        event.key: event.kind
        for body in bodies
        for event in split(Delivery(id="0:1-0", received_at=NOW, body=body))
    }
    return Counter(events.values())


def counted(stack: Stack) -> Counter[str]:
    found = stack.metrics()
    names = ("message", "status", "notice", "unreadable")
    return +Counter(
        {name: int(found.get(f'gateway_events_total{{kind="{name}"}}', 0)) for name in names}
    )


def posted_samples(stack: Stack, bodies: list[bytes]) -> Counter[str]:
    """Post all, and return what was counted once nothing waits."""
    before = counted(stack)
    assert {stack.post(body).status_code for body in bodies} == {200}
    wanted = before + kinds(bodies)
    wait_until(lambda: counted(stack).total() >= wanted.total(), "all became events")
    wait_until(stack.idle, "nothing waits")
    return counted(stack) - before


def test_our_own_captures_become_the_events_they_hold(stack: Stack) -> None:
    bodies = [path.read_bytes() for path in CAPTURED if path.suffix in (".json", ".bin")]

    counts = posted_samples(stack, bodies)

    assert counts["unreadable"] == kinds(bodies)["unreadable"] > 0
    assert counts["message"] == kinds(bodies)["message"] > 10


def told_apart(i: int, envelope: Any) -> bytes:
    """Give a sample ids and customers of its own.

    Shared ids would make most of them known from the first on, and one customer gets 45 messages at
    once and no more.
    """
    body = json.dumps(envelope).replace('"wamid.', f'"wamid.{i}.')
    for phone in {*re.findall(r'"from": "(\d+)"', body)} - our_numbers():
        body = body.replace(f'"{phone}"', f'"{phone[:-2]}{i:02}"')
    for user in set(re.findall(r'user_id": "([^"]+)"', body)):
        body = body.replace(f'"{user}"', f'"{user}{i:02}"')
    return body.replace('"<BUSINESS_PHONE_NUMBER_ID>"', f'"{NUMBER}"').encode()


@needs_meta
def test_samples_of_others_become_events_and_none_is_unreadable(stack: Stack) -> None:
    samples: dict[str, Any] = {}
    for path in sorted((META / "pywa-updates").glob("*.json")):
        samples |= {f"{path.stem}.{name}": it for name, it in json.loads(path.read_text()).items()}
    bodies = [told_apart(i, envelope) for i, envelope in enumerate(samples.values())]

    counts = posted_samples(stack, bodies)

    assert len(bodies) >= 70
    assert counts["unreadable"] == 0
    assert (counts["message"], counts["status"]) == MESSAGES_AND_STATUSES


@needs_meta
def test_every_body_that_went_out_is_what_metas_schema_describes(stack: Stack) -> None:
    bodies = [one["body"] for one in stack.posted() if "status" not in one["body"]]
    # The description (v23.0) is older than user ids, which are named in `recipient`.
    bodies = [{"to": body.get("recipient"), **body} for body in bodies]

    assert bodies
    assert [problem for body in bodies for problem in problems(body)] == []
