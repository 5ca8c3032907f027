"""Links by which others may read a strategy. The secret in a link is kept as its hash alone."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, func, insert, or_, select, update

from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.tables import shares, strategies
from treefolio.service.accounts.secret import digest, new_secret
from treefolio.service.problems import Declined, not_found
from treefolio.service.strategies.records import Share, Shared
from treefolio.service.strategies.store import no_such, whole


class ShareStore:
    """See the module. Methods raise DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def make(
        self, owner: str, strategy: UUID, *, version: int | None, expires_at: dt.datetime | None
    ) -> tuple[Share, str]:
        """A link and its secret, which nobody learns again.

        Raises:
            Declined: there is no such strategy or version, or the link would have expired already.
        """
        secret = new_secret()
        values = {"id": uuid.uuid4(), "secret_hash": _hash(secret), "strategy": strategy}
        with writing(self.engine) as connection:
            _require_owned(connection, owner, strategy)
            if version is not None:
                whole(connection, strategy, version)
            now = connection.execute(select(func.now())).scalar_one()
            if expires_at is not None and expires_at <= now:
                raise Declined(
                    f"{expires_at:%Y-%m-%d %H:%M %Z} is over",
                    code="expired",
                    status=422,
                    path="body.expires_at",
                    hint="Name a moment that is yet to come.",
                )
            statement = insert(shares).values(**values, version=version, expires_at=expires_at)
            return _share(connection.execute(statement.returning(shares)).one()), secret

    def list(self, owner: str, strategy: UUID) -> Sequence[Share]:
        """The links to a strategy, the latest first. Raises Declined."""
        query = (
            select(shares).where(shares.c.strategy == strategy).order_by(shares.c.made_at.desc(), shares.c.id)
        )
        with reading(self.engine) as connection:
            _require_owned(connection, owner, strategy)
            return [_share(row) for row in connection.execute(query)]

    def revoke(self, owner: str, strategy: UUID, share: UUID) -> Share:
        """The link, which shows nothing any more. Raises Declined."""
        own = (shares.c.id == share, shares.c.strategy == strategy)
        since = func.coalesce(shares.c.revoked_at, func.now())
        with writing(self.engine) as connection:
            _require_owned(connection, owner, strategy)
            statement = update(shares).where(*own).values(revoked_at=since).returning(shares)
            found = connection.execute(statement).one_or_none()
        if found is None:
            raise not_found("link", share, "Look at the strategy's links.")
        return _share(found)

    def read(self, secret: str) -> Shared:
        """What the link with this secret shows. Raises Declined: there is none, or not any more."""
        valid = (
            shares.c.secret_hash == _hash(secret),
            shares.c.revoked_at.is_(None),
            or_(shares.c.expires_at.is_(None), shares.c.expires_at > func.now()),
        )
        query = select(shares.c.version, strategies.c.id, strategies.c.name, strategies.c.imported_at)
        query = query.join_from(shares, strategies, shares.c.strategy == strategies.c.id).where(*valid)
        with reading(self.engine) as connection:
            found = connection.execute(query).one_or_none()
            if found is None:
                raise Declined(
                    "there is no such link, or it has ended",
                    code="not_found",
                    status=404,
                    hint="Ask who gave it to you for another one.",
                )
            return Shared(
                name=found.name,
                imported_at=found.imported_at,
                whole=whole(connection, found.id, found.version),
            )


def _hash(secret: str) -> str:
    return digest(secret).hex()


def _share(row: Row[Any]) -> Share:
    return Share(**{name: value for name, value in row._mapping.items() if name != "secret_hash"})


def _require_owned(connection: Connection, owner: str, strategy: UUID) -> None:
    own = (strategies.c.id == strategy, strategies.c.owner == owner)
    if connection.execute(select(strategies.c.id).where(*own)).scalar() is None:
        raise no_such(strategy)
