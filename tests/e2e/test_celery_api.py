"""Another Celery application sends by the task's name: real broker, real workers, real results."""

import gc
import json
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.support.servers import Server, wait_until
from tests.support.stack import Stack, api_client

pytestmark = pytest.mark.e2e
KEY = "a-key-of-the-environment"
TO = "351900000810"
READY = {"name": "order_ready", "language": {"code": "en"}}
TEXT = {"type": "text", "text": {"body": "Your order is ready."}}
PAGE = Path(__file__).parents[2] / "docs" / "celery.md"
HELD = ("sandbox", "web", "inbound", "outbound")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("celery")
    server = Server(folder / "valkey").start()
    made = Stack(folder, server, GATEWAY_API_KEYS=KEY).start(*HELD)
    yield made
    made.stop()
    server.kill()


def page_code(stack: Stack) -> str:
    """Return the page's examples, with the address of this Redis."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    first, second = blocks
    code: str = first.replace("if __name__", f"{second}\n\nif __name__")
    return code.replace("redis://127.0.0.1:6379/0", stack.server.url)


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Any:
    """Return what the page's code defines: an application that has no task of ours."""
    names: dict[str, Any] = {"__name__": "shop"}
    exec(page_code(stack), names)
    yield SimpleNamespace(**names)
    # A result in the frames of an error unsubscribes when it is collected, and needs its server.
    gc.collect()
    names["gateway"].close()


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {KEY}"}
    with api_client(stack.api, headers) as client:
        yield client


def posted_to(stack: Stack, to: str) -> int:
    return sum(one["to"].endswith(to) for one in stack.posted())


def hold(stack: Stack) -> None:
    stack.gateway("hold", "--why", "a test")


def task_of(api: httpx.Client, id_: str) -> dict[str, Any]:
    return dict(api.get(f"/v1/tasks/{id_}").json())


def is_stored(api: httpx.Client, id_: str) -> Callable[[], bool]:
    return lambda: api.get(f"/v1/tasks/{id_}").status_code == 200


def test_the_example_of_the_page_runs_in_a_process_that_has_none_of_our_code(
    stack: Stack, tmp_path: Path
) -> None:
    proof = "\n    import sys\n    print({'tasks', 'gateway'} & sys.modules.keys())\n"
    (tmp_path / "shop.py").write_text(page_code(stack) + proof)

    command = [sys.executable, "shop.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=180, check=False
    )

    assert done.returncode == 0, done.stderr
    told, ours = done.stdout.splitlines()
    assert ours == "set()"
    assert re.fullmatch(r"\{'status': 'sent', 'message_id': 'wamid\.[^']+'\}", told)


def test_a_message_that_meta_accepts_is_a_success(
    stack: Stack, shop: Any, api: httpx.Client
) -> None:
    result = shop.send(f"+{TO}", READY)
    value = result.get(timeout=180)

    assert (result.state, value["status"]) == ("SUCCESS", "sent")
    assert task_of(api, result.id)["result"] == value
    assert value["message_id"] in {one["wamid"] for one in stack.posted()}
    life = stack.server.command("TTL", f"gw:celery:celery-task-meta-{result.id}")
    assert 86_000 < life <= 86_400
    assert stack.server.command("KEYS", "*results") == []


def test_a_message_that_is_refused_is_a_failure_with_advice(shop: Any, api: httpx.Client) -> None:
    result = shop.send("+351900000811", TEXT)
    with pytest.raises(RuntimeError) as refusal:
        result.get(timeout=180)

    (value,) = refusal.value.args
    assert (value["status"], result.state, result.traceback) == ("failed", "FAILURE", None)
    assert "24 hours" in value["advice"]
    assert task_of(api, result.id)["result"] == value


