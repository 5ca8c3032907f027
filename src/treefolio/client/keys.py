"""Keys for brokers and vendors that a service keeps, encrypted, for jobs of its user.

A service whose users log in takes keys in person alone: there, a token is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from treefolio.client.transport import Transport
from treefolio.service.keys.models import KeptKey, KeptKeys


class KeyGroup:
    """The keys of the user. They are set and removed, and never come back. Methods raise ServiceError."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def all(self) -> Sequence[KeptKey]:
        """Which keys there are, by kind."""
        return self.transport.get(KeptKeys, "/keys").keys

    def set_alpaca(self, key_id: str, secret: str, *, live: bool = False) -> KeptKey:
        """Keeps those of an account with Alpaca; `live` says that they move real money."""
        body = {"key_id": key_id, "secret": secret, "live": live}
        return self.transport.send(KeptKey, "PUT", "/keys/alpaca", body)

    def set_massive(self, key: str) -> KeptKey:
        """Keeps that of an account with Massive."""
        return self.transport.send(KeptKey, "PUT", "/keys/massive", {"key": key})

    def remove(self, kind: str) -> None:
        """Has the service forget the keys of a kind."""
        self.transport.ask("DELETE", f"/keys/{kind}")
