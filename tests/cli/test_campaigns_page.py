"""The commands with which docs/campaigns.md begins work as they stand, one after the other."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.operate.campaigns import command
from gateway.store.campaigns import control
from gateway.store.campaigns.campaigns import list_campaigns
from gateway.store.redis.client import Store
from gateway.store.sending.lanes import Lanes
from tests.support.cli.gateway_folder import enter_gateway_folder
from tests.support.servers import Server
from tests.support.store.campaigns import BODIES, read

PAGE = (Path(__file__).parents[2] / "docs" / "campaigns.md").read_text()
EXAMPLE = "k7f3abcdm2qx"
pytestmark = pytest.mark.store


def first_commands() -> list[list[str]]:
    """Return the words of the commands in the first block, without `gateway`."""
    (block, *_) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


def test_the_first_commands_lead_from_a_file_to_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, store: Store
) -> None:
    enter_gateway_folder(tmp_path, monkeypatch, server.url)
    monkeypatch.setattr(command, "_has_terminal", lambda: True)
    Path("people.csv").write_text("phone,first_name\n+351900000101,Ana\n+351900000102,Rui\n")
    create, *others = first_commands()
    assert [words[1] for words in others] == [
        "audience", "check", "test", "start", "watch", "export"
    ]  # fmt: skip

    id_ = CliRunner().invoke(app, create).stdout.strip()
    for words in others:
        if words[1] == "watch":  # which lasts until the end, and no worker leads it here
            assert control.cancel(store, read(store, id_), "test", "enough") == ""
        given = [id_ if word == EXAMPLE else word for word in words]
        result = CliRunner().invoke(app, given, input="y\n")
        assert result.exit_code == 0, (words, result.output)

    (campaign,) = list_campaigns(store, BODIES)
    assert (campaign.id, campaign.started_at is not None) == (id_, True)
    (trial,) = Lanes(store, campaign.number, 1_000).pump([], 9).attempts
    assert (trial.body["to"], "Ana" in str(trial.body)) == ("+351912345678", True)
    assert Path("spring.csv").read_text().count("cancelled") == 2
