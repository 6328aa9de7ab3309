"""Web addresses that an operator writes into a file: what is wrong with one, in a sentence."""

import re
from urllib.parse import SplitResult, urlsplit

_INVISIBLE = re.compile(r"[\s\x00-\x20\x7f]")
_HOST = re.compile(r"[^\s/?#@\\%<>^`{|}]+")


def find_address_problem(text: str) -> str:
    """Return what is wrong with an address that we are to call, or "" where it is usable.

    The sentence follows the name of the field, and does not quote the address, which may hold a
    token. Who may be at the address is decided when a connection is made.
    """
    if _INVISIBLE.search(text) or "\\" in text:
        return "holds a space, a backslash or an invisible character: write it anew"
    try:
        parts = urlsplit(text)
        return _find_part_problem(parts) or _find_port_problem(parts)
    except ValueError:  # of the brackets around an IPv6 address, or of a port
        return "is no web address: write https://host, or https://host:port"


def _find_part_problem(parts: SplitResult) -> str:
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return "is no web address: write https://host, or https://host:port"
    if "@" in parts.netloc:
        return "holds a login before the host: name a secret instead, which is kept out of files"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        return "has no host: write https://host, or https://host:port"
    if not _is_encodable(parts.hostname):
        return "has a host that no name can be: each part between dots has 1 to 63 characters"
    if parts.fragment:
        return "has a part after #, which no server sees: leave it out"
    return ""


def _find_port_problem(parts: SplitResult) -> str:
    return "has port 0, on which nothing listens" if parts.port == 0 else ""


def _is_encodable(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
