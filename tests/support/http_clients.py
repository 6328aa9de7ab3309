"""What all HTTP clients of a test process have in common: one TLS context, and patience.

Each client that is not given a context reads all certificates of the system anew, which takes the
processor 35 ms: more than most tests do. One that is given no timeout waits for five seconds, and a
busy machine may take longer.
"""

import os
import ssl
from functools import cache
from typing import Any

import httpx
import httpx._transports.default as transports
from httpx._config import DEFAULT_TIMEOUT_CONFIG

_create = httpx.create_ssl_context


def share_tls_contexts() -> None:
    """Let httpx create one context only, and one more for other certificates in the environment."""
    transports.create_ssl_context = _find  # type: ignore[attr-defined]
    httpx.create_ssl_context = _find


def wait_by_default(seconds: float) -> None:
    """Let clients that are given no timeout wait for so long."""
    for name in ("connect", "read", "write", "pool"):
        setattr(DEFAULT_TIMEOUT_CONFIG, name, seconds)


def _find(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    if verify is not True or cert:
        return _create(verify, cert, trust_env)
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    return _create_once(trust_env, *(os.environ.get(name) for name in names))


@cache
def _create_once(trust_env: bool, *certificates: str | None) -> ssl.SSLContext:
    """Create the context for what the environment says now."""
    return _create(trust_env=trust_env)
