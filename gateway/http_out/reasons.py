"""Reasons of calls that failed, in words that quote neither the address nor a header."""

import errno
import os
import socket
import ssl
from collections.abc import Iterator

from gateway.http_out.admission import ForbiddenAddressError, UnusableAddressError

# This process or machine has none left: open files, memory, ports.
_SHORTAGES = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
)


def describe_error(error: BaseException) -> str:
    """Return the kind of error, and what the system or the library for TLS says of its cause."""
    for cause in _causes(error):
        if isinstance(cause, ForbiddenAddressError | UnusableAddressError):
            return str(cause)
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
            return f"{type(error).__name__}: TLS: {reason}"
        if isinstance(cause, socket.gaierror):
            return f"{type(error).__name__}: the name is not known"
        if isinstance(cause, OSError) and cause.errno:
            return f"{type(error).__name__}: {os.strerror(cause.errno)}"
    return type(error).__name__


def is_local_shortage(error: BaseException) -> bool:
    """Return whether a connection failed because this machine could open none."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return not _can_open_socket()  # the resolver does not say why it asked no server
        if isinstance(cause, OSError) and cause.errno in _SHORTAGES:
            return True
    return False


def _can_open_socket() -> bool:
    try:
        socket.socket().close()
    except OSError:
        return False
    return True


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
