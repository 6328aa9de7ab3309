"""Campaigns with real processes: from a file to a funnel, each recipient written to once."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import RULES, Stack, api_client
from tests.support.store.campaigns import csv_of, phone

pytestmark = pytest.mark.e2e
KEY = "a-key-of-the-environment"
# Where the machine stands still, a send may be in doubt, which takes two minutes and a sweep.
DOUBTS_S = 300
ANSWERED = """
  - name: yes
    when: {campaign: Spring, text: "yes"}
    then: "See you at {{ campaign }}!"
"""
CSV = {"content-type": "text/csv"}
SPRING = {
    "name": "spring",
    "template": {"name": "spring", "language": "en", "params": ["{{ first }}"]},
    "pace": 500,
    "first": {"size": 0},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("campaigns")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, RULES + ANSWERED, GATEWAY_API_KEYS=KEY).start()
    yield made
    made.stop()
    server.kill()


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with api_client(f"{stack.api}/v1", headers) as client:
        yield client


def draft(api: httpx.Client, content: bytes, **others: Any) -> str:
    """Make a draft with an audience, and check it."""
    id_ = str(api.post("/campaigns", json=SPRING | others).raise_for_status().json()["id"])
    api.put(f"/campaigns/{id_}/audience", content=content, headers=CSV).raise_for_status()
    api.post(f"/campaigns/{id_}/check").raise_for_status()
    return id_


def start(api: httpx.Client, id_: str) -> dict[str, Any]:
    """Start a draft by its last check."""
    check = {"check_id": shown(api, id_)["check_id"]}
    return dict(api.post(f"/campaigns/{id_}/start", json=check).raise_for_status().json())


def shown(api: httpx.Client, id_: str) -> dict[str, Any]:
    return dict(api.get(f"/campaigns/{id_}").raise_for_status().json())


def reaches(api: httpx.Client, id_: str, phase: str) -> dict[str, Any]:
    wait_until(lambda: shown(api, id_)["phase"] == phase, f"the campaign is {phase}", DOUBTS_S)
    return shown(api, id_)


def recipients(stack: Stack, template: str) -> Counter[str]:
    named = [
        one for one in stack.posted() if one["body"].get("template", {}).get("name") == template
    ]
    return Counter(one["to"].removeprefix("+") for one in named)


def test_everyone_in_a_file_gets_the_message_once_and_the_funnel_says_so(
    stack: Stack, api: httpx.Client
) -> None:
    content = csv_of(150) + f"\n+{phone(1)},Again\nnobody,No".encode()
    id_ = draft(api, content)

    assert start(api, id_)["phase"] == "running"

    reaches(api, id_, "completed")
    delivered = ("delivered", "read")
    wait_until(lambda: sum(shown(api, id_)["funnel"][one] for one in delivered) == 150, "delivered")
    funnel = shown(api, id_)["funnel"]
    assert (funnel["total"], funnel["skipped"]) == (152, {"duplicate": 1, "invalid": 1})
    assert recipients(stack, "spring") == Counter(phone(i) for i in range(150))
    rows = list(csv.DictReader(io.StringIO(api.get(f"/campaigns/{id_}/export.csv").text)))
    assert {row["phone"] for row in rows} == {phone(i) for i in range(150)}
    assert {row["status"] for row in rows} <= set(delivered)
    answers_reach_campaign_and_rule(stack, api, id_)


def answers_reach_campaign_and_rule(stack: Stack, api: httpx.Client, id_: str) -> None:
    """Let one recipient tap a button, and another one and a stranger write."""
    (sent,) = [one for one in stack.posted() if one["to"].removeprefix("+") == phone(5)]
    button = {"type": "button", "button": {"payload": "yes", "text": "Yes"}}
    tap = message_item("wamid.tap", sender=phone(5)) | button | {"context": {"id": sent["wamid"]}}
    stranger = message_item("wamid.stranger", "yes", sender="351999999999")
    body = delivery_body(tap, message_item("wamid.written", "yes", sender=phone(6)), stranger)
    assert stack.post(body).status_code == 200

    def answers() -> Any:
        return shown(api, id_)["answers"]

    wait_until(lambda: answers()["replied"] == 2, "both answered")
    assert answers() == {"replied": 2, "tapped": 1, "buttons": {"Yes": 1}, "opted_out": 0}

    def replied() -> set[str]:
        told = [one for one in stack.posted() if one["body"].get("type") == "text"]
        return {one["to"].removeprefix("+") for one in told if "spring!" in str(one["body"])}

    wait_until(lambda: replied() == {phone(5), phone(6)}, "both got the rule's answer")


def test_a_campaign_that_is_paused_stands_still_and_goes_on_where_it_was(
    stack: Stack, api: httpx.Client
) -> None:
    summer = SPRING["template"] | {"name": "summer"}  # type: ignore[operator]
    id_ = draft(api, csv_of(2_000), template=summer, pace=20)
    start(api, id_)
    wait_until(lambda: len(recipients(stack, "summer")) > 5, "some were written to")

    paused = api.post(f"/campaigns/{id_}/pause", json={"why": "a typo"}).json()

    assert (paused["phase"], paused["why"]) == ("paused", "a typo")
    wait_until(lambda: shown(api, id_)["funnel"]["attempting"] == 0, "what was begun is done")
    stood = sum(recipients(stack, "summer").values())
    assert api.post(f"/campaigns/{id_}/resume").json()["phase"] == "running"
    wait_until(lambda: len(recipients(stack, "summer")) > stood + 5, "it goes on")
    api.post(f"/campaigns/{id_}/cancel", json={"why": "enough"}).raise_for_status()
    assert set(recipients(stack, "summer").values()) == {1}


def test_a_cancelled_campaign_writes_to_nobody_any_more(stack: Stack, api: httpx.Client) -> None:
    autumn = SPRING["template"] | {"name": "autumn"}  # type: ignore[operator]
    id_ = draft(api, csv_of(500), template=autumn, pace=20)
    start(api, id_)
    wait_until(lambda: len(recipients(stack, "autumn")) > 5, "some were written to")

    api.post(f"/campaigns/{id_}/cancel", json={"why": "the wrong list"}).raise_for_status()

    wait_until(
        lambda: (
            not {"waiting", "queued", "attempting"}
            & {cell for cell, count in shown(api, id_)["funnel"].items() if count and count != {}}
        ),
        "nothing is pending",
    )
    funnel = shown(api, id_)["funnel"]
    assert funnel["cancelled"] + sum(recipients(stack, "autumn").values()) == 500
    assert api.post(f"/campaigns/{id_}/resume").status_code == 409


def test_a_file_that_is_no_audience_is_refused_with_the_place(api: httpx.Client) -> None:
    id_ = api.post("/campaigns", json=SPRING).json()["id"]
    content = csv_of(2) + b"\n+351912345678,Ana,more"

    answer = api.put(f"/campaigns/{id_}/audience", content=content, headers=CSV)
    other = api.put(f"/campaigns/{id_}/audience", content=b"x", headers={"content-type": "a/b"})

    assert (answer.status_code, other.status_code) == (422, 415)
    assert "Line 4 has 3 columns" in answer.json()["errors"][0]["detail"]
    assert shown(api, id_)["recipients"] == 0


def test_a_start_needs_an_audience_and_a_check(api: httpx.Client) -> None:
    id_ = api.post("/campaigns", json=SPRING).json()["id"]
    by = {"check_id": "0" * 16}
    without = api.post(f"/campaigns/{id_}/start", json=by)
    api.put(f"/campaigns/{id_}/audience", content=csv_of(2), headers=CSV).raise_for_status()
    unchecked = api.post(f"/campaigns/{id_}/start", json=by)

    assert (without.status_code, unchecked.status_code) == (409, 409)
    assert "audience" in without.json()["detail"]
    assert "check" in unchecked.json()["detail"]


def test_a_stream_ends_with_its_process(stack: Stack, api: httpx.Client) -> None:
    id_ = draft(api, csv_of(2))

    with api.stream("GET", f"/campaigns/{id_}/stream") as response:
        lines = response.iter_lines()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert [next(lines), '"phase":"draft"' in next(lines)] == ["event: campaign", True]
        stack.programs["web"].process.terminate()
        list(lines)

    stack.programs["web"].process.wait(180)
    assert "graceful shutdown exceeded" not in stack.programs["web"].said()
    stack.start("web")
