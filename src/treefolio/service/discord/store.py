"""Logins at Discord that are under way, and which user each person there is."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, insert, select

from treefolio.jobs import locks
from treefolio.jobs.ledger.database import writing
from treefolio.jobs.locks import Lock
from treefolio.jobs.tables import crossings, identities
from treefolio.service.accounts.names import handle_of
from treefolio.service.accounts.secret import digest, new_secret
from treefolio.service.accounts.store import Accounts, User, not_allowed
from treefolio.service.discord.provider import Person
from treefolio.service.problems import Declined

PROVIDER = "discord"
LASTS = dt.timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """state: comes back with the browser. verifier: is the browser's cookie."""

    state: str
    verifier: str


class Crossings:
    """Logins under way. Of both words only hashes are kept. Methods raise DatabaseError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def begin(self) -> Departure:
        """One more; those that were not finished in time are forgotten."""
        made = Departure(state=new_secret(), verifier=secrets.token_urlsafe(48))
        values = {"state": _hash(made.state), "browser": _hash(made.verifier), "until": func.now() + LASTS}
        with writing(self.engine) as connection:
            connection.execute(delete(crossings).where(crossings.c.until < func.now()))
            connection.execute(insert(crossings).values(values))
        return made

    def finish(self, state: str, verifier: str) -> bool:
        """Whether this browser began it, in time. The state is used up, whatever the answer is."""
        here = delete(crossings).where(crossings.c.state == _hash(state))
        in_time = (crossings.c.until > func.now()).label("in_time")
        with writing(self.engine) as connection:
            found = connection.execute(here.returning(crossings.c.browser, in_time)).one_or_none()
        if found is None:
            return False
        return bool(found.in_time) and secrets.compare_digest(found.browser, _hash(verifier))


class Identities:
    """Which user a person at Discord is. Methods raise DatabaseError."""

    def __init__(self, engine: Engine, accounts: Accounts) -> None:
        self.engine = engine
        self.accounts = accounts

    def user(self, person: Person) -> tuple[User, bool]:
        """The user, and whether they were made now. Raises Declined when they may not come in."""
        made = False
        with writing(self.engine) as connection:
            owner = _owner(connection, person)
            if owner is None:
                locks.alone(connection, Lock.IDENTITIES)
                owner = _owner(connection, person)  # who came at once with this one may have been quicker
            if owner is None:
                owner, made = self._made(connection, person).id, True
                values = {"provider": PROVIDER, "subject": person.subject, "owner": owner}
                connection.execute(insert(identities).values(values))
        user = self.accounts.user(owner)
        if user.disabled or not self._allowed(user.name, administrator=user.administrator):
            raise not_allowed(user.name)
        return user, made

    def _made(self, connection: Connection, person: Person) -> User:
        """A new user, under the first of the person's two names that is allowed and free. Raises Declined."""
        wanted = [f"{name}@{PROVIDER}" for name in (person.name, person.subject)]
        allowed = [name for name in wanted if self._allowed(name, administrator=False)]
        if not allowed:
            raise not_allowed(wanted[0])
        for name in allowed[:-1]:
            try:
                return self.accounts.entered(connection, name)
            except Declined as error:
                if error.code != "taken":
                    raise
        return self.accounts.entered(connection, allowed[-1])

    def _allowed(self, name: str, *, administrator: bool) -> bool:
        return self.accounts.is_allowed(handle_of(name), administrator=administrator)


def _owner(connection: Connection, person: Person) -> str | None:
    here = (identities.c.provider == PROVIDER, identities.c.subject == person.subject)
    return connection.execute(select(identities.c.owner).where(*here)).scalar()


def _hash(word: str) -> str:
    return digest(word).hex()
