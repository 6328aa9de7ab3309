"""`gateway tunnel` leads messages here and leaves nothing at Meta, however it ends.

From `gateway init` to a reply it is followed in `test_to_a_phone.py`.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from tests.support.cli.fake_ngrok import Agent, Answer, Handle, login_page, serving
from tests.support.cli.tunnel_run import NUMBER, SECRET, TOKEN, WORD, Tunnelling
from tests.support.servers import Server, free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Tunnelling]:
    """A folder in which nothing runs."""
    made = Tunnelling(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Tunnelling]:
    made = Tunnelling(tmp_path_factory.mktemp("tunnel"))
    stack = made.serve(server)
    yield made
    stack.stop()
    made.close()


@pytest.fixture
def at(served: Tunnelling) -> Iterator[Tunnelling]:
    """A folder beside a gateway that runs, with Meta as it was at first."""
    served.reset()
    yield served
    served.close_run()


@pytest.mark.long
def test_without_real_the_reply_goes_to_a_sandbox_and_no_phone_shows_it(alone: Tunnelling) -> None:
    alone.start("--url", alone.url)
    alone.write_to_us("Color")
    alone.shows("✓ reply")

    assert "say --real to send it" in alone.said()
    assert alone.phone() == []
    assert alone.end(signal.SIGTERM) == 0
    assert alone.account()["number_overrides"] == {}


@pytest.mark.long
def test_without_rules_it_says_that_nothing_is_answered(alone: Tunnelling) -> None:
    shutil.rmtree(alone.folder / "rules")
    alone.start("--url", alone.url)

    assert "! rules       rules/ has none, so nothing is answered" in alone.said()
    assert "examples/shop" not in alone.said()
    assert alone.end() == 0


def test_a_gateway_that_runs_is_used_and_goes_on(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real", "--json")
    assert "This sends for real" in at.said()
    at.write_to_us("Color")
    at.shows('"name":"status","tone":"good"')
    assert at.phone() == ["Welcome!"]
    assert [secret for secret in (SECRET, TOKEN, WORD) if secret in at.said()] == []
    second = at.run("--url", at.url, "--real")

    assert second.returncode == 2
    assert second.stderr == "error: gateway tunnel runs in this folder already.\n"
    assert at.end() == 0
    assert "sends for real: say --real" in at.run("--url", at.url).stderr
    assert at.account()["number_overrides"] == {}


def test_a_tunnel_leads_to_the_webhook_only(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real")
    others = ("/readyz", "/metrics", "/v1/messages", "/docs", "/")

    assert httpx.get(f"{at.url}/healthz").status_code == 200
    assert {httpx.get(f"{at.url}{path}").status_code for path in others} == {404}
    assert at.end() == 0


@pytest.mark.long
def test_a_killed_run_is_begun_anew_with_another_address(at: Tunnelling) -> None:
    at.account(callback="")
    at.start("--url", at.url, "--real", "--yes").end(signal.SIGKILL)
    assert at.account()["callback"] == f"{at.url}/webhook"

    other = at.url.replace("127.0.0.1", "localhost")
    at.start("--url", other, "--real", "--yes")

    assert at.account()["number_overrides"] == {NUMBER: f"{other}/webhook"}
    assert at.account()["callback"] == f"{other}/webhook"
    at.end(signal.SIGKILL)
    assert at.run("--clear").returncode == 0
    assert (at.account()["callback"], at.account()["number_overrides"]) == ("", {})


def another(_: str, path: str, __: bytes) -> Answer:
    """Answer as a gateway with another app secret does."""
    if path == "/healthz":
        return 200, {"content-type": "text/plain"}, b"ok"
    asked = parse_qs(path.partition("?")[2])
    return (200, {}, asked["hub.challenge"][0].encode()) if asked else (401, {}, b"")


INSTEAD = {
    "a page for people": (login_page, "✗ address     a page for people answers"),
    "a gateway with another secret": (another, "it has another META_APP_SECRET"),
}


@pytest.mark.parametrize(("handle", "told"), INSTEAD.values(), ids=INSTEAD)
def test_what_answers_instead_is_told_and_nothing_is_set(
    at: Tunnelling, handle: Handle, told: str
) -> None:
    with serving(handle) as url:
        refused = at.run("--url", url, "--real")

    assert refused.returncode == 2
    assert told in refused.stdout
    assert at.account()["number_overrides"] == {}
    assert not (at.folder / ".gateway" / "tunnel.json").exists()


def test_ngrok_without_a_token_is_told(at: Tunnelling) -> None:
    refused = at.run("--real", "--ngrok-api", f"http://127.0.0.1:{free_port()}")

    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ngrok needs a token")


def test_a_tunnel_of_an_agent_is_stopped_in_the_end(at: Tunnelling) -> None:
    agent = Agent()
    with serving(agent.handle) as api:
        at.begin("--real", "--ngrok-api", api)
        at.shows("✓ gateway")

        assert [one["addr"] for one in agent.asked] == [f"127.0.0.1:{at.port}"]
        assert at.end(signal.SIGTERM) == 0
    assert agent.tunnels == []
