"""Whatever strangers open beside it, a delivery is kept at once and memory stays small."""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.factories import delivery_body, message_item
from tests.support.faults.fuzz import resident_mb
from tests.support.servers import Program, Server, wait_until
from tests.support.stack import Stack, plain_client, signed

pytestmark = pytest.mark.faults

MOST_GROWN_MB = 50
ASKED_S = 1.0  # what is wanted, on an idle machine
PATIENCE_S = 30.0  # what fails the test, on one that many others use as well
FOR_S = 3.0


@dataclass(frozen=True)
class Seen:
    """What others saw of the gateway during an attack."""

    slowest_s: float
    answers: set[int]
    pages: set[int]
    grown_mb: float
    open_files: int

    def __str__(self) -> str:
        within = "within" if self.slowest_s < ASKED_S else "not within"
        return (
            f"slowest delivery {self.slowest_s * 1000:.0f} ms ({within} {ASKED_S:.0f} s), "
            f"+{self.grown_mb:.0f} MB, {self.open_files} files open"
        )


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    server = Server(tmp_path / "valkey").start()
    made = Stack(tmp_path / "web", server).start("web")
    yield made
    made.stop()
    server.kill()


@contextmanager
def attacked(stack: Stack, kind: str, number: int) -> Iterator[None]:
    """Have so many strangers of a kind while it lasts."""
    command = [
        sys.executable,
        "-m",
        "tests.support.faults.hostile_connections",
        str(stack.web_port),
        kind,
    ]
    crowd = Program([*command, str(number)], {}, stack.folder / f"{kind}.log")
    try:
        wait_until(lambda: "on" in crowd.said(), "the strangers are there")
        yield
    finally:
        crowd.kill()


def look(stack: Stack) -> Seen:
    """Deliver and ask for a while, each over a connection of its own."""
    pid = stack.programs["web"].pid
    before = resident_mb(pid)
    slowest, answers, pages, files = 0.0, set(), set(), 0
    until = time.monotonic() + FOR_S
    while time.monotonic() < until:
        body = delivery_body(message_item(f"wamid.{time.monotonic_ns()}"))
        began = time.monotonic()
        with plain_client(timeout=PATIENCE_S) as client:
            signature = {"x-hub-signature-256": signed(body)}
            answer = client.post(f"{stack.url}/webhook", content=body, headers=signature)
        answers.add(answer.status_code)
        slowest = max(slowest, time.monotonic() - began)
        for page in ("healthz", "readyz", "metrics"):
            address = stack.url if page == "healthz" else stack.api
            with plain_client(timeout=PATIENCE_S) as client:
                pages.add(client.get(f"{address}/{page}").status_code)
        files = max(files, len(list(Path(f"/proc/{pid}/fd").iterdir())))
    return Seen(slowest, answers, pages, resident_mb(pid) - before, files)


@pytest.mark.parametrize(
    ("kind", "number", "reasons"),
    [
        pytest.param("header", 1, {"head_too_large"}, marks=pytest.mark.long),
        ("header", 100, {"head_too_large"}),
        ("silent", 2_100, {"crowded"}),
        pytest.param("body", 100, {"unverified"}, marks=pytest.mark.long),
        ("body", 2_000, {"unverified"}),
        ("drip", 500, set()),
    ],
)
def test_an_attack_keeps_nobody_else_out(
    stack: Stack, kind: str, number: int, reasons: set[str]
) -> None:
    stack.post(delivery_body(message_item("wamid.warm")))
    before = resident_mb(stack.programs["web"].pid)

    with attacked(stack, kind, number):
        seen = look(stack)
        grown = resident_mb(stack.programs["web"].pid) - before
    sys.stdout.write(f"\n{kind} x {number}: {seen}, +{grown:.0f} MB in all\n")

    assert seen.answers == seen.pages == {200}
    assert seen.slowest_s < PATIENCE_S
    assert grown < MOST_GROWN_MB
    wait_until(lambda: reasons <= refused(stack).keys(), f"counted: {reasons}")


def refused(stack: Stack) -> dict[str, float]:
    """Return what was refused, by reason."""
    named = re.compile(r'gateway_deliveries_refused_total\{reason="(\w+)"\}')
    found = {named.fullmatch(name): value for name, value in stack.metrics().items()}
    return {match[1]: value for match, value in found.items() if match and value}
