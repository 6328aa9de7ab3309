"""Web addresses that an operator writes into a file: what is wrong with one, in a sentence."""

import re
from urllib.parse import SplitResult, urlsplit

_FORM = "must be an address such as https://host or https://host:port"
_INVISIBLE = re.compile(r"[\s\x00-\x20\x7f]")
_HOST = re.compile(r"[^\s/?#@\\%<>^`{|}]+")


def find_address_problem(text: str) -> str:
    """Return what is wrong with an address that we are to call, or "" where it is usable.

    The sentence follows the name of the field, and does not quote the address, which may hold a
    token. Who may be at the address is decided when a connection is made.
    """
    if _INVISIBLE.search(text) or "\\" in text:
        return "must hold no space, backslash or invisible character: write it anew"
    try:
        parts = urlsplit(text)
        return _find_part_problem(parts) or _find_port_problem(parts)
    except ValueError:  # of the brackets around an IPv6 address, or of a port
        return _FORM


def _find_part_problem(parts: SplitResult) -> str:
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return _FORM
    if "@" in parts.netloc:
        return "must have no login before the host: name a secret instead, which no file holds"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        return _FORM
    if not _is_encodable(parts.hostname):
        return "must have a host whose parts between the dots have 1 to 63 characters"
    if parts.fragment:
        return "must have no part after #, which no server sees"
    return ""


def _find_port_problem(parts: SplitResult) -> str:
    return "must have another port than 0, on which nothing listens" if parts.port == 0 else ""


def _is_encodable(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True
