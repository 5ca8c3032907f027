"""Who asks: a user, and what they may. The door finds out, and routes take it from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from treefolio.service.local import LOCAL
from treefolio.service.problems import Declined

CALLER = "caller"
"""Where the door puts it in the scope of a request."""


class Scope(StrEnum):
    """What a token may be used for."""

    READ = "read"
    """To look at everything of its user, but for keys."""
    WRITE = "write"
    """To submit, change and remove as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A user who asks.

    Attributes:
        user: the id, which every query is scoped by.
        administrator: may raise jobs and change users.
        scopes: what may be done. A session has all of them.
    """

    user: str
    name: str
    administrator: bool
    scopes: frozenset[Scope]


THE_USER = Caller(user=LOCAL, name="", administrator=True, scopes=frozenset(Scope))
"""Of a service without login."""


def caller(connection: HTTPConnection) -> Caller:
    """Who asks."""
    found: Caller = connection.scope[CALLER]
    return found


def owner(connection: HTTPConnection) -> str:
    """The user whose things are asked for."""
    return caller(connection).user


def administrator(connection: HTTPConnection) -> Caller:
    """Who asks, and is an administrator. Raises Declined."""
    found = caller(connection)
    if not found.administrator:
        raise Declined(
            "only an administrator may do this",
            code="not_administrator",
            status=403,
            hint="Ask an administrator of this service.",
        )
    return found


Owner = Annotated[str, Depends(owner)]
Asking = Annotated[Caller, Depends(caller)]
Administrator = Annotated[Caller, Depends(administrator)]
