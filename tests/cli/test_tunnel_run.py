"""Whoever wants to stop sees nothing more begun, at whatever line it was."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import typer

from gateway.cli.common.callback_probe import ProbeCheck
from gateway.cli.local.environment import prepare
from gateway.cli.setup.tunnel import command
from gateway.cli.setup.tunnel.command import Run
from gateway.cli.setup.tunnel.gateway import Behind
from gateway.cli.setup.tunnel.ngrok import OpenTunnel
from gateway.cli.setup.tunnel.options import TunnelOptions
from gateway.cli.setup.tunnel.self_test import TunnelWatch
from tests.cli.test_tunnel import NEEDED, URL
from tests.cli.test_tunnel_watch import Shown
from tests.support.servers import Server

LINES = ["app secret", "token", "tunnel", "gateway", "address", "self-test", "callback"]


class Looked:
    """A Meta whose looks find nothing wrong."""

    def check_settings(self) -> Iterator[ProbeCheck]:
        yield from (ProbeCheck(name, "good", "") for name in LINES[:2])


@pytest.fixture
def all_well(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """Let every step show its line, and do nothing."""

    def way_in(asked: TunnelOptions, port: int, token: str, screen: Shown) -> OpenTunnel:
        screen.show(ProbeCheck("tunnel", "good", ""))
        return OpenTunnel(URL, "")

    def lead_here(
        meta: Looked, callback: str, asked: TunnelOptions, screen: Shown, _: ExitStack
    ) -> str:
        screen.require(ProbeCheck("callback", "good", ""))
        return "+1"

    monkeypatch.setattr(command, "find", lambda *_, **__: Behind(8000, server.url, ""))
    monkeypatch.setattr(command, "way_in", way_in)
    monkeypatch.setattr(command, "lead_here", lead_here)
    for name, line in (("check_address", "address"), ("check_delivery", "self-test")):
        done = lambda self, *_, line=line: self.screen.show(ProbeCheck(line, "good", ""))  # noqa: E731
        monkeypatch.setattr(TunnelWatch, name, done)


@pytest.mark.store
@pytest.mark.usefixtures("all_well")
@pytest.mark.parametrize("last", ["app secret", "token", "tunnel", "self-test"])
def test_nothing_is_begun_once_somebody_wants_to_stop(last: str) -> None:
    screen = Shown(last=last)
    settings = prepare(NEEDED, 1, real=True).settings
    asked = TunnelOptions(URL, 8000, False, False, False, False, "")

    with pytest.raises(typer.Exit) as ended, ExitStack() as ending:
        Run(asked, {}, settings, screen, Looked(), screen.stopping, ending).run()  # type: ignore[arg-type]

    assert ended.value.exit_code == 0
    assert [line.name for line in screen.lines] == LINES[: LINES.index(last) + 1]
