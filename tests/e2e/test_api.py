"""Messages through the API, with real processes: accepted, sent, reported, scheduled, cancelled."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack, api_client

pytestmark = pytest.mark.e2e
KEY = "a-key-of-the-environment"
ANA = "351900000777"
GROUP = "Y2FwaV9ncm91cDoxNzA1NTU1MDEzOQ"
ENDED = {"read", "failed", "expired", "cancelled"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("api")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, GATEWAY_API_KEYS=KEY).start()
    made.post(delivery_body(message_item("wamid.opens", "hi", ANA)))
    wait_until(lambda: window_is_open(made), "the customer's message is planned")
    yield made
    made.stop()
    server.kill()


def window_is_open(stack: Stack) -> bool:
    url = f"{stack.api}/v1/messages?dry_run=true"
    headers = {"authorization": f"Bearer {KEY}"}
    answer = httpx.post(url, json={"to": f"+{ANA}", "text": "Hi"}, headers=headers)
    return bool(answer.json().get("window_open"))


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with api_client(stack.api, headers) as client:
        yield client


def shown(api: httpx.Client, id_: str) -> dict[str, Any]:
    return dict(api.get(f"/v1/messages/{id_}").json())


def reaches(api: httpx.Client, id_: str, statuses: set[str]) -> dict[str, Any]:
    """Wait until a message has one of these statuses, as a client does."""
    found: dict[str, Any] = {}

    def holds() -> bool:
        found.update(api.get(f"/v1/messages/{id_}?wait=5").json())
        return found["status"] in statuses

    wait_until(holds, f"{id_} is {statuses}")
    return found


def test_a_text_into_an_open_window_is_sent_and_its_statuses_are_shown(
    stack: Stack, api: httpx.Client
) -> None:
    asked = {"to": f"+{ANA}", "text": "Your order is ready.", "reference": "order 17"}
    accepted = api.post("/v1/messages", json=asked)

    assert accepted.status_code == 202
    told = reaches(api, accepted.json()["id"], {"delivered", "read"})
    assert told["message_id"].startswith("wamid.")
    assert {"queued", "attempting", "sent", "delivered"} <= {
        one["status"] for one in told["history"]
    }
    task = api.get(accepted.json()["check_status"]).json()
    assert task["result"] == {"status": "sent", "message_id": told["message_id"]}
    assert [one["body"]["text"]["body"] for one in stack.posted()].count(asked["text"]) == 1


def test_messages_of_rules_and_clients_are_one_list_and_an_event_leads_to_its_reply(
    stack: Stack, api: httpx.Client
) -> None:
    stack.post(delivery_body(message_item("wamid.asks", "which color?", ANA)))
    wait_until(lambda: reply_of(api, "wamid.asks") != "", "the reply is sent")
    asked = {"to": f"+{ANA}", "text": "One more thing.", "reference": "order 18"}
    id_ = api.post("/v1/messages", json=asked).json()["id"]
    reaches(api, id_, {"delivered", "read"})

    filters = {"reference": "order 18", "status": "delivered,read"}
    of_order = api.get("/v1/messages", params=filters).json()["data"]
    of_person = api.get("/v1/messages", params={"to": f"+{ANA}", "limit": 2}).json()["data"]
    events = api.get("/v1/events", params={"contact": ANA}).json()["data"]

    reply = reply_of(api, "wamid.asks")
    assert [one["id"] for one in of_order] == [id_]
    assert [one["id"] for one in of_person] == [id_, reply]
    assert {"wamid.asks": [reply]}.items() <= {one["wamid"]: one["sends"] for one in events}.items()


def reply_of(api: httpx.Client, wamid: str) -> str:
    """Return the id of the message that answered another, once Meta has it."""
    sends = api.get(f"/v1/events/{wamid}").json().get("sends", [])
    return next((str(one["id"]) for one in sends if one["wamid"]), "")


def test_a_text_into_a_closed_window_fails_before_it_is_posted(
    stack: Stack, api: httpx.Client
) -> None:
    id_ = api.post("/v1/messages", json={"to": "+351900000778", "text": "Hi"}).json()["id"]

    told = reaches(api, id_, ENDED)
    assert told["status"] == "failed"
    assert told["error"]["code"] == 131047
    assert told["error"]["advice"]
    assert api.get(f"/v1/tasks/{id_}").json()["status"] == "FAILURE"
    assert [one for one in stack.posted() if one["to"].endswith("778")] == []


def test_a_text_that_waits_for_the_window_goes_once_the_customer_writes(
    stack: Stack, api: httpx.Client
) -> None:
    asked = {"to": "+351900000779", "text": "Hi again", "when_closed": "wait"}
    id_ = api.post("/v1/messages", json=asked).json()["id"]
    wait_until(
        lambda: (shown(api, id_)["waiting_for"] or {}).get("reason") == "window", "it is parked"
    )

    stack.post(delivery_body(message_item("wamid.opens2", "hi", "351900000779")))

    assert reaches(api, id_, {"delivered", "read"})["status"] in ("delivered", "read")


def test_a_scheduled_message_waits_for_its_time(api: httpx.Client) -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    asked = {"to": f"+{ANA}", "text": "In an hour", "send_at": at.isoformat()}
    told = shown(api, api.post("/v1/messages", json=asked).json()["id"])

    assert (told["status"], told["waiting_for"]["reason"]) == ("scheduled", "time")


def test_a_scheduled_message_goes_at_its_second_and_not_before(
    stack: Stack, api: httpx.Client
) -> None:
    at = datetime.now(UTC) + timedelta(seconds=3)
    asked = {"to": f"+{ANA}", "text": "On time", "send_at": at.isoformat()}
    id_ = api.post("/v1/messages", json=asked).json()["id"]

    after = reaches(api, id_, {"accepted", "sent", "delivered", "read"})
    began = next(one["at"] for one in after["history"] if one["status"] == "attempting")
    late = datetime.fromisoformat(began) - at
    assert timedelta(seconds=-0.01) <= late < timedelta(seconds=20)


def test_a_cancelled_message_is_never_posted(stack: Stack, api: httpx.Client) -> None:
    at = datetime.now(UTC) + timedelta(seconds=6)  # three requests may take a busy machine long
    asked = {"to": f"+{ANA}", "text": "Cancelled", "send_at": at.isoformat()}
    cancelled = api.post("/v1/messages", json=asked).json()["id"]
    kept = api.post("/v1/messages", json=asked | {"text": "Kept"}).json()["id"]

    assert api.delete(f"/v1/messages/{cancelled}").json()["status"] == "cancelled"
    reaches(api, kept, {"accepted", "sent", "delivered", "read"})
    assert "Cancelled" not in [one["body"]["text"]["body"] for one in stack.posted()]
    assert cancelled in stack.trace(cancelled)


def test_a_broker_that_is_away_neither_blocks_nor_fails_a_request(
    tmp_path: Any, api: httpx.Client, stack: Stack
) -> None:
    broker = Server(tmp_path / "broker").start()
    apart = Stack(
        tmp_path / "run", stack.server, GATEWAY_API_KEYS=KEY, CELERY_BROKER_URL=broker.url
    ).start("web")
    broker.kill()
    try:
        asked = {"to": f"+{ANA}", "text": "Without a broker"}
        headers = {"authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{apart.api}/v1/messages", json=asked, headers=headers, timeout=180)
    finally:
        apart.stop()

    assert answer.status_code == 202
    reaches(api, answer.json()["id"], {"accepted", "sent", "delivered", "read"})


def blocks(language: str, name: str = "api.md") -> list[str]:
    """Return the examples of a page in one language."""
    page = (Path(__file__).parents[2] / "docs" / name).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def test_the_examples_of_the_page_work_as_they_stand(stack: Stack, api: httpx.Client) -> None:
    curl = next(one for one in blocks("sh") if one.startswith("curl"))
    command = curl.replace("http://127.0.0.1:8001", stack.api)
    env = {"KEY": KEY, "PATH": os.environ["PATH"]}
    done = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, check=True)
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    message = {"to": f"+{ANA}", "text": "From Python"}
    id_ = names["send"](api, "from-python", message)

    told = json.loads(done.stdout)
    page = json.loads(blocks("json")[0])
    assert told.keys() == page.keys()
    assert shown(api, told["id"])["reference"] == "order 17"
    assert names["send"](api, "from-python", message) == id_
    reaches(api, id_, {"accepted", "sent", "delivered", "read"})


CURLS = [
    one
    for name in ("api.md", "cloud-api.md")
    for one in blocks("sh", name)
    if one.startswith("curl") and "Idempotency-Key" not in one  # which the test above runs
]


@pytest.mark.parametrize("example", CURLS, ids=[one.split()[2] for one in CURLS])
def test_each_curl_of_the_pages_is_answered_as_it_stands(
    stack: Stack, tmp_path: Path, example: str
) -> None:
    (tmp_path / "people.csv").write_text(f"phone,name\n+{ANA},Ana\n")
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    command = example.replace("http://127.0.0.1:8001", stack.api)
    command = command.replace("351912345678", ANA).replace("2026-12-01", tomorrow)
    env = {"KEY": KEY, "NUMBER": NUMBER, "PATH": os.environ["PATH"]}
    shell = ["/bin/sh", "-c", command]
    done = subprocess.run(shell, env=env, cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "error" not in json.loads(done.stdout)


def test_the_example_of_schedules_works_as_it_stands(stack: Stack, api: httpx.Client) -> None:
    (curl,) = (one for one in blocks("sh", "schedules.md") if one.startswith("curl"))
    command = curl.replace("http://127.0.0.1:8001", stack.api)
    env = {"KEY": KEY, "PATH": os.environ["PATH"]}
    done = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, check=True)
    told, page = json.loads(done.stdout), json.loads(blocks("json", "schedules.md")[0])

    assert told.keys() == page.keys()
    assert told["message"] == page["message"] | {"from": told["from"]}
    path = f"/v1/schedules/{told['id']}"
    assert told["id"] in {one["id"] for one in api.get("/v1/schedules").json()["data"]}
    assert api.patch(path, json={"paused": True}).json()["status"] == "paused"
    assert api.delete(path).json()["outcome"] == "removed"


# Last, since the tests above look at texts only.
def test_every_type_of_the_page_is_delivered_and_has_a_price(
    stack: Stack, api: httpx.Client
) -> None:
    pages = map(json.loads, blocks("json", "messages.md"))
    requests = [one | {"to": f"+{ANA}"} for one in pages if "to" in one]
    requests.append({"to": {"group_id": GROUP}, "text": "Hello, all"})
    answer = api.post("/v1/messages/batch", json={"messages": requests})
    ids = [one["id"] for one in answer.json()["results"]]

    told = [reaches(api, id_, {"delivered", "read"}) for id_ in ids]

    assert len(told) == len(requests) > 12
    for one in told[:-1]:
        assert (one["price"]["category"], one["price"]["country"]) in (
            ("service", "PT"),
            ("utility", "PT"),
        )
        assert (one["price"]["amount"] is None) is one["price"]["billable"]
    assert told[-1]["price"]["country"] is None
    posted = [one["body"] for one in stack.posted() if one["to"] == GROUP]
    assert [one["text"]["body"] for one in posted] == ["Hello, all"]
    metrics = httpx.get(f"{stack.api}/metrics").text
    (count,) = re.findall(r'gateway_priced_messages_total{category="service"} (\d+)', metrics)
    assert int(count) >= 12


@pytest.mark.long
def test_a_schedule_of_each_minute_sends_at_the_next_one(stack: Stack, api: httpx.Client) -> None:
    message = {"to": f"+{ANA}", "template": {"name": "order_sent", "language": "en"}}
    wanted = {"cron": "* * * * *", "zone": "UTC", "count": 1, "message": message}
    made = api.post("/v1/schedules", json=wanted).json()
    path = f"/v1/schedules/{made['id']}"

    wait_until(lambda: api.get(path).json()["status"] == "ended", "its minute comes")

    (last,) = api.get(path).json()["last"]
    assert last["at"] == made["next_at"]
    told = reaches(api, last["id"], {"accepted", "sent", "delivered", "read"})
    assert (told["reference"], told["priority"]) == (made["id"], "notice")
    posted = [one for one in stack.posted() if one["callback"].startswith(last["id"])]
    assert len(posted) == 1
