"""A tunnel of ngrok: of the agent that runs, else of the package, and nothing of it stays."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from gateway.cli.setup.tunnel import ngrok
from gateway.cli.setup.tunnel.ngrok import HOW_TO_INSTALL, HOW_TO_LOG_IN, NgrokError, open_tunnel
from tests.support.cli.fake_ngrok import PUBLIC, Agent, login_page, serving
from tests.support.servers import free_port
from tests.support.web import socket_servers

PORT = 8000
HUSH = "2abcHUSHdef"


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def api(agent: Agent) -> Iterator[str]:
    with serving(agent.handle) as url:
        yield url


LEADING = ["http://localhost:8000", "localhost:8000", "127.0.0.1:8000", "8000"]


@pytest.mark.parametrize("addr", LEADING)
def test_a_tunnel_that_is_there_is_used_and_stays(agent: Agent, api: str, addr: str) -> None:
    agent.add("command_line", addr)

    opened = open_tunnel(PORT, "", api)
    opened.close()

    assert opened.url == PUBLIC
    assert "found" in opened.description
    assert ([one["name"] for one in agent.tunnels], agent.asked) == (["command_line"], [])


ODD = {
    "no host": "https://",
    "half a host": "https://[x",
    "no number as a port": "https://a.ngrok.app:port",
    "an impossible port": "https://a.ngrok.app:99999",
    "a machine of its own network": "https://10.0.0.7",
    "a line of its own": "https://a.ngrok.app\nerror: broken",
    "a very long one": f"https://{'a' * 5000}.ngrok.app",
}


@pytest.mark.parametrize("public", ODD.values(), ids=ODD)
def test_an_address_that_meta_could_not_post_to_is_a_sentence(
    agent: Agent, api: str, public: str
) -> None:
    agent.add("command_line", "8000", public)

    with pytest.raises(NgrokError, match="Meta could not post") as told:
        open_tunnel(PORT, "", api)

    assert len(str(told.value)) < 300
    assert "\n" not in str(told.value)


def test_an_address_is_used_without_the_path_and_the_usual_port(agent: Agent, api: str) -> None:
    agent.add("command_line", "8000", "https://A.ngrok.app:443/")

    assert open_tunnel(PORT, "", api).url == "https://a.ngrok.app"


ELSEWHERE = {
    "another port": ("http://localhost:80", "https://a.ngrok.app"),
    "another machine": ("http://10.0.0.7:8000", "https://a.ngrok.app"),
    "no port": ("http://localhost", "https://a.ngrok.app"),
    "no web": ("localhost:8000", "tcp://0.tcp.ngrok.io:53476"),
    "no https": ("localhost:8000", "http://a.ngrok.app"),
    "nonsense": ("http://[x", "https://a.ngrok.app"),
}


@pytest.mark.parametrize(("addr", "public"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_tunnel_is_started_and_stopped_where_none_leads_here(
    agent: Agent, api: str, addr: str, public: str
) -> None:
    agent.add("command_line", addr, public)

    opened = open_tunnel(PORT, "", api)
    assert [one["addr"] for one in agent.asked] == ["127.0.0.1:8000"]
    opened.close()

    assert [one["name"] for one in agent.tunnels] == ["command_line"]


def test_a_tunnel_that_a_killed_run_left_is_stopped_as_well(agent: Agent, api: str) -> None:
    open_tunnel(PORT, "", api)

    open_tunnel(PORT, "", api).close()

    assert agent.tunnels == []


def test_an_agent_that_refuses_is_told_by_its_code_and_not_by_its_words(
    agent: Agent, api: str
) -> None:
    agent.refuses = "ERR_NGROK_108"

    with pytest.raises(NgrokError, match=r"another agent running.*\(ERR_NGROK_108\)") as refused:
        open_tunnel(PORT, "", api)

    assert "hush" not in str(refused.value)


def test_without_an_agent_a_token_is_asked_for() -> None:
    with pytest.raises(NgrokError) as refused:
        open_tunnel(PORT, "", f"http://127.0.0.1:{free_port()}")

    assert str(refused.value) == HOW_TO_LOG_IN


def test_what_listens_in_place_of_an_agent_is_no_agent() -> None:
    with serving(login_page) as url, pytest.raises(NgrokError) as refused:
        open_tunnel(PORT, "", url)

    assert str(refused.value) == HOW_TO_LOG_IN


def test_what_drips_in_place_of_an_agent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrok, "TIMEOUT_S", 0.5)
    with socket_servers.serving() as serve, pytest.raises(NgrokError) as refused:
        open_tunnel(PORT, "", serve(socket_servers.dripping(b"HTTP/1.1 200 OK\r\nX: ")))

    assert str(refused.value) == HOW_TO_LOG_IN


class Listener:
    def url(self) -> str:
        return "https://own.ngrok.app"


class Package(ModuleType):
    """The package's two functions that are used."""

    def __init__(self, refusal: Exception | None = None) -> None:
        super().__init__("ngrok")
        self.called: list[Any] = []
        self._refusal = refusal

    def forward(self, addr: str, *, authtoken: str) -> Listener:
        self.called.append(("forward", addr, authtoken))
        if self._refusal:
            raise self._refusal
        return Listener()

    def disconnect(self, url: str) -> None:
        self.called.append(("disconnect", url))


def test_the_package_opens_a_tunnel_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    package = Package()
    monkeypatch.setitem(sys.modules, "ngrok", package)

    opened = open_tunnel(PORT, HUSH, f"http://127.0.0.1:{free_port()}")
    opened.close()

    assert opened.url == "https://own.ngrok.app"
    assert package.called == [
        ("forward", "127.0.0.1:8000", HUSH),
        ("disconnect", "https://own.ngrok.app"),
    ]


REFUSALS = {
    "a wrong token": (
        ValueError("failed to connect session", f"Your authtoken: {HUSH}", "ERR_NGROK_105"),
        "ngrok opens no tunnel: the token is none of ngrok's (ERR_NGROK_105).",
    ),
    "another error": (
        ValueError(f"{HUSH} ERR_NGROK_9999"),
        "ngrok opens no tunnel: see https://ngrok.com/docs/errors/err_ngrok_9999 (ERR_NGROK_9999).",
    ),
    "no way out": (
        ValueError("failed to connect session", "failed to establish tcp connection"),
        "ngrok opens no tunnel: is its service reached from here?",
    ),
}


@pytest.mark.parametrize(("refusal", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_what_the_package_refuses_is_told_without_the_token(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, "ngrok", Package(refusal))

    with pytest.raises(NgrokError) as refused:
        open_tunnel(PORT, HUSH, f"http://127.0.0.1:{free_port()}")

    assert str(refused.value) == sentence


def test_a_missing_package_is_told_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ngrok", None)

    with pytest.raises(NgrokError) as refused:
        open_tunnel(PORT, HUSH, f"http://127.0.0.1:{free_port()}")

    assert str(refused.value) == HOW_TO_INSTALL
