"""A day in which Meta pauses a template under a running queue, with real processes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.servers import Server, wait_until
from tests.support.stack import Stack, api_client

pytestmark = pytest.mark.e2e
KEY = "a-key-of-the-environment"
WABA = "102290129340398"
TEMPLATES = {
    "order_sent": {
        "languages": {"en_US": "APPROVED"},
        "components": [{"type": "BODY", "text": "Hello {{1}}, it is on its way."}],
    }
}
PEOPLE = [f"3519{i:08}" for i in range(12)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("templates")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, GATEWAY_API_KEYS=KEY, META_WABA_ID=WABA)
    made.start(
        "sandbox", "web", "inbound", "outbound", "outgoing", "beat",
        sandbox={"templates": TEMPLATES},
    )  # fmt: skip
    yield made
    made.stop()
    server.kill()


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with api_client(stack.api, headers) as client:
        yield client


def review(stack: Stack, status: str) -> None:
    """Let Meta give the template another status, as it does by itself."""
    path = "/sandbox/templates/order_sent/en_US"
    stack.client.post(f"{stack.meta_url}{path}", json={"status": status}).raise_for_status()


def send(api: httpx.Client, person: str) -> str:
    message = {"name": "order_sent", "language": "en_US", "params": ["Ana"]}
    answer = api.post("/v1/messages", json={"to": f"+{person}", "template": message})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def shown(api: httpx.Client, id_: str) -> dict[str, Any]:
    return dict(api.get(f"/v1/messages/{id_}").json())


def posted(stack: Stack) -> Counter[str]:
    """Return how often each person got a template, as the judge saw it."""
    return Counter(one["body"]["to"] for one in stack.posted())


def test_sends_wait_while_the_template_is_paused_and_each_then_goes_once(
    stack: Stack, api: httpx.Client
) -> None:
    api.post("/v1/templates/sync").raise_for_status()
    early = [send(api, person) for person in PEOPLE[:4]]
    wait_until(lambda: sum(posted(stack).values()) == 4, "the first four are sent")

    review(stack, "PAUSED")
    is_known = lambda: "PAUSED" in api.get("/v1/templates").text  # noqa: E731
    wait_until(is_known, "the webhook is in the registry")
    late = [send(api, person) for person in PEOPLE[4:]]
    waits = lambda: all(  # noqa: E731
        (shown(api, one)["waiting_for"] or {}).get("reason") == "template" for one in late
    )
    wait_until(waits, "all others wait for the template")
    assert sum(posted(stack).values()) == 4

    review(stack, "REINSTATED")
    wait_until(lambda: sum(posted(stack).values()) == 12, "all are sent")

    final = {"accepted", "sent", "delivered", "read"}
    assert all(shown(api, one)["status"] in final for one in [*early, *late])
    assert set(posted(stack).values()) == {1}


def test_a_pause_that_no_webhook_told_is_learned_from_the_first_refusal(
    stack: Stack, api: httpx.Client
) -> None:
    stack.client.post(
        f"{stack.meta_url}/sandbox/templates",
        json={"order_sent": TEMPLATES["order_sent"] | {"languages": {"en_US": "PAUSED"}}},
    ).raise_for_status()
    before = sum(posted(stack).values())
    waiting = [send(api, f"351800000{i:03}") for i in range(5)]
    wait_until(
        lambda: all((shown(api, one)["waiting_for"] or {}).get("reason") == "template"
                    for one in waiting),
        "all wait for the template",
    )  # fmt: skip
    assert sum(posted(stack).values()) == before

    review(stack, "REINSTATED")

    wait_until(lambda: sum(posted(stack).values()) == before + 5, "all are sent")
    assert set(posted(stack).values()) == {1}
