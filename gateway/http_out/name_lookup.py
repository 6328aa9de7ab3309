"""Addresses of a host, found within a deadline.

The system's resolver takes no time limit, and with a dead name server it needs half a minute.
"""

import errno
import queue
import socket
import threading
from typing import TypeAlias

import httpcore

from gateway.http_out.admission import parse_address

_Lookup: TypeAlias = "queue.SimpleQueue[list[str] | Exception]"


def find_addresses(host: str, within_s: float) -> list[str]:
    """Return the addresses of a host, the preferred one first.

    Raises httpcore.ConnectError, httpcore.ConnectTimeout, or UnicodeError if no name can be so.
    """
    if parse_address(host):
        return [host]
    try:
        return _wait_for_lookup(host, within_s)
    except OSError as error:
        raise httpcore.ConnectError("the name is not known") from error


def _wait_for_lookup(host: str, within_s: float) -> list[str]:
    found: _Lookup = queue.SimpleQueue()
    try:
        # A daemon: the process may end while a name server is silent.
        threading.Thread(target=_look_up, args=(host, found), name="lookup", daemon=True).start()
        result = found.get(timeout=within_s)
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name server did not answer in time") from None
    except RuntimeError as error:
        raise OSError(errno.ENOMEM, "no thread can be started") from error
    if isinstance(result, Exception):
        raise result
    return result


def _look_up(host: str, found: _Lookup) -> None:
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        # A link-local address means nothing without its interface.
        found.put([socket.getnameinfo(entry[4], socket.NI_NUMERICHOST)[0] for entry in entries])
    except (OSError, ValueError) as error:
        found.put(error)
