"""Tokens: what scripts have instead of a login. Each is shown once, when it is made."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, delete, func, insert, or_, select, text, update

from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.tables import tokens, users
from treefolio.service.accounts.secret import SECRET, digest, new_secret
from treefolio.service.accounts.sessions import SEEN_EVERY, Known, stands_for
from treefolio.service.callers import Scope
from treefolio.service.problems import Declined, not_found

PREFIX = "tf_"
"""By which programs that look for lost secrets know one."""
TOKEN = re.compile(PREFIX + SECRET.pattern)
MOST = 100
_SHOWN = len(PREFIX) + 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, without its secret. shown: how it begins. used_at: to the minute."""

    id: UUID
    name: str
    shown: str
    scopes: frozenset[Scope]
    created_at: dt.datetime
    expires_at: dt.datetime | None
    used_at: dt.datetime | None


class Tokens:
    """See the module. Methods raise DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def make(
        self, owner: str, name: str, scopes: Collection[Scope], expires_at: dt.datetime | None
    ) -> tuple[Token, str]:
        """A new one, and its secret. Who may write may read. Raises Declined when there are too many."""
        secret = PREFIX + new_secret()
        values = {
            "id": uuid.uuid4(),
            "owner": owner,
            "name": name,
            "digest": digest(secret),
            "shown": secret[:_SHOWN],
            "scopes": sorted({Scope.READ, *scopes}),
            "expires_at": expires_at,
        }
        with writing(self.engine) as connection:
            connection.execute(select(users.c.id).where(users.c.id == owner).with_for_update())
            query = select(func.count()).where(tokens.c.owner == owner)
            if connection.execute(query).scalar_one() >= MOST:
                raise Declined(
                    f"there are {MOST} tokens already",
                    code="too_many",
                    status=409,
                    hint="Revoke one that is not used any more.",
                )
            made = connection.execute(insert(tokens).values(values).returning(*_COLUMNS)).one()
        return _token(made), secret

    def known(self, secret: str) -> Known | None:
        """Whose it is; None when there is none, it has expired, or its user may not come in."""
        query = (
            select(
                *(tokens.c[name] for name in ("id", "owner", "scopes")),
                *(users.c[name] for name in ("name", "handle", "administrator")),
                (func.coalesce(tokens.c.used_at, text("'-infinity'")) < func.now() - SEEN_EVERY).label(
                    "stale"
                ),
            )
            .join_from(tokens, users)
            .where(
                tokens.c.digest == digest(secret),
                or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > func.now()),
                ~users.c.disabled,
            )
        )
        return stands_for(self.engine, query, self._use)

    def list(self, owner: str) -> Sequence[Token]:
        """Those of a user, the newest first; also those that have expired."""
        query = select(*_COLUMNS).where(tokens.c.owner == owner)
        with reading(self.engine) as connection:
            found = connection.execute(query.order_by(tokens.c.created_at.desc(), tokens.c.id))
            return [_token(row) for row in found]

    def revoke(self, owner: str, token: UUID) -> None:
        """It opens nothing any more. Raises Declined when the user has none of this id."""
        statement = delete(tokens).where(tokens.c.owner == owner, tokens.c.id == token)
        with writing(self.engine) as connection:
            if not connection.execute(statement).rowcount:
                raise not_found("token", token, "GET /api/v1/tokens lists yours.")

    def _use(self, token: UUID) -> None:
        statement = update(tokens).where(tokens.c.id == token).values(used_at=func.now())
        with writing(self.engine) as connection:
            connection.execute(statement)


_COLUMNS = tuple(tokens.c[name] for name in Token.__slots__)


def _token(row: Row[Any]) -> Token:
    return Token(**{**row._mapping, "scopes": frozenset(map(Scope, row.scopes))})
