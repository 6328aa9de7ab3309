"""A store that the release before wrote is migrated under load, while processes of both run."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.releases import Load, TwoReleases, check_out
from tests.support.servers import Server, wait_until
from tests.support.stack import Stack

pytestmark = pytest.mark.e2e
LAYOUT_1 = "0cc292b"  # the last commit that wrote it


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[TwoReleases]:
    before = check_out(LAYOUT_1, tmp_path / "before")
    server = Server(tmp_path / "valkey").start()
    made = TwoReleases(tmp_path / "run", server)
    made.before = before
    made.start("sandbox", "web#before", "inbound#before", "outbound#before", "beat#before")
    wait_until(lambda: made._ok(f"{made.url}/readyz"), "the web process of before is ready")
    yield made
    made.stop()
    server.kill()


def migrate(stack: Stack) -> dict[str, object]:
    return dict(json.loads(stack.gateway("migrate", "--wait", "3", "--json")))


def test_a_store_is_migrated_under_load_and_nothing_is_lost_or_doubled(stack: TwoReleases) -> None:
    with Load(stack) as load:
        wait_until(lambda: len(stack.posted()) >= 20, "the release before answers")

        assert migrate(stack)["migrated"] is True

        # Those of before run on for a while, and take nothing.
        for name in ("inbound", "outbound"):
            stack.run(name)
        stack.programs["web#before"].stop()
        stack.run("web")
        wait_until(lambda: stack._ok(f"{stack.api}/readyz"), "this release is ready")
        count = len(load.posted)
        wait_until(lambda: len(load.posted) > count + 20, "deliveries are kept again")
        for name in ("inbound#before", "outbound#before", "beat#before"):
            stack.programs[name].stop()
        stack.run("beat")
    wait_until(lambda: len(stack.posted()) >= len(load.posted), "each is answered")
    wait_until(stack.idle, "nothing waits")

    answered = Counter(one["to"].lstrip("+") for one in stack.posted())
    assert answered == dict.fromkeys(load.posted, 1)
    assert migrate(stack)["migrated"] is False
    refused = stack.run("inbound#before").process.wait(180)
    assert refused == 2
    assert "layout" in stack.programs["inbound#before"].said()
