"""`gateway doctor` finds nothing broken where all is well, and names the worker that died."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.store.redis.client import Store
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
APP, WABA, SECRET = "100000000000003", "102290129340398", "0123456789abcdef"
Checks = dict[str, dict[str, Any]]


@pytest.fixture
def stack(tmp_path: Path, server: Server, store: Store) -> Iterator[Stack]:
    ids = {"META_APP_ID": APP, "META_WABA_ID": WABA, "META_APP_SECRET": SECRET}
    made = Stack(tmp_path, server, META_MESSAGES_PER_SECOND="80", **ids)
    processes = ("sandbox", "web", "inbound", "outbound", "outgoing", "beat")
    made.start(*processes, sandbox={"app_id": APP, "waba_id": WABA, "app_secret": SECRET})
    yield made
    made.stop()


def doctor(stack: Stack) -> tuple[int, Checks]:
    """Run it, and return its exit code and what each check that is not fine says."""
    ended = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "doctor", "--json"],
        cwd=stack.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | stack.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout, ended.stderr
    checks = json.loads(ended.stdout)["checks"]
    return ended.returncode, {one["check"]: one for one in checks if one["state"] != "fine"}


def test_all_is_well_until_a_worker_dies_and_is_named(stack: Stack) -> None:
    # The sandbox is a test number, the first canary comes with the first minute, and the server
    # has no limit of its own.
    open_ones = {"recipients", "canary", "memory"}
    wait_until(lambda: set(doctor(stack)[1]) <= open_ones, "all is well", 60)
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
