"""Strategies and their versions in the database. Every query is scoped by the owner.

A version is written once. The same content again is the same version, so sending it twice is safe.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql

from treefolio.jobs import locks
from treefolio.jobs.ledger import limits
from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.settings import JobSettings
from treefolio.jobs.tables import strategies, strategy_versions
from treefolio.service.models import API
from treefolio.service.problems import Declined, not_found
from treefolio.service.strategies.records import Content, Kept, Strategy, Version, Whole
from treefolio.sweep.manifest import strategy_hash

_VERSION = ("number", "hash", "format", "file_name", "tickers", "note", "parent", "made_at")
_LIGHT = [strategy_versions.c[name] for name in _VERSION]
_NEXT = f"POST {API}/strategies/ID/versions makes it the next version of that one; or choose another name."
SORTS: Mapping[str, Any] = {
    "name": func.lower(strategies.c.name),
    "folder": strategies.c.folder,
    "imported": strategies.c.imported_at,
    "changed": strategies.c.changed_at,
}
"""What a list can be sorted by; ``-`` before it turns it round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which strategies. folder: and those below it. tags: all of them. search: in the name, or a ticker."""

    folder: str | None = None
    tags: Sequence[str] = ()
    search: str | None = None
    sort: str = "-changed"


class StrategyStore:
    """See the module. It is used from several threads at once. Methods raise DatabaseError."""

    def __init__(self, engine: Engine, settings: JobSettings) -> None:
        self.engine = engine
        self.settings = settings

    def add(
        self,
        owner: str,
        content: Content,
        *,
        name: str | None = None,
        folder: str = "",
        tags: Sequence[str] = (),
        note: str = "",
        key: str | None = None,
    ) -> Kept:
        """A new strategy with its first version; the earlier one when the key was used for the same content.

        Raises:
            Declined: the key was used for another content, or there is one of this name.
            OverLimit: there is no room for more.
        """
        values = {
            "id": uuid.uuid4(),
            "owner": owner,
            "name": name or content.name,
            "folder": folder,
            "tags": list(dict.fromkeys(tags)),
            "key": key,
        }
        statement = postgresql.insert(strategies).values(values)
        statement = statement.on_conflict_do_nothing(constraint="strategies_owner_key")
        with writing(self.engine) as connection:
            made = connection.execute(statement.returning(strategies.c.id)).scalar()
            if made is None:
                return _same(connection, owner, key, content)
            _require_only(connection, owner, made, _NEXT)
            self._require_room(connection, owner, content)
            _write(connection, made, 1, content, note, None)
            found = strategy_of(_owned(connection, owner, made))
            return Kept(strategy=found, version=found.newest, new=True)

    def list(
        self, owner: str, wanted: Wanted, *, limit: int = 100, offset: int = 0
    ) -> tuple[Sequence[Strategy], int]:
        """A page of the owner's strategies, and how many there are of these."""
        query = _narrowed(_newest(owner), wanted)
        key = SORTS[wanted.sort.removeprefix("-")]
        order = key.desc() if wanted.sort.startswith("-") else key.asc()
        with reading(self.engine) as connection:
            total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
            page = query.order_by(order, strategies.c.id).limit(limit).offset(offset)
            return [strategy_of(row) for row in connection.execute(page)], total

    def places(self, owner: str) -> tuple[Sequence[str], Sequence[str]]:
        """The folders and the tags of all that the owner has, in alphabetical order."""
        own = strategies.c.owner == owner
        folders = select(strategies.c.folder).where(own, strategies.c.folder != "").distinct()
        tags = select(func.unnest(strategies.c.tags)).where(own).distinct()
        with reading(self.engine) as connection:
            return sorted(connection.scalars(folders)), sorted(connection.scalars(tags))

    def get(self, owner: str, strategy: UUID) -> Strategy:
        """The strategy. Raises Declined: there is none of this owner."""
        with reading(self.engine) as connection:
            return strategy_of(_owned(connection, owner, strategy))

    def called(self, owner: str, text: str) -> str | None:
        """The owner's strategy and version with this native text, as ``NAME:2``; None without one.

        Of several it is the one that was changed last.
        """
        same = (strategies.c.owner == owner, strategy_versions.c.hash == strategy_hash(text))
        query = select(strategies.c.name, strategy_versions.c.number).join_from(strategies, strategy_versions)
        query = query.where(*same).order_by(strategies.c.changed_at.desc(), strategies.c.id).limit(1)
        with reading(self.engine) as connection:
            found = connection.execute(query).one_or_none()
        return None if found is None else f"{found.name}:{found.number}"

    def change(self, owner: str, strategy: UUID, changes: Mapping[str, object]) -> Strategy:
        """The strategy with another name, folder or tags. Raises Declined."""
        those = (strategies.c.id == strategy, strategies.c.owner == owner)
        with writing(self.engine) as connection:
            connection.execute(update(strategies).where(*those).values(**changes, changed_at=func.now()))
            if "name" in changes:
                _require_only(connection, owner, strategy, "Choose another name.")
            return strategy_of(_owned(connection, owner, strategy))

    def remove(self, owner: str, strategy: UUID) -> None:
        """Removes the strategy with its versions and links. Raises Declined."""
        those = (strategies.c.id == strategy, strategies.c.owner == owner)
        with writing(self.engine) as connection:
            if not connection.execute(delete(strategies).where(*those)).rowcount:
                raise no_such(strategy)

    # Versions.

    def add_version(
        self,
        owner: str,
        strategy: UUID,
        content: Content,
        *,
        note: str = "",
        parent: int | None = None,
        expect: int | None = None,
    ) -> Kept:
        """The next version; the earlier one when the content was there already.

        Raises:
            Declined: there is no such strategy or parent, or the newest version is not the expected one.
            OverLimit: there is no room for more.
        """
        locked = select(strategies.c.id).where(strategies.c.id == strategy, strategies.c.owner == owner)
        with writing(self.engine) as connection:
            if connection.execute(locked.with_for_update()).scalar() is None:
                raise no_such(strategy)
            earlier = _by_hash(connection, strategy, content.hash)
            if earlier is not None:
                found = strategy_of(_owned(connection, owner, strategy))
                return Kept(strategy=found, version=earlier, new=False)
            newest = strategy_of(_owned(connection, owner, strategy)).newest.number
            _require_parent(newest, parent, expect)
            self._require_room(connection, owner, content)
            _write(connection, strategy, newest + 1, content, note, parent or newest)
            connection.execute(
                update(strategies).where(strategies.c.id == strategy).values(changed_at=func.now())
            )
            found = strategy_of(_owned(connection, owner, strategy))
            return Kept(strategy=found, version=found.newest, new=True)

    def versions(
        self, owner: str, strategy: UUID, *, limit: int = 100, offset: int = 0
    ) -> tuple[Sequence[Version], int]:
        """A page of the versions, the latest first, and how many there are. Raises Declined."""
        query = select(*_LIGHT).where(strategy_versions.c.strategy == strategy)
        query = query.order_by(strategy_versions.c.number.desc()).limit(limit).offset(offset)
        with reading(self.engine) as connection:
            total = strategy_of(_owned(connection, owner, strategy)).newest.number
            return [version_of(row) for row in connection.execute(query)], total

    def version(self, owner: str, strategy: UUID, number: int) -> Whole:
        """A version with its text. Raises Declined."""
        with reading(self.engine) as connection:
            _owned(connection, owner, strategy)
            return whole(connection, strategy, number)

    def original(self, owner: str, strategy: UUID, number: int) -> bytes:
        """A version as it came. Raises Declined."""
        own = (strategy_versions.c.strategy == strategy, strategy_versions.c.number == number)
        with reading(self.engine) as connection:
            _owned(connection, owner, strategy)
            found = connection.execute(select(strategy_versions.c.original).where(*own)).scalar()
        if found is None:
            raise no_version(number)
        return bytes(found)

    def _require_room(self, connection: Connection, owner: str, content: Content) -> None:
        more = len(content.text.encode()) + len(content.original)
        limits.require_room(connection, self.settings, owner, more)


