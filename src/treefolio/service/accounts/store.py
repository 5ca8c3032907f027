"""Users, as the database has them: their passwords, the links by which they first come in, their logins."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, delete, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from treefolio.errors import did_you_mean
from treefolio.jobs.ledger.database import reading, writing
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.tables import links, users
from treefolio.service.accounts import names
from treefolio.service.accounts.passwords import Passwords, require_good
from treefolio.service.accounts.secret import digest, new_secret
from treefolio.service.accounts.sessions import Sessions, end_all
from treefolio.service.accounts.tokens import Tokens
from treefolio.service.problems import Declined, not_found
from treefolio.service.settings import ServiceSettings

FIRST = "admin"
"""The name of the first administrator."""
LINK_LASTS = dt.timedelta(hours=24)
_TIER, _TIER_OF_ADMINISTRATORS = "free", "paid"
"""Of a new user, where no other one is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user. has_password: they may log in with one; else a link is needed first."""

    id: str
    name: str
    tier: str
    administrator: bool
    disabled: bool
    has_password: bool
    created_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Lets a user set a password, once. `secret` is nowhere else."""

    user: User
    secret: str = field(repr=False)
    expires_at: dt.datetime

    def url(self, base: str) -> str:
        """For the browser: what follows the # is sent to nobody, and so stands in no log."""
        return f"{base.rstrip('/')}/welcome#{self.secret}"


def accounts_of(store: Store, settings: ServiceSettings) -> Accounts:
    """The accounts in the ledger's database."""
    return Accounts(
        store.engine,
        tiers=tuple(store.settings.tiers),
        allowed=names.handles(settings.allowed_users),
        sessions=Sessions(
            store.engine,
            idle=dt.timedelta(hours=settings.session_idle_hours),
            longest=dt.timedelta(hours=settings.session_hours),
        ),
    )


