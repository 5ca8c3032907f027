"""Who may come in: what the door asks of each request before a route sees it.

`HouseKeeper` is that of a service without login; `treefolio.service.accounts.keeper` has the other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from treefolio.service.address import Address
from treefolio.service.callers import THE_USER, Caller
from treefolio.service.problems import Declined

LOOKING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request, as it says of itself.

    Attributes:
        headers: by their names in small letters; the last one of each name.
        socket: it wants a WebSocket.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    socket: bool = False


class Keeper(Protocol):
    """Decides who may come in."""

    address: Address

    async def admit(self, visit: Visit) -> Caller | None:
        """Who asks; None where nobody needs to say so.

        Raises:
            Declined: they may not come in. DatabaseError: it cannot be found out.
        """


def require_here(visit: Visit, address: Address, *, any_port: bool) -> None:
    """Nothing, when the request names this service. Raises Declined."""
    stranger = address.stranger(visit.headers, any_port=any_port)
    if stranger is not None:
        raise Declined(
            f"{stranger} is not this service",
            code="elsewhere",
            status=403,
            hint="Speak to it from its own machine as 127.0.0.1, or as TREEFOLIO_PUBLIC_URL says.",
        )


class HouseKeeper:
    """There is one user and no login, so only the service's own machine may speak to it."""

    def __init__(self) -> None:
        self.address = Address()

    async def admit(self, visit: Visit) -> Caller:
        """The one user. Raises Declined."""
        require_here(visit, self.address, any_port=True)
        return THE_USER