def no_such(strategy: UUID) -> Declined:
    """There is no such strategy of this user."""
    return not_found("strategy", strategy, f"GET {API}/strategies lists those that there are.")


def no_version(number: int) -> Declined:
    """The strategy has no version of this number."""
    return not_found("version", number, f"GET {API}/strategies/ID/versions lists those that there are.")


def whole(connection: Connection, strategy: UUID, number: int | None) -> Whole:
    """A version with its text, or the newest one. Raises Declined."""
    query: Select[Any] = select(*_LIGHT, strategy_versions.c.text, strategy_versions.c.report)
    query = query.where(strategy_versions.c.strategy == strategy)
    if number is not None:
        query = query.where(strategy_versions.c.number == number)
    row = connection.execute(query.order_by(strategy_versions.c.number.desc()).limit(1)).one_or_none()
    if row is None:
        raise no_version(number or 1)
    return Whole(version=version_of(row), text=row.text, report=row.report)


def version_of(row: Row[Any]) -> Version:
    """The version in a row."""
    return Version(**{name: row._mapping[name] for name in _VERSION})


def strategy_of(row: Row[Any]) -> Strategy:
    """The strategy in a row, which has its newest version too."""
    return Strategy(
        id=row.id,
        name=row.name,
        folder=row.folder,
        tags=row.tags,
        imported_at=row.imported_at,
        changed_at=row.changed_at,
        newest=version_of(row),
    )


