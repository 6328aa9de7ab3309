"""A store that the commit before wrote is read, and processes of both work on it side by side."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.releases import Load, TwoReleases, check_out
from tests.support.servers import Server, wait_until

pytestmark = pytest.mark.e2e
BEFORE = "d329ad4"  # the last commit before the modules moved
OLD = ("web#before", "inbound#before", "outbound#before", "beat#before")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[TwoReleases]:
    before = check_out(BEFORE, tmp_path / "before")
    server = Server(tmp_path / "valkey").start()
    made = TwoReleases(tmp_path / "run", server)
    made.before = before
    made.start("sandbox", *OLD)
    wait_until(lambda: made._ok(f"{made.url}/readyz"), "the web process of before is ready")
    yield made
    made.stop()
    server.kill()


def test_two_releases_side_by_side_lose_and_double_nothing(stack: TwoReleases) -> None:
    with Load(stack) as load:
        wait_until(lambda: len(stack.posted()) >= 20, "the release before answers")
        for name in ("inbound", "outbound", "beat"):
            stack.run(name)
        count = len(load.posted)
        # A worker of before hears of notices too, and leaves them to that of this release.
        asked = [f"3518{i:08}" for i in range(6)]
        for customer in asked:
            stack.gateway("send", f"+{customer}", "--template", "sold_out", "--language", "pt_PT")
        wait_until(lambda: len(load.posted) > count + 60, "both work")
        for name in OLD[1:]:
            stack.programs[name].stop()
        count = len(load.posted)
        wait_until(lambda: len(load.posted) > count + 20, "this release works alone")
    stack.programs["web#before"].stop()
    stack.run("web")
    wait_until(lambda: stack._ok(f"{stack.api}/readyz"), "the web process of this one is ready")
    wait_until(lambda: len(stack.posted()) >= len(load.posted + asked), "each is answered")
    wait_until(stack.idle, "nothing waits")

    answered = Counter(one["to"].lstrip("+") for one in stack.posted())
    assert answered == dict.fromkeys(load.posted + asked, 1)
    assert stack.metrics()["gateway_dead_letters"] == 0
