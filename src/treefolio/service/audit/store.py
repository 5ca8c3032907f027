"""Adds to the log of acts, and reads it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from treefolio.jobs import acts
from treefolio.jobs.acts import Act, Said
from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.tables import audit, users
from treefolio.service.whence import OPERATOR, Whence


class Audit:
    """The log. Methods raise DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def note(
        self,
        connection: Connection | None,
        act: Act,
        whence: Whence,
        *,
        what: Said | None = None,
        who: str | None = None,
    ) -> None:
        """Adds a line.

        Args:
            connection: of the transaction that does what is noted; None when that is over already.
            who: the user, where the request does not say it: at a login.
        """
        with self._own() if connection is None else contextlib.nullcontext(connection) as used:
            acts.write(
                used,
                act,
                who=whence.who if who is None else who,
                what=what,
                address=whence.address,
                request_id=whence.request_id,
            )

    def note_operator(self, act: Act, user: str, **what: object) -> None:
        """Adds a line about a user: whoever runs the service did it, on its machine."""
        self.note(None, act, OPERATOR, who=user, what={"by": "operator", **what})

    @contextlib.contextmanager
    def _own(self) -> Iterator[Connection]:
        with writing(self.engine) as connection:
            yield connection

    def page(self, who: str | None, *, act: Act | None, before: int | None, limit: int) -> Sequence[Row[Any]]:
        """The latest lines, about one user or about all, with the user's name."""
        query = select(audit, users.c.name).join(users, users.c.id == audit.c.who, isouter=True)
        if who is not None:
            query = query.where(audit.c.who == who)
        if act is not None:
            query = query.where(audit.c.act == act)
        if before is not None:
            query = query.where(audit.c.id < before)
        with reading(self.engine) as connection:
            return connection.execute(query.order_by(audit.c.id.desc()).limit(limit)).all()
