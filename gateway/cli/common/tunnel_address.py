"""Which addresses Meta could post to; pure."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

WEBHOOK = "/webhook"
MOST_CALLBACK = 200  # "Maximum 200 characters", Meta's page on webhook overrides
# Of ngrok's free plan; what is paid for is at ngrok.app, ngrok.dev or a domain of one's own.
_FREE = re.compile(r"\.ngrok-free\.[a-z]+$|\.ngrok\.io$")
_INSIDE = (".local", ".internal", ".localhost")


def address(written: str, graph_url: str) -> str | None:
    """Return a public address without its end, None where it is none that Meta could post to.

    This machine is one only where what plays Meta is on it too. The address has one form only, for
    what is set is cleared where Meta tells of the same.
    """
    try:
        parts = urlsplit(written.strip())
        usual = ":443" if parts.scheme == "https" else ":80"
        found = f"{parts.scheme}://{parts.netloc.lower().removesuffix(usual)}"
        host = parts.hostname or ""
        if parts.port == 0 or not host or not _is_whole(parts):
            return None
        here = is_here(host) and is_here(urlsplit(graph_url).hostname or "")
    except ValueError:
        return None
    if not (here or (parts.scheme == "https" and _is_public(host))):
        return None
    return found if len(found + WEBHOOK) <= MOST_CALLBACK else None


def is_free_ngrok(url: str) -> bool:
    """Say whether it is an address of ngrok's free plan."""
    return _FREE.search(urlsplit(url).hostname or "") is not None


def is_here(host: str) -> bool:
    """Say whether a host is this machine."""
    found = _ip(host)
    return found.is_loopback if found else host == "localhost"


def _is_whole(parts: SplitResult) -> bool:
    """Say whether it is the address of a server, or of the webhook there, and no more."""
    path = parts.path.rstrip("/").removesuffix(WEBHOOK)
    more = path or parts.query or parts.fragment or "@" in parts.netloc
    return parts.scheme in ("http", "https") and not more


def _is_public(host: str) -> bool:
    found = _ip(host)
    return found.is_global if found else "." in host and not host.endswith(_INSIDE)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
