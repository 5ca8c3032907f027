"""Logging in and out, and what is one's own: password, tokens, sessions."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from uuid import UUID

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Request, Response

from treefolio.jobs.acts import Act
from treefolio.service.accounts import managing
from treefolio.service.accounts.cookie import Cookie
from treefolio.service.accounts.models import (
    Login,
    MadeToken,
    Me,
    NewPassword,
    NewToken,
    Opening,
    Session,
    Sessions,
    Token,
    Tokens,
)
from treefolio.service.accounts.secret import csrf_of
from treefolio.service.accounts.store import User
from treefolio.service.accounts.trying import tried
from treefolio.service.callers import Asking, By, Caller, InPerson, Scope
from treefolio.service.house import House, Responses
from treefolio.service.models import Problem
from treefolio.service.whence import From

_AT_ONCE = 4
"""Passwords that are hashed at the same time: each takes 46 MB."""
_WRONG: Responses = {401: {"model": Problem, "description": "Name or password is wrong."}}
_TAKEN: Responses = {409: {"model": Problem, "description": "The name is taken."}}
_NONE: Responses = {404: {"model": Problem, "description": "You have none of this id."}}
_TOO_MANY: Responses = {409: {"model": Problem, "description": "There are too many."}}
_USED: Responses = {410: {"model": Problem, "description": "The link was used, or has expired."}}
Agent = Annotated[str, Header(alias="User-Agent", include_in_schema=False)]


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["accounts"], responses=managing.NO_ACCOUNTS)
    doorway = _Doorway(house)
    _entering(routes, house, doorway)
    _leaving(routes, house, doorway)
    _tokens(routes, house)
    _sessions(routes, house)
    managing.add(routes, house)
    return routes


class _Doorway:
    """Where sessions begin and end: the cookie, and few passwords at a time."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cookie = Cookie(secure=house.address.secure)
        self.limiter = CapacityLimiter(_AT_ONCE)

    def secret(self, request: Request) -> str | None:
        """Of the session that the browser has."""
        return self.cookie.read(request.headers.get("cookie"))

    def begin(self, user: User, request: Request, response: Response, agent: str) -> Me:
        """A new session for the user, in place of the one that the browser had."""
        sessions = managing.accounts_of(self.house).sessions
        secret = sessions.begin(user.id, agent, instead=self.secret(request))
        self.cookie.give(response, secret, self.house.settings.session_hours)
        return Me(
            user=user.id,
            name=user.name,
            administrator=user.administrator,
            by=By.SESSION,
            scopes=list(Scope),
            csrf=csrf_of(secret),
        )


def _entering(routes: APIRouter, house: House, doorway: _Doorway) -> None:
    @routes.post("/login", response_model=Me, responses=_WRONG)
    async def login(body: Login, request: Request, response: Response, whence: From, agent: Agent = "") -> Me:
        """Begins a session, whose cookie the answer has."""

        def enter() -> Me:
            accounts = managing.accounts_of(house)
            with tried(house, whence, by="password", name=body.name):
                user = accounts.login(body.name, body.password)
            house.audit.note(None, Act.LOGIN, whence, what={"by": "password"}, who=user.id)
            return doorway.begin(user, request, response, agent)

        return await run_sync(enter, limiter=doorway.limiter)

    @routes.post("/links", response_model=Me, responses={**_TAKEN, **_USED})
    async def open_link(
        body: Opening, request: Request, response: Response, whence: From, agent: Agent = ""
    ) -> Me:
        """Sets the password of a one-time link's user, and begins a session."""

        def enter() -> Me:
            accounts = managing.accounts_of(house)
            with tried(house, whence, by="link"):
                user = accounts.open_link(body.secret, body.password, body.name)
            house.audit.note(None, Act.LINK_USED, whence, who=user.id)
            return doorway.begin(user, request, response, agent)

        return await run_sync(enter, limiter=doorway.limiter)

    @routes.get("/session", response_model=Me)
    def session(request: Request, asking: Asking) -> Me:
        """Who asks, and what a page needs to change something."""
        secret = doorway.secret(request) if asking.by is By.SESSION else None
        return Me(
            user=asking.user,
            name=asking.name,
            administrator=asking.administrator,
            by=asking.by,
            scopes=sorted(asking.scopes),
            csrf=None if secret is None else csrf_of(secret),
        )


def _leaving(routes: APIRouter, house: House, doorway: _Doorway) -> None:
    @routes.post("/logout", status_code=204)
    def logout(asking: InPerson, response: Response, whence: From) -> None:
        """Ends the session."""
        managing.accounts_of(house).sessions.end(asking.user, own_session(asking))
        house.audit.note(None, Act.LOGOUT, whence)
        doorway.cookie.take(response)

    @routes.put("/password", status_code=204)
    async def password(body: NewPassword, asking: InPerson, whence: From) -> None:
        """Sets another password. All other logins of yours end; tokens stay."""

        def change() -> None:
            accounts, keep = managing.accounts_of(house), own_session(asking)
            with tried(house, whence, by="password", name=asking.name):
                accounts.change_password(asking.user, body.password, current=body.current, keep=keep)
            house.audit.note(None, Act.PASSWORD_CHANGED, whence)

        await run_sync(change, limiter=doorway.limiter)


def _tokens(routes: APIRouter, house: House) -> None:
    @routes.get("/tokens", response_model=Tokens)
    def tokens(asking: InPerson) -> Tokens:
        """Your tokens, the newest first; also those that have expired."""
        found = managing.accounts_of(house).tokens.list(asking.user)
        return Tokens(tokens=[Token.model_validate(each, from_attributes=True) for each in found])

    @routes.post("/tokens", status_code=201, response_model=MadeToken, responses=_TOO_MANY)
    def make_token(body: NewToken, asking: InPerson, whence: From) -> MadeToken:
        """Makes a token. Its secret is in this answer, and nowhere else."""
        days = body.expires_in_days
        until = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
        made, secret = managing.accounts_of(house).tokens.make(asking.user, body.name, body.scopes, until)
        house.audit.note(None, Act.TOKEN_MADE, whence, what={"token": str(made.id), "name": made.name})
        return MadeToken(token=Token.model_validate(made, from_attributes=True), secret=secret)

    @routes.delete("/tokens/{token}", status_code=204, responses=_NONE)
    def revoke(token: UUID, asking: InPerson, whence: From) -> None:
        """Revokes a token: it opens nothing any more."""
        managing.accounts_of(house).tokens.revoke(asking.user, token)
        house.audit.note(None, Act.TOKEN_REVOKED, whence, what={"token": str(token)})


def _sessions(routes: APIRouter, house: House) -> None:
    @routes.get("/sessions", response_model=Sessions)
    def sessions(asking: InPerson) -> Sessions:
        """Your logins that last, the one that was used last first."""
        found = managing.accounts_of(house).sessions.list(asking.user)
        return Sessions(
            sessions=[
                Session(
                    id=each.id,
                    agent=each.agent,
                    created_at=each.created_at,
                    seen_at=each.seen_at,
                    current=each.id == asking.session,
                )
                for each in found
            ]
        )

    @routes.delete("/sessions/{session}", status_code=204, responses=_NONE)
    def end_session(session: UUID, asking: InPerson, whence: From) -> None:
        """Ends a login, wherever it is."""
        managing.accounts_of(house).sessions.end(asking.user, session)
        house.audit.note(None, Act.LOGOUT, whence, what={"session": str(session)})


def own_session(asking: Caller) -> UUID:
    """The session of who asks. Raises Declined where there are none."""
    if asking.session is None:
        raise managing.no_accounts()
    return asking.session
