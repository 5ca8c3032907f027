"""Sessions: what follows a login. They are kept here; a browser has but a random word, in a cookie."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    delete,
    func,
    insert,
    null,
    select,
    update,
)

from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.tables import sessions, users
from treefolio.service.accounts.secret import digest, new_secret
from treefolio.service.problems import Declined, not_found

MOST = 20
"""Of a user: the one that was not used longest gives way."""
_LONGEST_AGENT = 200
SEEN_EVERY = dt.timedelta(minutes=1)
"""That somebody is there is written no more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login that lasts. agent: the browser, as it calls itself."""

    id: UUID
    agent: str
    created_at: dt.datetime
    seen_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A user whom a session or a token stands for; `id` is its own."""

    id: UUID
    user: str
    name: str
    handle: str
    administrator: bool
    scopes: frozenset[str]


class Sessions:
    """See the module. `idle` and `longest` say how long one lasts. Methods raise DatabaseError."""

    def __init__(self, engine: Engine, *, idle: dt.timedelta, longest: dt.timedelta) -> None:
        self.engine = engine
        self.idle = idle
        self.longest = longest

    def begin(self, user: str, agent: str = "", *, instead: str | None = None) -> str:
        """The secret of a new one, for the cookie; the browser's earlier one, `instead`, ends."""
        secret = new_secret()
        said = "".join(filter(str.isprintable, agent))[:_LONGEST_AGENT]
        values = {"id": uuid.uuid4(), "owner": user, "digest": digest(secret), "agent": said}
        with writing(self.engine) as connection:
            self._make_room(connection, user, instead)
            connection.execute(insert(sessions).values(values))
        return secret

    def known(self, secret: str) -> Known | None:
        """Whose it is; None when it has ended, or its user may not come in."""
        query = (
            select(
                *(sessions.c[name] for name in ("id", "owner", "seen_at")),
                *(users.c[name] for name in ("name", "handle", "administrator")),
                (sessions.c.seen_at < func.now() - SEEN_EVERY).label("stale"),
                null().label("scopes"),
            )
            .join_from(sessions, users)
            .where(sessions.c.digest == digest(secret), self._lasts(), ~users.c.disabled)
        )
        return stands_for(self.engine, query, self._see)

    def list(self, owner: str) -> Sequence[Session]:
        """Those of a user that last, the one that was used last first."""
        query = select(*(sessions.c[name] for name in Session.__slots__)).where(
            sessions.c.owner == owner, self._lasts()
        )
        with reading(self.engine) as connection:
            found = connection.execute(query.order_by(sessions.c.seen_at.desc(), sessions.c.id))
            return [Session(**row._mapping) for row in found]

    def end(self, owner: str, session: UUID) -> None:
        """Ends one. Raises Declined when the user has none of this id."""
        statement = delete(sessions).where(sessions.c.owner == owner, sessions.c.id == session)
        with writing(self.engine) as connection:
            if not connection.execute(statement).rowcount:
                raise no_session(session)

    def _see(self, session: UUID) -> None:
        statement = update(sessions).where(sessions.c.id == session).values(seen_at=func.now())
        with writing(self.engine) as connection:
            connection.execute(statement)

    def _lasts(self) -> ColumnElement[bool]:
        return and_(
            sessions.c.seen_at > func.now() - self.idle, sessions.c.created_at > func.now() - self.longest
        )

    def _make_room(self, connection: Connection, user: str, instead: str | None) -> None:
        """Removes those that have ended, the browser's earlier one, and what is too many."""
        ended = select(sessions.c.id).where(~self._lasts()).with_for_update(skip_locked=True)
        connection.execute(delete(sessions).where(sessions.c.id.in_(ended)))
        if instead is not None:
            connection.execute(delete(sessions).where(sessions.c.digest == digest(instead)))
        newest = (
            select(sessions.c.id)
            .where(sessions.c.owner == user)
            .order_by(sessions.c.seen_at.desc())
            .offset(MOST - 1)
        )
        connection.execute(delete(sessions).where(sessions.c.id.in_(newest)))


def stands_for(engine: Engine, query: Select[Any], see: Callable[[UUID], None]) -> Known | None:
    """The user whom a session or a token of this query stands for; None when there is none.

    Args:
        query: gives its id, when it was seen last (`stale`: long ago), its scopes, and its owner.
        see: notes that it was used.
    """
    with reading(engine) as connection:
        found = connection.execute(query).one_or_none()
    if found is None:
        return None
    if found.stale:
        see(found.id)
    return Known(
        id=found.id,
        user=found.owner,
        name=found.name,
        handle=found.handle,
        administrator=found.administrator,
        scopes=frozenset(found.scopes or ()),
    )


def end_all(connection: Connection, owner: str, *, but: UUID | None = None) -> None:
    """Ends all sessions of a user, in a transaction, but for one."""
    statement = delete(sessions).where(sessions.c.owner == owner)
    connection.execute(statement if but is None else statement.where(sessions.c.id != but))


def no_session(session: UUID) -> Declined:
    """There is none of this id that is the user's own."""
    return not_found("session", session, "GET /api/v1/sessions lists yours.")
