"""Ngrok tunnel to a port of this machine: of an agent that runs already, or of our own.

An agent is found by its local API (https://ngrok.com/docs/agent/api); if there is none, the agent
in the Python package is used. An error of ngrok is reported by its code only, because some of its
messages quote the token.
"""

import importlib
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateway.cli.common.callback_probe import is_here, parse_public_address
from gateway.cli.local.ports import HOST
from gateway.core.text import printable
from gateway.http_out.transport import DeadlineTransport, limits

AGENT = "http://127.0.0.1:4040"
TIMEOUT_S = 15.0
MOST_SHOWN = 80  # characters of an address
HOW_TO_LOG_IN = (
    "ngrok needs a token: put NGROK_AUTHTOKEN into .env or the environment "
    "(https://dashboard.ngrok.com/get-started/your-authtoken), start an ngrok agent of your own, "
    "or give the address of another tunnel with --url."
)
HOW_TO_INSTALL = (
    "The package of ngrok is not installed: run scripts/install tunnel "
    "(pip install 'whatsapp-gateway[tunnel]'), start an ngrok agent of your own, or give the "
    "address of another tunnel with --url."
)
_HINTS: Mapping[str, str] = {
    "ERR_NGROK_105": "the token is none of ngrok's",
    "ERR_NGROK_107": "the token is not valid any more",
    "ERR_NGROK_108": "the account has another agent running, and its plan allows no more",
    "ERR_NGROK_334": "its address is in use by another agent",
    "ERR_NGROK_4018": "the agent has no token",
}


class NgrokError(Exception):
    """No tunnel could be opened; the message is one sentence, without the token."""


@dataclass(frozen=True, slots=True)
class OpenTunnel:
    """An open tunnel, and how to close it; a tunnel that existed before stays open."""

    url: str
    description: str
    close: Callable[[], None] = field(default=lambda: None, repr=False)


def open_tunnel(port: int, token: str, agent: str = AGENT) -> OpenTunnel:
    """Open a tunnel to a port of this machine, or use an existing one.

    Raises NgrokError.
    """
    try:
        with _open_client(agent) as client:
            tunnels = _list_tunnels(client)
            if tunnels is not None:
                return _check_address(_use_agent(client, tunnels, port, agent))
    except httpx.InvalidURL:
        raise NgrokError(f"{agent} is no web address: write {AGENT}.") from None
    if not token:
        raise NgrokError(HOW_TO_LOG_IN)
    return _check_address(_open_own(port, token))


def _check_address(opened: OpenTunnel) -> OpenTunnel:
    """Return the tunnel with a normalized address; close it if it has none that Meta can use."""
    url = parse_public_address(opened.url, AGENT)
    if url is None:
        opened.close()
        shown = " ".join(printable(opened.url[:MOST_SHOWN]).split())
        raise NgrokError(
            f"ngrok gives {shown} as the address of its tunnel, to "
            "which Meta could not post: look at the agent's configuration, or give the address "
            "with --url."
        )
    return replace(opened, url=url)


def find_tunnel(tunnels: Sequence[Any], port: int) -> Mapping[str, Any] | None:
    """Return an agent's https tunnel to a port of this machine, None if there is none."""
    for one in tunnels:
        if isinstance(one, dict) and str(one.get("public_url", "")).startswith("https://"):
            config = one.get("config")
            if isinstance(config, dict) and _leads_to(str(config.get("addr", "")), port):
                return one
    return None


def _leads_to(addr: str, port: int) -> bool:
    """Return whether "8000", "localhost:8000" or "http://127.0.0.1:8000" is this machine's port."""
    addr = f"{HOST}:{addr}" if addr.isdecimal() else addr
    try:
        parts = urlsplit(addr if "//" in addr else f"//{addr}")
        return is_here(parts.hostname or "") and parts.port == port
    except ValueError:
        return False


def _open_client(agent: str) -> httpx.Client:
    """Return a client with one time limit for all requests: the server at the port is unknown."""
    return httpx.Client(
        base_url=agent,
        transport=DeadlineTransport(agent),
        timeout=limits(TIMEOUT_S),
        trust_env=False,
    )


def _list_tunnels(client: httpx.Client) -> list[Any] | None:
    """Return the tunnels of the agent, None if no agent runs."""
    try:
        tunnels = client.get("/api/tunnels").json()["tunnels"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None  # another server may listen there
    return tunnels if isinstance(tunnels, list) else None


def _use_agent(client: httpx.Client, tunnels: list[Any], port: int, agent: str) -> OpenTunnel:
    tunnel = find_tunnel(tunnels, port)
    started = tunnel is None
    if tunnel is None:
        tunnel = _start_tunnel(client, port)
    description = f"{'started' if started else 'found'} in the ngrok agent that runs here"
    # A tunnel with our name is left from a run that was killed.
    if started or tunnel.get("name") == _tunnel_name(port):
        return OpenTunnel(str(tunnel["public_url"]), description, lambda: _stop(agent, port))
    return OpenTunnel(str(tunnel["public_url"]), description)


def _start_tunnel(client: httpx.Client, port: int) -> Mapping[str, Any]:
    request = {
        "name": _tunnel_name(port),
        "proto": "http",
        "addr": f"{HOST}:{port}",
        "schemes": ["https"],
    }
    try:
        answer = client.post("/api/tunnels", json=request)
        created = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NgrokError(f"The ngrok agent gave no answer ({type(error).__name__}).") from None
    tunnel = find_tunnel([created], port)
    if answer.status_code != httpx.codes.CREATED or tunnel is None:
        raise NgrokError(
            _describe_error("The ngrok agent that runs here opens no tunnel", answer.text)
        )
    return tunnel


def _stop(agent: str, port: int) -> None:
    """Stop the tunnel that we had the agent start; without an agent there is none."""
    with _open_client(agent) as client:
        try:
            client.delete(f"/api/tunnels/{_tunnel_name(port)}")
        except httpx.HTTPError:
            return


def _tunnel_name(port: int) -> str:
    return f"whatsapp-gateway-{port}"


def _open_own(port: int, token: str) -> OpenTunnel:
    try:
        package = importlib.import_module("ngrok")
    except ImportError:
        raise NgrokError(HOW_TO_INSTALL) from None
    url = _open_in_time(lambda: str(package.forward(f"{HOST}:{port}", authtoken=token).url()))
    return OpenTunnel(url, "opened by ngrok", lambda: _close(package, url))


def _open_in_time(opening: Callable[[], str]) -> str:
    """Return the address, within a time limit: the package may retry forever."""
    done: list[str | NgrokError] = []

    def run() -> None:
        try:
            done.append(opening())
        except Exception as error:  # the package does not export its errors
            done.append(NgrokError(_describe_error("ngrok opens no tunnel", repr(error.args))))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    if not done:
        raise NgrokError(f"ngrok did not answer within {TIMEOUT_S:.0f} s: is its service reached?")
    if isinstance(done[0], NgrokError):
        raise done[0]
    return done[0]


def _close(package: Any, url: str) -> None:
    """Close our own tunnel; it would end with this process as well."""
    thread = threading.Thread(target=package.disconnect, args=[url], daemon=True)
    thread.start()
    thread.join(2)


def _describe_error(what: str, text: str) -> str:
    code = re.search(r"ERR_NGROK_\d{1,6}", text)
    if not code:
        return f"{what}: is its service reached from here?"
    hint = _HINTS.get(code[0], f"see https://ngrok.com/docs/errors/{code[0].lower()}")
    return f"{what}: {hint} ({code[0]})."
