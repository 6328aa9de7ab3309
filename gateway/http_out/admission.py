"""Which addresses of the network a request may connect to, by who wrote its host.

What an operator wrote may be private: a helpdesk in the same compose. What came from outside, as
the target of a redirect does, must be public, or a stranger reads what only this machine can reach.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

import httpcore
import httpx

IpAddress: TypeAlias = IPv4Address | IPv6Address
Admits: TypeAlias = Callable[[IpAddress], bool]

# What clouds tell a machine about itself, its credentials too, beside 169.254.169.254.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
# All public addresses of IPv6; outside are NAT64, mapped and compatible forms of IPv4.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))  # 6to4, Teredo: IPv4 inside
_NAT64 = IPv6Network("64:ff9b::/96")


class ForbiddenAddressError(httpcore.ConnectError):
    """The host leads to an address that this request may not connect to; the text says why."""


class UnusableAddressError(httpx.InvalidURL):
    """An address that no request goes to; the text says why, and quotes nothing of it."""


def admit_any(_: IpAddress) -> bool:
    """Admit every address: the host is ours, Meta's or a proxy."""
    return True


def admit_operators(address: IpAddress) -> bool:
    """Admit what a name that an operator wrote may lead to: all but link-local and metadata.

    Whoever answers for the name could otherwise point it at the machine's own credentials.
    """
    inner = _inner_address(address)
    return not (inner.is_link_local or inner.is_multicast or inner in _METADATA)


def admit_public(address: IpAddress) -> bool:
    """Admit only what everybody can reach."""
    if isinstance(address, IPv6Address) and (
        address not in _GLOBAL_UNICAST or any(address in network for network in _TUNNELS)
    ):
        return False
    return address.is_global and not address.is_multicast and address not in _METADATA


def parse_address(text: str) -> IpAddress | None:
    """Read an address of the network; None for a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _inner_address(address: IpAddress) -> IpAddress:
    """Return the address of IPv4 that one of IPv6 stands for, or else the address."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
