"""What is waited for comes or is told, and a message that comes twice is told once."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import typer

from gateway.cli.common.callback_probe import Probe, ProbeCheck
from gateway.cli.local.environment import prepare
from gateway.cli.setup.tunnel import messages, self_test
from gateway.cli.setup.tunnel.gateway import Behind
from gateway.cli.setup.tunnel.messages import Messages
from gateway.cli.setup.tunnel.screen import Screen
from gateway.cli.setup.tunnel.self_test import TunnelWatch
from gateway.config.settings import Settings
from gateway.store import number_list
from gateway.store.body_codec import Bodies
from gateway.store.inbox.history import Arrivals
from gateway.store.redis.client import Store
from gateway.store.tracing.masking import Masking
from gateway.store.tracing.traces import Traces
from tests.cli.test_tunnel import NEEDED
from tests.support.cli.fake_ngrok import Answer, serving
from tests.support.factories import NUMBER, delivery_body, message_item
from tests.support.store.inbox_state import keep


@dataclass(frozen=True, slots=True)
class Shown(Screen):
    """Remembers the lines, and wants to stop after one with a name."""

    lines: list[ProbeCheck] = field(default_factory=list)
    stopping: list[int] = field(default_factory=list)
    last: str = ""

    def show(self, check: ProbeCheck) -> None:
        self.lines.append(check)
        if check.name == self.last:
            self.stopping.append(1)


@pytest.fixture
def settings() -> Settings:
    return prepare(NEEDED | {"META_PHONE_NUMBER_ID": NUMBER}, 1, real=True).settings


def watch(screen: Shown) -> TunnelWatch:
    return TunnelWatch(Behind(8000, "", "here"), screen.stopping, screen)


def acknowledging(_: str, __: str, ___: bytes) -> Answer:
    return 200, {}, b""


@pytest.fixture
def url() -> Iterator[str]:
    with serving(acknowledging) as found:
        yield found


@pytest.mark.store
def test_a_self_test_that_no_worker_works_off_is_told(
    store: Store, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_test, "PLANNED_WITHIN_S", 0)
    screen = Shown()

    with pytest.raises(typer.Exit) as ended, Probe(url) as probe:
        watch(screen).check_delivery(probe, settings, store)

    assert ended.value.exit_code == 2
    assert "no worker has worked it off" in screen.lines[-1].reason


def test_what_passes_by_itself_is_looked_at_again() -> None:
    checks = [ProbeCheck("a", "bad", "not yet", passing=True), ProbeCheck("a", "wait", "soon")]
    looks = iter([*checks, ProbeCheck("a", "good", "there")])

    assert watch(Shown()).wait_until_settled(lambda: next(looks), 30).reason == "there"


def test_nothing_is_waited_for_once_somebody_wants_to_stop() -> None:
    screen = Shown(stopping=[2])

    with pytest.raises(typer.Exit) as ended:
        watch(screen).wait_until_settled(lambda: ProbeCheck("a", "wait", "soon"), 30)

    assert ended.value.exit_code == 0


@pytest.mark.store
def test_a_message_that_comes_twice_is_told_once_and_others_are_not(
    store: Store, settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "REPLIED_WITHIN_S", 0)
    number_list.add_number(store, NUMBER)
    screen = Shown(last="reply")
    followed = Messages(
        watch(screen),
        Arrivals(store, Bodies()),
        Traces(store, Bodies()),
        settings,
        Masking(),
        True,
    )
    body = delivery_body(message_item("wamid.twice", "hush")).decode()
    keep(store, 3, delivery_body(message_item("wamid.other"), number="42").decode(), body, body)

    with Probe(url) as probe:
        followed.follow("+15550001111", probe)

    assert [(line.name, line.tone) for line in screen.lines] == [
        ("message", "wait"), ("message", "good"), ("reply", "wait"),
    ]  # fmt: skip
    assert "hush" not in "".join(line.reason for line in screen.lines)