def _newest(owner: str) -> Select[Any]:
    """The owner's strategies, each with its newest version."""
    newest = (
        select(func.max(strategy_versions.c.number))
        .where(strategy_versions.c.strategy == strategies.c.id)
        .correlate(strategies)
        .scalar_subquery()
    )
    together = strategies.join(
        strategy_versions,
        (strategy_versions.c.strategy == strategies.c.id) & (strategy_versions.c.number == newest),
    )
    own = [strategies.c[name] for name in ("id", "name", "folder", "tags", "imported_at", "changed_at")]
    return select(*own, *_LIGHT).select_from(together).where(strategies.c.owner == owner)


def _narrowed(query: Select[Any], wanted: Wanted) -> Select[Any]:
    folder = strategies.c.folder
    if wanted.folder is not None:
        below = folder.startswith(f"{wanted.folder}/", autoescape=True)
        query = query.where((folder == wanted.folder) | below if wanted.folder else folder == "")
    if wanted.tags:
        query = query.where(strategies.c.tags.contains(list(wanted.tags)))
    if wanted.search:
        named = func.strpos(func.lower(strategies.c.name), wanted.search.lower()) > 0
        query = query.where(named | strategy_versions.c.tickers.contains([wanted.search.upper()]))
    return query


def _owned(connection: Connection, owner: str, strategy: UUID) -> Row[Any]:
    found = connection.execute(_newest(owner).where(strategies.c.id == strategy)).one_or_none()
    if found is None:
        raise no_such(strategy)
    return found


def _by_hash(connection: Connection, strategy: UUID, content: str) -> Version | None:
    own = (strategy_versions.c.strategy == strategy, strategy_versions.c.hash == content)
    row = connection.execute(select(*_LIGHT).where(*own)).one_or_none()
    return None if row is None else version_of(row)


def _same(connection: Connection, owner: str, key: str | None, content: Content) -> Kept:
    """The strategy that was sent with this key before."""
    those = (strategies.c.owner == owner, strategies.c.key == key)
    found = connection.execute(select(strategies.c.id).where(*those)).scalar_one()
    first = whole(connection, found, 1).version
    if first.hash != content.hash:
        raise Declined(
            f"the key {key} was used for another strategy",
            code="conflict",
            status=409,
            path="Idempotency-Key",
            hint="Choose another key for a new strategy.",
        )
    return Kept(strategy=strategy_of(_owned(connection, owner, found)), version=first, new=False)


def _require_only(connection: Connection, owner: str, strategy: UUID, hint: str) -> None:
    """Nothing, when no other strategy of the owner has the name of this one.

    A database may have some from before names were taken once, so no constraint says it.
    """
    locks.one_by_one(connection, owner)
    own = strategies.alias()
    same = (strategies.c.owner == owner, strategies.c.name == own.c.name, strategies.c.id != strategy)
    query = select(strategies.c.name).join(own, own.c.id == strategy).where(*same)
    name = connection.execute(query.limit(1)).scalar()
    if name is not None:
        raise Declined(
            f"there is a strategy {name!r} already",
            code="conflict",
            status=409,
            path="body.name",
            hint=hint,
        )


def _require_parent(newest: int, parent: int | None, expect: int | None) -> None:
    if expect is not None and expect != newest:
        raise Declined(
            f"the newest version is {newest}, not {expect}",
            code="conflict",
            status=409,
            path="body.expect",
            hint="Look at what has changed meanwhile, and send again what you make of it.",
        )
    if parent is not None and parent > newest:
        raise Declined(
            f"there is no version {parent} to be its parent",
            code="no_parent",
            status=422,
            path="body.parent",
            hint=f"The versions are 1 to {newest}.",
        )


def _write(
    connection: Connection, strategy: UUID, number: int, content: Content, note: str, parent: int | None
) -> None:
    values = {
        "strategy": strategy,
        "number": number,
        "hash": content.hash,
        "text": content.text,
        "original": content.original,
        "format": content.format,
        "file_name": content.file_name,
        "report": content.report,
        "tickers": content.tickers,
        "note": note,
        "parent": parent,
    }
    connection.execute(insert(strategy_versions).values(values))
