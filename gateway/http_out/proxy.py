"""Proxy for what goes out: as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say, never for this machine."""

import ipaddress
from urllib.request import getproxies_environment
from urllib.request import (  # type: ignore[attr-defined]  # missing in the stubs
    proxy_bypass_environment as bypasses_proxy,
)

import httpx


def find_proxy(url: str) -> httpx.Proxy | None:
    """Return the proxy that leads to an address, None where it is reached directly.

    Raises ValueError for a proxy that does not speak HTTP.
    """
    target, proxies = httpx.URL(url), getproxies_environment()
    address = proxies.get(target.scheme) or proxies.get("all")
    if not address or _is_local(target.host) or bypasses_proxy(target.host, proxies):
        return None
    proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    if proxy.url.scheme not in ("http", "https"):
        raise ValueError("the proxy speaks no HTTP")
    return proxy


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
