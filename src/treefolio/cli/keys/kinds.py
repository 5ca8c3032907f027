"""Which kinds of keys there are, what each consists of, and who may change them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

from typer import Argument

if TYPE_CHECKING:
    from treefolio.client import Client

PARTS: Mapping[str, tuple[str, ...]] = {"alpaca": ("key_id", "secret"), "massive": ("key",)}
"""Each kind's secret fields, in the order in which they are asked for."""
KINDS = tuple(PARTS)
Kind = Annotated[str, Argument(metavar="KIND", help="alpaca or massive.")]
_TOKENS = ("in_person", "login")
"""What a service with users says of a token, or of none; another one would be no better."""


@contextmanager
def in_person(client: Client, method: str, path: str) -> Iterator[None]:
    """Where a service takes no token, says how to do it there: by this method and path.

    Raises:
        ServiceError: it refuses the token, or that there is none; or whatever else it says.
    """
    from treefolio.client import ServiceError  # noqa: PLC0415 - heavy
    from treefolio.service.models import API  # noqa: PLC0415 - with the others

    try:
        yield
    except ServiceError as error:
        if error.code not in _TOKENS:
            raise
        base = f"{client.transport.url.rstrip('/')}{API}"
        raise ServiceError(
            "this service takes keys in person alone: by a login, never with a token",
            code=error.code,
            status=error.status,
            request_id=error.request_id,
            hint=f"Do it over HTTP: POST {base}/login, then {method} {base}{path} with the login's cookie,"
            " Origin and X-CSRF-Token; docs/service.md shows how, under Keys.",
        ) from None