class Accounts:
    """See the module. Methods raise DatabaseError.

    Args:
        tiers: those that there are.
        allowed: handles of who may log in; None for everybody.
    """

    def __init__(
        self, engine: Engine, *, tiers: Sequence[str], allowed: Collection[str] | None, sessions: Sessions
    ) -> None:
        self.engine = engine
        self.tiers = tiers
        self.allowed = allowed
        self.passwords = Passwords()
        self.sessions = sessions
        self.tokens = Tokens(engine)

    def is_allowed(self, handle: str, *, administrator: bool) -> bool:
        """Users of this handle may come in. Administrators always may, so that nobody is locked out."""
        return administrator or self.allowed is None or handle in self.allowed

    # Users.

    def enter(self, name: str, *, administrator: bool = False, tier: str | None = None) -> User:
        """A new user. Raises Declined when the name is none, or is taken; or there is no such tier.

        tier: None for the usual one, which administrators have a better one than.
        """
        with writing(self.engine) as connection:
            return self.entered(connection, name, administrator=administrator, tier=tier)

    def entered(
        self, connection: Connection, name: str, *, administrator: bool = False, tier: str | None = None
    ) -> User:
        """`enter`, in somebody's transaction."""
        tier = self._usual_tier(administrator) if tier is None else tier
        self._require_tier(tier)
        found = names.plain(name)
        values = {"id": uuid.uuid4().hex, "name": found, "handle": names.handle_of(found)}
        statement = postgresql.insert(users).values(**values, administrator=administrator, tier=tier)
        made = connection.execute(
            statement.on_conflict_do_nothing(constraint="users_handle").returning(*_COLUMNS)
        ).one_or_none()
        if made is None:
            raise _taken(found)
        return _user(made)

    def users(self) -> Sequence[User]:
        """All who may log in, by name."""
        query = select(*_COLUMNS).where(users.c.handle.is_not(None)).order_by(users.c.handle)
        with reading(self.engine) as connection:
            return [_user(row) for row in connection.execute(query)]

    def user(self, user: str) -> User:
        """The user of this id. Raises Declined."""
        with reading(self.engine) as connection:
            return _user(_row(connection, user))

    def named(self, name: str) -> User:
        """The user of this name. Raises Declined."""
        handle = names.handle_of(name)
        found = next((each for each in self.users() if names.handle_of(each.name) == handle), None)
        if found is None:
            hint = did_you_mean(name, [each.name for each in self.users()])
            raise not_found("user", name, hint or "`treefolio users list` shows those that there are.")
        return found

    def change(
        self,
        user: str,
        *,
        tier: str | None = None,
        administrator: bool | None = None,
        disabled: bool | None = None,
    ) -> User:
        """The user, changed. Who is disabled is logged out at once, and their tokens open nothing.

        Raises:
            Declined: there is no such user or tier, or no administrator would be left.
        """
        if tier is not None:
            self._require_tier(tier)
        given = {"tier": tier, "administrator": administrator, "disabled": disabled}
        values = {name: value for name, value in given.items() if value is not None}
        with writing(self.engine) as connection:
            before = _row(connection, user)
            if before.administrator:
                _administrators(connection)  # of two who step back at once the later one finds none left
            if values:
                connection.execute(update(users).where(users.c.id == user).values(values))
            if before.administrator and not _administrators(connection):
                raise _last_administrator()
            if disabled:
                end_all(connection, user)
            return _user(_row(connection, user))

    # Links.

    def link(self, user: str) -> Link:
        """A new link for a user; an earlier one opens nothing any more. Raises Declined."""
        secret = new_secret()
        values = {"digest": digest(secret), "expires_at": func.now() + LINK_LASTS}
        statement = postgresql.insert(links).values(owner=user, **values)
        statement = statement.on_conflict_do_update(index_elements=["owner"], set_=values)
        with writing(self.engine) as connection:
            found = _user(_row(connection, user))
            until = connection.execute(statement.returning(links.c.expires_at)).scalar_one()
        return Link(user=found, secret=secret, expires_at=until)

    def first_link(self) -> Link | None:
        """A link for the first administrator, whom it makes; None when there is one who has a password."""
        known = [each for each in self.users() if each.administrator and not each.disabled]
        if any(each.has_password for each in known):
            return None
        if not known:
            values = {"id": uuid.uuid4().hex, "name": FIRST, "handle": FIRST, "administrator": True}
            values["tier"] = self._usual_tier(administrator=True)
            statement = postgresql.insert(users).values(values)
            promote = {"administrator": True, "disabled": False}
            statement = statement.on_conflict_do_update(constraint="users_handle", set_=promote)
            with writing(self.engine) as connection:
                known = [_user(connection.execute(statement.returning(*_COLUMNS)).one())]
        return self.link(known[0].id)

    def open_link(self, secret: str, password: str, name: str | None = None) -> User:
        """Sets the password of the link's user, and another name when one is given; the link is used up.

        All earlier logins of the user end.

        Raises:
            Declined: the link was used or has expired, or the password or the name will not do.
        """
        here = (links.c.digest == digest(secret), links.c.expires_at > func.now())
        query = select(*_COLUMNS).join_from(links, users).where(*here, ~users.c.disabled)
        with reading(self.engine) as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            raise _used()
        chosen = found.name if name is None else names.plain(name)
        handle = names.handle_of(chosen)
        if not self.is_allowed(handle, administrator=found.administrator):
            raise not_allowed(chosen)
        require_good(password, chosen)
        values = {"password": self.passwords.hash(password), "name": chosen, "handle": handle}
        with writing(self.engine) as connection:
            if not connection.execute(delete(links).where(*here)).rowcount:
                raise _used()  # by somebody who was quicker
            try:
                row = connection.execute(_changed(found.id, values)).one()
            except IntegrityError:
                raise _taken(chosen) from None
            end_all(connection, found.id)
        return _user(row)

    # Passwords.

    def login(self, name: str, password: str) -> User:
        """The user of this name and password. Raises Declined, in the same time for names that are none's."""
        here = users.c.handle == names.handle_of(name)
        query = select(*_COLUMNS, users.c.password, users.c.handle).where(here)
        with reading(self.engine) as connection:
            found = connection.execute(query).one_or_none()
        kept = None if found is None else found.password
        if not self.passwords.matches(password, kept) or found is None or found.disabled:
            raise Declined(
                "name or password is wrong",
                code="wrong",
                status=401,
                hint="Try again, or ask an administrator for a link.",
            )
        if not self.is_allowed(found.handle, administrator=found.administrator):
            raise not_allowed(found.name)
        if self.passwords.is_outdated(found.password):
            statement = update(users).where(users.c.id == found.id, users.c.password == found.password)
            with writing(self.engine) as connection:
                connection.execute(statement.values(password=self.passwords.hash(password)))
        return _user(found)

    def change_password(self, user: str, password: str, *, current: str | None, keep: UUID) -> None:
        """Sets another password; all logins of the user end but the session to `keep`.

        Raises:
            Declined: `current` is not the password until now, or the new one will not do.
        """
        query = select(users.c.name, users.c.password).where(users.c.id == user)
        with reading(self.engine) as connection:
            found = connection.execute(query).one()
        if found.password is not None and not self.passwords.matches(current or "", found.password):
            raise Declined(
                "this is not the present password",
                code="wrong",
                status=403,
                path="body.current",
                hint="Ask an administrator for a link, if it is lost.",
            )
        require_good(password, found.name)
        hashed = self.passwords.hash(password)
        with writing(self.engine) as connection:
            connection.execute(_changed(user, {"password": hashed}))
            end_all(connection, user, but=keep)

    def _usual_tier(self, administrator: bool) -> str:
        """Of a new user; where the settings have no such tier for administrators, that of everybody."""
        better = administrator and _TIER_OF_ADMINISTRATORS in self.tiers
        return _TIER_OF_ADMINISTRATORS if better else _TIER

    def _require_tier(self, tier: str) -> None:
        if tier not in self.tiers:
            raise Declined(
                f"there is no tier {tier!r}",
                code="tier",
                status=422,
                path="body.tier",
                hint=f"There are {', '.join(self.tiers)}: TREEFOLIO_TIERS.",
            )


