"""From where a request comes: the address that limits count by, and that the log of acts says.

Behind a proxy every request comes from the proxy. So one whose address is trusted is believed when it says,
as the last entry of ``X-Forwarded-For``, whom it speaks for; nobody else is.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from treefolio.service.callers import CALLER, Caller
from treefolio.service.settings import Network

WHENCE = "whence"
"""Where `limits.counting` puts it in the scope of a request."""
_SITE = 64
"""Bits of an IPv6 address that one customer of a provider has alone: limits count by these."""
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whence:
    """Who asks, from where, and with which request. who: None where nobody is known."""

    who: str | None
    address: str
    request_id: str


OPERATOR = Whence(who=None, address="", request_id="")
"""Whoever runs the service, on its machine: asks the database itself, and is none of the users."""


def whence(connection: HTTPConnection, proxies: tuple[Network, ...]) -> Whence:
    """From where this request comes."""
    caller: Caller | None = connection.scope.get(CALLER)
    return Whence(
        who=None if caller is None else caller.user,
        address=_address(connection, proxies),
        request_id=str(connection.scope.get("request_id", "")),
    )


def found(connection: HTTPConnection) -> Whence:
    """From where this request comes, as was found out before."""
    noted: Whence = connection.scope[WHENCE]
    return noted


From = Annotated[Whence, Depends(found)]


def site(address: str) -> str:
    """What limits count by: an IPv4 address, or the network of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found), _SITE), strict=False))


def _address(connection: HTTPConnection, proxies: tuple[Network, ...]) -> str:
    peer = connection.client.host if connection.client is not None else _UNKNOWN
    said = connection.headers.getlist("x-forwarded-for")
    if not said or not _trusted(peer, proxies):
        return peer
    last = said[-1].rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return peer


def _trusted(peer: str, proxies: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return False
    return any(found in network for network in proxies)
