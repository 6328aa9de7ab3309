"""`gateway tunnel` from an `.env` to a reply, and what stays at Meta when it ends: nothing."""

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.cli.standing_in import Agent, Answer, login_page, serving
from tests.e2e.tunnelling import (
    APPS,
    DISPLAY,
    NUMBER,
    OTHER_NUMBER,
    SECRET,
    TOKEN,
    WORD,
    Tunnelling,
)
from tests.servers import Server, free_port, wait_until

pytestmark = pytest.mark.e2e

NOTE = Path(".gateway") / "tunnel.json"


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


def test_a_message_is_answered_on_the_phone_and_nothing_is_left(alone: Tunnelling) -> None:
    alone.account(subscribed=False)
    alone.start("--url", alone.url, "--real")
    assert alone.account()["number_overrides"] == {NUMBER: f"{alone.url}/webhook"}
    assert f"write from a phone to +{DISPLAY}" in alone.said()
    assert "This sends for real" in alone.said()

    alone.write_to_us("hi")
    alone.shows("✓ reply")
    wait_until(lambda: alone.phone() == ["Welcome!"], "the phone shows the reply")

    assert alone.end() == 0
    account = alone.account()
    assert (account["number_overrides"], account["callback"]) == ({}, APPS)
    assert account["subscribed"] is True
    assert [word for word in (SECRET, TOKEN, WORD, "✗") if word in alone.said()] == []


def test_without_real_the_reply_goes_to_a_sandbox_and_no_phone_shows_it(alone: Tunnelling) -> None:
    alone.start("--url", alone.url)
    alone.write_to_us("Color")
    alone.shows("✓ reply")

    assert "say --real to send it" in alone.said()
    assert alone.phone() == []
    assert alone.end(signal.SIGTERM) == 0
    assert alone.account()["number_overrides"] == {}