@pytest.mark.parametrize(
    ("args", "places"),
    [
        (["no number", TEXT], {"phone_number"}),
        (["12", {"type": "text", "text": {"body": ""}}], {"phone_number", "message/text/body"}),
        (["+351900000812", "Hi"], {"message"}),
        (["+351900000812", {**TEXT, "send_at": "2020-01-01T00:00:00Z"}], {"message/send_at"}),
        (["+351900000812", {**TEXT, "from": "999"}], {"message/from"}),
        ([], {"message"}),
        (["+351900000812", TEXT, "more"], {"the task takes phone_number and message"}),
    ],
)
def test_arguments_that_cannot_be_sent_are_a_failure_that_names_each_place(
    shop: Any, args: list[Any], places: set[str]
) -> None:
    result = shop.gateway.send_task("tasks.send_whatsapp_message", args=args, queue="critical")
    with pytest.raises(ValueError, match=r"the task takes|: ") as refusal:
        result.get(timeout=180)

    named = {one.partition(": ")[0] for one in str(refusal.value).split("; ") if ": " in one}
    assert places <= named | {str(refusal.value)}
    assert result.traceback is None


def test_no_log_has_a_number_or_a_text_of_a_task(stack: Stack, shop: Any) -> None:
    shop.send("+351900000813", {"type": "text", "text": {"body": "a secret text"}})
    refused = shop.send("900000813", {"type": "text", "text": "a secret text"})
    with pytest.raises(ValueError, match="message/text: must be"):
        refused.get(timeout=180)

    logs = "".join(program.said() for program in stack.programs.values())
    assert refused.id in logs
    assert "secret text" not in logs
    assert "900000813" not in logs


def test_a_task_that_is_published_again_sends_nothing_more(
    stack: Stack, shop: Any, api: httpx.Client
) -> None:
    id_ = str(uuid.uuid4())
    first = shop.send("+351900000814", READY, id_).get(timeout=180)
    stack.server.command("DEL", f"gw:celery:celery-task-meta-{id_}")

    again = shop.send("+351900000814", READY, id_).get(timeout=180)
    shop.send("+351900000814", {**READY, "name": "another"}, id_)
    wait_until(lambda: "task_id_reused" in stack.programs["outbound"].said(), "it is logged")

    assert again == first
    assert posted_to(stack, "814") == 1


def test_a_scheduled_message_has_its_result_once_it_is_sent(shop: Any, api: httpx.Client) -> None:
    at = datetime.now(UTC) + timedelta(seconds=2)
    message = {"type": "template", "template": READY, "send_at": at}
    result = shop.send("+351900000815", message)

    assert result.get(timeout=180)["status"] == "sent"
    assert datetime.now(UTC) >= at


def test_a_cancelled_message_is_a_failure(shop: Any, api: httpx.Client, stack: Stack) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    result = shop.send("+351900000816", {"type": "template", "template": READY, "send_at": at})
    wait_until(is_stored(api, result.id), "it is stored")
    told = task_of(api, result.id)
    ours = told["task_id"]

    assert (told["status"], result.state) == ("PENDING", "PENDING")
    assert api.delete(f"/v1/messages/{ours}").status_code == 200
    assert shop.wait_for(result, 150) == "cancelled"
    assert posted_to(stack, "816") == 0


def test_a_message_that_nobody_wants_a_result_of_leaves_none(
    shop: Any, api: httpx.Client, stack: Stack
) -> None:
    id_ = str(uuid.uuid4())
    shop.gateway.send_task(
        "tasks.send_whatsapp_message", ["+351900000817", READY], task_id=id_, queue="critical",
        ignore_result=True,
    )  # fmt: skip
    wait_until(is_stored(api, id_), "it is stored")
    wait_until(lambda: task_of(api, id_)["status"] == "SUCCESS", "it is sent")

    assert stack.server.command("EXISTS", f"gw:celery:celery-task-meta-{id_}") == 0


def test_a_job_that_is_called_by_its_name_returns_how_many_it_processed(shop: Any) -> None:
    for name in ("tasks.process_scheduled_messages", "tasks.cleanup_expired_sessions"):
        asked = shop.gateway.send_task(name, queue="scheduled", ignore_result=False)

        assert asked.get(timeout=180)["processed"] >= 0


def test_an_unknown_task_is_not_found(api: httpx.Client) -> None:
    answer = api.get(f"/v1/tasks/{uuid.uuid4()}")

    assert (answer.status_code, json.loads(answer.text)["type"]) == (404, "/v1/problems/not-found")
