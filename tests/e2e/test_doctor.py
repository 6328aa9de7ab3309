"""`gateway doctor` finds nothing broken where all is well, and names the worker that died."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.redis.client import Store
from tests.support.forked_process import run_python
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
APP, WABA, SECRET = "100000000000003", "102290129340398", "0123456789abcdef"
WITH_TEMPLATE = """\
version: 1
rules:
  - name: person
    when: {text: agent}
    then:
      notify:
        text: A customer asks for a person.
        to: "351900000099"
        template: {name: staff_notice, language: en}
"""
Checks = dict[str, dict[str, Any]]


@pytest.fixture
def stack(tmp_path: Path, server: Server, store: Store) -> Iterator[Stack]:
    ids = {"META_APP_ID": APP, "META_WABA_ID": WABA, "META_APP_SECRET": SECRET}
    made = Stack(tmp_path, server, WITH_TEMPLATE, META_MESSAGES_PER_SECOND="80", **ids)
    processes = ("sandbox", "web", "inbound", "outbound", "outgoing", "beat")
    account = {"app_id": APP, "waba_id": WABA, "app_secret": SECRET}
    made.start(*processes, sandbox={**account, "templates": {"staff_notice": "utility"}})
    yield made
    made.stop()


def doctor(stack: Stack) -> tuple[int, Checks]:
    """Run it, and return its exit code and what each check that is not fine says."""
    command = ["-m", "gateway.cli", "doctor", "--json"]
    ended = run_python(command, os.environ | stack.env, stack.folder)
    assert ended.stdout, ended.stderr
    checks = json.loads(ended.stdout)["checks"]
    return ended.returncode, {one["check"]: one for one in checks if one["state"] != "fine"}


def test_all_is_well_until_a_worker_dies_and_is_named(stack: Stack) -> None:
    # The sandbox is a test number, the first canary comes with the first minute, and the server
    # has no limit of its own.
    open_ones = {"recipients", "canary", "memory"}
    wait_until(lambda: set(doctor(stack)[1]) <= open_ones, "all is well")
    assert doctor(stack)[0] == 0

    stack.programs["outbound"].kill()
    code, checks = doctor(stack)

    assert code == 1
    assert {name for name, one in checks.items() if one["state"] == "broken"} == {
        "worker critical", "worker bulk",
    }  # fmt: skip
    assert (
        checks["worker critical"]["reason"]
        == "No worker that listens to the queue critical answered."
    )
    assert checks["worker critical"]["advice"].startswith("Start worker-critical")


@pytest.mark.long
def test_a_template_that_meta_paused_is_named(stack: Stack) -> None:
    wait_until(lambda: "templates" not in doctor(stack)[1], "the template is approved")

    url, languages = f"{stack.meta_url}/sandbox/templates", {"en": "PAUSED"}
    assert stack.client.post(url, json={"staff_notice": {"languages": languages}}).is_success

    code, checks = doctor(stack)
    assert (code, checks["templates"]["state"]) == (1, "broken")
    assert checks["templates"]["reason"] == (
        "staff_notice (en): its status is PAUSED, so it is not sent."
    )