def test_a_gateway_that_runs_is_used_and_goes_on(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real", "--json")
    at.write_to_us("Color")
    at.shows('"name":"reply","tone":"good"')

    assert at.end() == 0
    assert at.run("--url", at.url).returncode == 2  # it sends for real, and that was not said
    assert at.account()["number_overrides"] == {}


def test_what_a_killed_run_left_is_cleared_when_asked_for(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real").end(signal.SIGKILL)
    assert at.account()["number_overrides"] == {NUMBER: f"{at.url}/webhook"}

    cleared = at.run("--clear")

    assert cleared.returncode == 0
    assert "✓ cleared" in cleared.stdout
    assert at.account()["number_overrides"] == {}
    assert "no run in this folder" in at.run("--clear").stdout


def test_a_killed_run_is_begun_anew_with_another_address(at: Tunnelling) -> None:
    at.account(callback="")
    at.start("--url", at.url, "--real", "--yes").end(signal.SIGKILL)
    assert at.account()["callback"] == f"{at.url}/webhook"

    other = at.url.replace("127.0.0.1", "localhost")
    at.start("--url", other, "--real", "--yes")

    assert at.account()["number_overrides"] == {NUMBER: f"{other}/webhook"}
    assert at.account()["callback"] == f"{other}/webhook"
    assert at.end() == 0
    assert (at.account()["callback"], at.account()["number_overrides"]) == ("", {})


def test_an_override_that_somebody_set_meanwhile_is_left_alone(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real")
    theirs = at.url.replace("127.0.0.1", "localhost") + "/webhook"
    at.override(theirs, WORD)

    assert at.end() == 0
    assert at.account()["number_overrides"] == {NUMBER: theirs}


def test_what_cannot_be_cleared_is_told_and_cleared_by_the_next(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real")
    at.token(revoked=True)

    assert at.end() == 1
    assert "is still set at Meta" in at.said()
    at.token(revoked=False)
    assert at.run("--clear").returncode == 0
    assert at.account()["number_overrides"] == {}


def shaking(_: str, path: str, __: bytes) -> Answer:
    """Shake hands as somebody else's endpoint does."""
    return 200, {}, parse_qs(path)["hub.challenge"][0].encode()


def test_a_callback_of_somebody_else_is_not_replaced_unasked(at: Tunnelling) -> None:
    with serving(shaking) as theirs:
        at.override(f"{theirs}/webhook", WORD)
        refused = at.run("--url", at.url, "--real")

    assert refused.returncode == 2
    assert "Say --replace to agree." in refused.stderr
    assert at.account()["number_overrides"] == {NUMBER: f"{theirs}/webhook"}


def test_an_app_is_given_no_callback_unasked(at: Tunnelling) -> None:
    at.account(callback="")

    refused = at.run("--url", at.url, "--real")

    assert refused.returncode == 2
    assert "Say --yes to agree." in refused.stderr
    assert at.account()["callback"] == ""


def test_a_page_for_people_is_told_and_nothing_is_set(at: Tunnelling) -> None:
    with serving(login_page) as url:
        refused = at.run("--url", url, "--real")

    assert refused.returncode == 2
    assert "✗ address    a page for people answers" in refused.stdout
    assert at.account()["number_overrides"] == {}
    assert not (at.folder / NOTE).exists()


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "the app secret": (
        {"META_APP_SECRET": "hush-other"},
        "✗ app        The app secret does not belong to the app id",
    ),
    "the token": ({"META_ACCESS_TOKEN": "hush-no-token"}, "✗ token      is not valid"),
    "the account": (
        {"META_PHONE_NUMBER_ID": OTHER_NUMBER},
        f"✗ number     number {OTHER_NUMBER} does not belong to account",
    ),
    "an id that is not set": ({"META_WABA_ID": ""}, "✗ settings   META_WABA_ID not set"),
}


@pytest.mark.parametrize(("written", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_at_meta_is_one_red_line(
    at: Tunnelling, written: dict[str, str], told: str
) -> None:
    at.write(**at.more, **written)
    before = at.account()

    refused = at.run("--url", at.url, "--real")

    assert refused.returncode == 2
    assert [line for line in refused.stdout.splitlines() if line.startswith("✗")] != []
    assert told in refused.stdout
    assert "hush" not in refused.stdout + refused.stderr
    assert at.account() == before


def test_a_token_that_has_expired_is_told(at: Tunnelling) -> None:
    at.token(expires_in_s=-1)

    refused = at.run("--url", at.url, "--real")

    assert refused.returncode == 2
    assert "✗ token      is not valid (it has expired)" in refused.stdout


def test_another_secret_of_the_gateway_that_runs_is_told(at: Tunnelling) -> None:
    with serving(lambda _, path, __: _gateway(path)) as url:
        refused = at.run("--url", url, "--real")

    assert refused.returncode == 2
    assert "another META_APP_SECRET" in refused.stdout


def _gateway(path: str) -> Answer:
    """Answer as a gateway with another app secret does."""
    if path == "/healthz":
        return 200, {"content-type": "text/plain"}, b"ok"
    asked = parse_qs(path.partition("?")[2])
    return (200, {}, asked["hub.challenge"][0].encode()) if asked else (401, {}, b"")


def test_ngrok_without_a_token_is_told(at: Tunnelling) -> None:
    refused = at.run("--real", "--ngrok-api", f"http://127.0.0.1:{free_port()}")

    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ngrok needs a token")


def test_a_tunnel_of_an_agent_is_stopped_where_its_address_leads_nowhere(at: Tunnelling) -> None:
    agent = Agent()
    with serving(agent.handle) as api:
        at.run("--real", "--ngrok-api", api)

    assert [one["addr"] for one in agent.asked] == [f"127.0.0.1:{at.port}"]
    assert agent.tunnels == []
    assert at.account()["number_overrides"] == {}


REFUSED_ADDRESSES = ["http://my.tunnel.dev", "my.tunnel.dev", "https://my.tunnel.dev/a?b=hush"]


@pytest.mark.parametrize("url", REFUSED_ADDRESSES)
def test_an_address_that_meta_could_not_post_to_is_refused(at: Tunnelling, url: str) -> None:
    refused = at.run("--url", url)

    assert refused.returncode == 2
    assert "is no address that Meta could post to" in refused.stderr
    assert "hush" not in refused.stderr


def test_a_second_run_in_the_folder_is_refused(at: Tunnelling) -> None:
    at.start("--url", at.url, "--real")

    refused = at.run("--url", at.url, "--real")

    assert refused.returncode == 2
    assert refused.stderr == "error: gateway tunnel runs in this folder already.\n"
