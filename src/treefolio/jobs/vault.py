"""Keys of users for brokers and vendors, encrypted in the database.

1. A row is the keys of one kind of one user. Who it belongs to and what it is stand inside what is encrypted
   as well, so a row that was put in another's place opens for nobody.
2. A worker takes the keys that it needs with `Vault.of`; nothing else takes them out, and nothing logs them.
3. `Vault.rotate` encrypts everything anew in one transaction. Meanwhile nobody writes with an old key, and
   nobody reads with keys that were dropped: both hold a lock of the table while they look at the keyring. Two
   rotations at once come one after the other: neither drops the key that the other has just made.
"""

from __future__ import annotations

import datetime as dt
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from sqlalchemy import Connection, Engine, Row, delete, func, select, text, update
from sqlalchemy.dialects import postgresql

from treefolio.errors import VaultError
from treefolio.jobs import acts, locks
from treefolio.jobs.acts import Act
from treefolio.jobs.keyring import Keyring, new_key
from treefolio.jobs.ledger import clock
from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.locks import Lock
from treefolio.jobs.tables import secrets

_ENDS = 4


def _plain(value: SecretStr) -> SecretStr:
    """The value, when it can stand in a header of HTTP."""
    said = value.get_secret_value()
    if not (said.isascii() and said.isprintable()) or " " in said:
        raise ValueError("it has characters that no key has")
    return value


Secret = Annotated[SecretStr, Field(min_length=12, max_length=200), AfterValidator(_plain)]


class _Kept(BaseModel, ABC):
    """What all kinds have in common. `kind` is the name of the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    kind: ClassVar[str]

    @abstractmethod
    def shown(self) -> dict[str, Any]:
        """What may be seen of it."""

    def revealed(self) -> dict[str, Any]:
        """All of it, as it is encrypted."""
        return {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in self
        }


class AlpacaKeys(_Kept):
    """Of an account with Alpaca."""

    kind: ClassVar[str] = "alpaca"
    key_id: Secret
    secret: Secret
    live: bool = Field(default=False, description="They move real money; else it is a paper account.")

    def shown(self) -> dict[str, Any]:
        """The end of the key's id, and whether it is a live account."""
        return {"ends": self.key_id.get_secret_value()[-_ENDS:], "live": self.live}


class MassiveKey(_Kept):
    """Of an account with Massive."""

    kind: ClassVar[str] = "massive"
    key: Secret

    def shown(self) -> dict[str, Any]:
        """Nothing: it has no id, only the key."""
        return {"ends": None, "live": None}


KINDS: Mapping[str, type[AlpacaKeys] | type[MassiveKey]] = {
    each.kind: each for each in (AlpacaKeys, MassiveKey)
}
"""What can be kept."""
Kept = TypeVar("Kept", AlpacaKeys, MassiveKey)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What may be seen of kept keys.

    Attributes:
        ends: the last characters of the key's id; None where a key has none.
        live: of a broker's: they move real money; None where that makes no sense.
    """

    kind: str
    ends: str | None
    live: bool | None
    made_at: dt.datetime
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `Vault.check` found.

    Attributes:
        kept: how many rows there are.
        newest: that are encrypted with the first key.
        broken: that open with none.
    """

    kept: int
    newest: int
    broken: int


