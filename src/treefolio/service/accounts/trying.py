"""A try to come in: counted before anything is looked at, and noted when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from sqlalchemy import Engine, select

from treefolio.jobs.acts import Act
from treefolio.jobs.ledger.database import reading
from treefolio.jobs.tables import users
from treefolio.service.accounts.names import handle_of
from treefolio.service.house import House
from treefolio.service.problems import Declined
from treefolio.service.whence import Whence

_REFUSALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.GONE)
"""Of who may not come in; any other is about what was sent beside."""


@contextmanager
def tried(house: House, whence: Whence, *, by: str, name: str | None = None) -> Iterator[None]:
    """While somebody tries to come in.

    A name that is nobody's is not noted: now and then a password is typed there.

    Args:
        by: ``password``, ``link`` or ``discord``.
        name: as it was given, where a way in takes one.

    Raises:
        Declined: there were too many tries.
    """
    handle = None if name is None else handle_of(name)
    house.limits.login(name=handle, address=whence.address)
    try:
        yield
    except Declined as refused:
        if refused.status in _REFUSALS:
            user = whence.who or _user(house.store.engine, handle)
            house.audit.note(None, Act.LOGIN_REFUSED, whence, what={"by": by, "why": refused.code}, who=user)
            raise
        house.limits.welcome(name=handle, address=whence.address)
        raise
    house.limits.welcome(name=handle, address=whence.address)


def _user(engine: Engine, handle: str | None) -> str | None:
    """The user who is called so; None when nobody is, or no name was given."""
    if handle is None:
        return None
    with reading(engine) as connection:
        return connection.execute(select(users.c.id).where(users.c.handle == handle)).scalar()
