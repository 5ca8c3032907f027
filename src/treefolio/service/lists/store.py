"""Lists of values in the database. Every query is scoped by the owner."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.tables import variable_lists
from treefolio.service.lists.models import Kind
from treefolio.service.lists.pasted import written
from treefolio.service.models import API
from treefolio.service.problems import Declined, not_found
from treefolio.strategy.places import Literal

MOST_LISTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A list. values: dates as YYYY-MM-DD."""

    id: UUID
    name: str
    kind: Kind
    values: list[Literal]
    created_at: dt.datetime
    changed_at: dt.datetime

    @property
    def text(self) -> str:
        """The values as they can be pasted again."""
        return written(self.kind, self.values)


class ListStore:
    """See the module. Methods raise DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def add(self, owner: str, name: str, kind: Kind, values: Sequence[Literal]) -> Kept:
        """A new list.

        Raises:
            Declined: there is one of this name, or there are too many.
        """
        row = {"id": uuid.uuid4(), "owner": owner, "name": name, "kind": kind, "values": list(values)}
        own = variable_lists.c.owner == owner
        with writing(self.engine) as connection, _named_once(name):
            number = connection.execute(
                select(func.count()).select_from(variable_lists).where(own)
            ).scalar_one()
            if number >= MOST_LISTS:
                raise Declined(
                    f"there are {number:,} lists already",
                    code="limit",
                    status=409,
                    hint="Remove some of them first.",
                )
            return _kept(
                connection.execute(insert(variable_lists).values(row).returning(variable_lists)).one()
            )

    def list(self, owner: str) -> Sequence[Kept]:
        """All lists of the owner, by name."""
        query = select(variable_lists).where(variable_lists.c.owner == owner)
        with reading(self.engine) as connection:
            return [_kept(row) for row in connection.execute(query.order_by(variable_lists.c.name))]

    def get(self, owner: str, which: UUID) -> Kept:
        """A list. Raises Declined: there is none of this owner."""
        own = (variable_lists.c.owner == owner, variable_lists.c.id == which)
        with reading(self.engine) as connection:
            found = connection.execute(select(variable_lists).where(*own)).one_or_none()
        if found is None:
            raise _no_such(which)
        return _kept(found)

    def named(self, owner: str, name: str) -> Kept | None:
        """The list of this name; None without one."""
        own = (variable_lists.c.owner == owner, variable_lists.c.name == name)
        with reading(self.engine) as connection:
            found = connection.execute(select(variable_lists).where(*own)).one_or_none()
        return None if found is None else _kept(found)

    def change(self, owner: str, which: UUID, changes: Mapping[str, object]) -> Kept:
        """The list with another name or values. Raises Declined."""
        own = (variable_lists.c.owner == owner, variable_lists.c.id == which)
        statement = update(variable_lists).where(*own).values(**changes, changed_at=func.now())
        with writing(self.engine) as connection, _named_once(str(changes.get("name"))):
            found = connection.execute(statement.returning(variable_lists)).one_or_none()
        if found is None:
            raise _no_such(which)
        return _kept(found)

    def remove(self, owner: str, which: UUID) -> None:
        """Removes a list; jobs that were submitted with it keep their values. Raises Declined."""
        own = (variable_lists.c.owner == owner, variable_lists.c.id == which)
        with writing(self.engine) as connection:
            if not connection.execute(delete(variable_lists).where(*own)).rowcount:
                raise _no_such(which)


@contextlib.contextmanager
def _named_once(name: str) -> Iterator[None]:
    """Says that a name is taken, where the database does."""
    try:
        yield
    except IntegrityError as error:
        raise Declined(
            f"there is a list {name!r} already",
            code="conflict",
            status=409,
            path="body.name",
            hint="Choose another name, or change that list.",
        ) from error


def _kept(row: Row[Any]) -> Kept:
    found = {name: value for name, value in row._mapping.items() if name != "owner"}
    return Kept(**found | {"kind": Kind(row.kind)})


def _no_such(which: UUID) -> Declined:
    return not_found("list", which, f"GET {API}/lists lists those that there are.")
