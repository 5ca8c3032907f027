"""Under which names the service may be spoken to: of its machine, and the one where its users find it.

A page of another site must not speak to the service through its visitor's browser. Such a page cannot
change ``Host`` and ``Origin``, so each request is held against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from treefolio.errors import UsageError
from treefolio.service.local import LOOPBACK

_PORTS = {"http": 80, "https": 443}
_SHOWN = 100
_SPELLING = "Write TREEFOLIO_PUBLIC_URL like https://treefolio.example.org, without a path."


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where users find the service; both are empty when that is its own machine.

    Attributes:
        origin: such as ``https://treefolio.example.org``, as browsers write it.
        host: the name in it.
    """

    origin: str = ""
    host: str = ""

    @property
    def secure(self) -> bool:
        """Users reach it by HTTPS alone."""
        return self.origin.startswith("https:")

    def stranger(self, headers: Mapping[str, str], *, any_port: bool) -> str | None:
        """What in a request names another service than this one; None when nothing does.

        Args:
            headers: by their names in small letters.
            any_port: every page of this machine may speak to it, whichever port it came from.
        """
        host = headers.get("host")
        if host is not None and not self._is_name(_name(f"//{host}")):
            return f"Host {host[:_SHOWN]!r}"
        origin = headers.get("origin")
        if origin is None or (any_port and _name(origin) in LOOPBACK):
            return None
        return f"Origin {origin[:_SHOWN]!r}" if any_port or not self.is_own(origin, host) else None

    def is_own(self, origin: str, host: str | None) -> bool:
        """A page of the service itself has this origin; `host` is where it was spoken to."""
        if self.origin and origin == self.origin:
            return True
        return host is not None and _name(f"//{host}") in LOOPBACK and origin == f"http://{host}"

    def base(self, host: str | None) -> str:
        """What links begin with; `host` is where it was spoken to, which the door has looked at."""
        return self.origin or f"http://{host or LOOPBACK[0]}"

    def _is_name(self, name: str) -> bool:
        return name in LOOPBACK or (bool(self.host) and name == self.host)


def address_of(url: str | None) -> Address:
    """The address in a setting. Raises UsageError."""
    if not url:
        return Address()
    found = _split(url.rstrip("/"))
    if found is None or found.scheme not in _PORTS or not found.hostname or found.path or found.query:
        raise UsageError(f"{url!r} is no address of a service", hint=_SPELLING)
    host = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    port = "" if found.port in (None, _PORTS[found.scheme]) else f":{found.port}"
    return Address(origin=f"{found.scheme}://{host}{port}", host=found.hostname)


def _split(url: str) -> SplitResult | None:
    try:
        found = urlsplit(url)
        _ = found.port  # it is looked at here alone
    except ValueError:
        return None
    return found if "@" not in found.netloc and not found.fragment else None


def _name(url: str) -> str:
    """The machine in an address, without its port; empty when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
