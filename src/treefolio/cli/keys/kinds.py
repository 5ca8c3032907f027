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
def in_person(client: Client) -> Iterator[None]:
    """Where a service takes no token, says where else to do it: on its page.

    Raises:
        ServiceError: it refuses the token, or that there is none; or whatever else it says.
    """
    from treefolio.client import ServiceError  # noqa: PLC0415 - heavy

    try:
        yield
    except ServiceError as error:
        if error.code not in _TOKENS:
            raise
        raise ServiceError(
            "this service takes keys in person alone: by a login, never with a token",
            code=error.code,
            status=error.status,
            request_id=error.request_id,
            hint=f"Do it on the page {client.transport.url.rstrip('/')}/welcome.",
        ) from None