_COLUMNS = (
    *(users.c[name] for name in ("id", "name", "tier", "administrator", "disabled", "created_at")),
    users.c.password.is_not(None).label("has_password"),
)


def _user(row: Any) -> User:
    return User(**{name: getattr(row, name) for name in User.__slots__})


def _row(connection: Connection, user: str) -> Row[Any]:
    query = select(*_COLUMNS).where(users.c.id == user, users.c.handle.is_not(None))
    found = connection.execute(query).one_or_none()
    if found is None:
        raise not_found("user", user, "GET /api/v1/users lists those that there are.")
    return found


def _changed(user: str, values: dict[str, Any]) -> Any:
    return update(users).where(users.c.id == user).values(values).returning(*_COLUMNS)


def _administrators(connection: Connection) -> Sequence[Any]:
    """Those that there are, locked until the end of the transaction."""
    query = select(users.c.id).where(users.c.administrator, ~users.c.disabled)
    return connection.execute(query.order_by(users.c.id).with_for_update()).all()


def _last_administrator() -> Declined:
    return Declined(
        "nobody would be administrator any more",
        code="last_administrator",
        status=409,
        hint="Make another user one first.",
    )


def _taken(name: str) -> Declined:
    return Declined(
        f"the name {name} is taken", code="taken", status=409, path="body.name", hint="Choose another one."
    )


def not_allowed(name: str) -> Declined:
    """The list of users keeps them out."""
    return Declined(
        f"this service is not open to {name}",
        code="not_allowed",
        status=403,
        hint="Ask its administrator: TREEFOLIO_ALLOWED_USERS says whom it is open to.",
    )


def _used() -> Declined:
    return Declined(
        "this link was used already, or has expired",
        code="link",
        status=410,
        hint="Ask an administrator for another one: `treefolio users link NAME`.",
    )