class Vault:
    """The keys of all users. Methods raise DatabaseError and VaultError."""

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self.engine = engine
        self.keyring = keyring

    def put(self, connection: Connection, owner: str, keys: AlpacaKeys | MassiveKey) -> Shown:
        """Keeps these, in place of those of the same kind."""
        connection.execute(text("lock table secrets in row exclusive mode"))
        self._require_keyring(connection)
        values = {"content": _sealed(self.keyring.box(), owner, keys), "shown": keys.shown()}
        statement = postgresql.insert(secrets).values(owner=owner, kind=keys.kind, **values)
        changed = statement.on_conflict_do_update(
            constraint="secrets_pkey", set_={**values, "changed_at": func.now()}
        )
        return _shown(connection.execute(changed.returning(secrets)).one())

    def remove(self, connection: Connection, owner: str, kind: str) -> bool:
        """Forgets the keys of a kind; False when there were none."""
        gone = connection.execute(delete(secrets).where(secrets.c.owner == owner, secrets.c.kind == kind))
        return bool(gone.rowcount)

    def listed(self, owner: str) -> list[Shown]:
        """What may be seen of a user's keys."""
        query = select(secrets).where(secrets.c.owner == owner).order_by(secrets.c.kind)
        with reading(self.engine) as connection:
            return [_shown(row) for row in connection.execute(query)]

    def of(self, owner: str, shape: type[Kept], *, job: UUID) -> Kept | None:
        """The user's keys of this kind, for a job, which the log of acts says; None when there are none."""
        query = select(secrets).where(secrets.c.owner == owner, secrets.c.kind == shape.kind)
        with writing(self.engine) as connection:
            row = connection.execute(query.with_for_update(read=True)).one_or_none()
            if row is None:
                return None
            found = _opened(self.keyring.box(), row)
            acts.write(connection, Act.KEY_USED, who=owner, what={"kind": shape.kind, "job": str(job)})
        return shape.model_validate(found)

    def check(self) -> Checked:
        """Opens everything, and says how that went."""
        with writing(self.engine) as connection:
            rows = connection.execute(select(secrets).with_for_update(read=True)).all()
            keys = self.keyring.keys() if rows or self.keyring.there else ()
            newest = sum(_opens(self.keyring.box(keys[:1]), row) for row in rows)
            broken = sum(not _opens(self.keyring.box(keys), row) for row in rows)
        return Checked(kept=len(rows), newest=newest, broken=broken)

    def rotate(self) -> int:
        """Encrypts everything anew; returns how many rows that were.

        With keys in a file: with a new key, after which the old ones are gone from the file. With keys in the
        environment: with the first of them.

        Raises:
            VaultError: something opens with none of the keys. Nothing is changed, and no key is dropped.
        """
        with writing(self.engine) as connection:
            locks.alone(connection, Lock.ROTATION)
            clock.at_leisure(connection)
            if self.keyring.from_environment:
                return self._encrypt_anew()
            new, old = new_key(), self.keyring.keys()
            self.keyring.write((new, *old))
            count = self._encrypt_anew()
            self.keyring.write((new,))
            return count

    def _encrypt_anew(self) -> int:
        with self.engine.begin() as connection:
            connection.execute(text("lock table secrets in exclusive mode"))
            box = self.keyring.box()
            rows = connection.execute(select(secrets)).all()
            for row in rows:
                _opened(box, row)
                here = (secrets.c.owner == row.owner, secrets.c.kind == row.kind)
                content = box.rotate(bytes(row.content))
                connection.execute(update(secrets).where(*here).values(content=content))
            return len(rows)

    def _require_keyring(self, connection: Connection) -> None:
        """Makes the first key, unless there is something already that other keys encrypted."""
        if self.keyring.there or connection.execute(select(func.count()).select_from(secrets)).scalar_one():
            return
        self.keyring.make()


def _sealed(box: MultiFernet, owner: str, keys: AlpacaKeys | MassiveKey) -> bytes:
    kept = {"owner": owner, "kind": keys.kind, "keys": keys.revealed()}
    return box.encrypt(json.dumps(kept).encode())


def _opened(box: MultiFernet, row: Row[Any]) -> dict[str, Any]:
    """What was kept in the row. Raises VaultError."""
    try:
        found: dict[str, Any] = json.loads(box.decrypt(bytes(row.content)))
        fits = (found["owner"], found["kind"]) == (row.owner, row.kind)
        if fits:
            KINDS[row.kind].model_validate(found["keys"])
    except (InvalidToken, ValidationError, ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise VaultError(
            f"the {row.kind} keys of user {row.owner} cannot be opened",
            hint="Put the key back that encrypted them, or have the user set them again.",
        )
    return dict(found["keys"])


def _opens(box: MultiFernet, row: Row[Any]) -> bool:
    try:
        return bool(_opened(box, row))
    except VaultError:
        return False


def _shown(row: Row[Any]) -> Shown:
    return Shown(kind=row.kind, made_at=row.made_at, changed_at=row.changed_at, **row.shown)
