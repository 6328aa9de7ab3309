"""Reasons of calls that failed, in words that quote neither the address nor a header."""

import os
import socket
import ssl


def describe_error(error: BaseException) -> str:
    """Return the kind of error, and what the system or the library for TLS says of its cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
            return f"{type(error).__name__}: TLS: {reason}"
        if isinstance(cause, socket.gaierror):
            return f"{type(error).__name__}: the name is not known"
        if isinstance(cause, OSError) and cause.errno:
            return f"{type(error).__name__}: {os.strerror(cause.errno)}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__
