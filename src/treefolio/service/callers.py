"""Who asks: a user, and what they may. The door finds out, and routes take it from here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection

from treefolio.jobs import requests
from treefolio.service.local import LOCAL
from treefolio.service.problems import Declined

CALLER = "caller"
"""Where the door puts it in the scope of a request."""
ADMIT = "admit"
"""Where the door puts how it is asked again: a stream may last longer than the login that opened it."""
LOG_IN = (
    "Log in, or send a token: `Authorization: Bearer tf_…`; the command line has TREEFOLIO_TOKEN. "
    "The page /welcome makes tokens."
)


class By(StrEnum):
    """How a user is known."""

    HOUSE = "house"
    """The service has one user, and no login."""
    SESSION = "session"
    """In person: by the cookie of a login."""
    TOKEN = "token"
    """By a token, as scripts are."""


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
        by: how the user is known.
        session: the login's; None for others.
    """

    user: str
    name: str
    administrator: bool
    scopes: frozenset[Scope]
    by: By = By.HOUSE
    session: UUID | None = None


THE_USER = Caller(user=LOCAL, name="", administrator=True, scopes=frozenset(Scope))
"""Of a service without login."""


def caller(connection: HTTPConnection) -> Caller:
    """Who asks. Raises Declined where the door let somebody pass without asking."""
    found: Caller | None = connection.scope.get(CALLER)
    if found is None:
        raise Declined("nobody is logged in", code="login", status=401, hint=LOG_IN)
    return found


Admit = Callable[[], Awaitable[Caller | None]]
"""Asks the door again who that is. Raises Declined when they may not be in any more, DatabaseError."""


def admission(connection: HTTPConnection) -> Admit:
    """How to find out, later, whether who asks now may still be in."""
    found: Admit = connection.scope[ADMIT]
    return found


def owner(connection: HTTPConnection) -> str:
    """The user whose things are asked for."""
    return caller(connection).user


def administrator(connection: HTTPConnection) -> Caller:
    """Who asks, and is an administrator. Raises Declined."""
    found = caller(connection)
    if not found.administrator:
        raise _not_administrator("do this")
    return found


def require_right(caller: Caller, request: requests.Request) -> None:
    """Nothing, when the caller may submit it: what changes the prices of all is an administrator's.

    Raises:
        Declined.
    """
    of_all = isinstance(request, requests.ImportRequest | requests.PurgeRequest)
    if of_all and not caller.administrator:
        raise _not_administrator(f"submit this: it changes the prices of all ({requests.name_of(request)})")


def _not_administrator(deed: str) -> Declined:
    return Declined(
        f"only an administrator may {deed}",
        code="not_administrator",
        status=403,
        hint="Ask an administrator of this service.",
    )


def in_person(connection: HTTPConnection) -> Caller:
    """Who asks, and not by a token: what lets a user in is changed by nobody else. Raises Declined."""
    found = caller(connection)
    if found.by is By.TOKEN:
        raise Declined(
            "a token may not do this",
            code="in_person",
            status=403,
            hint="Log in: passwords, tokens, sessions and keys are changed in person alone.",
        )
    return found


Owner = Annotated[str, Depends(owner)]
Asking = Annotated[Caller, Depends(caller)]
Administrator = Annotated[Caller, Depends(administrator)]
Admission = Annotated[Admit, Depends(admission)]
InPerson = Annotated[Caller, Depends(in_person)]
