"""Logging in with Discord: away to it, and back from it. `treefolio.service.discord` says how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import RedirectResponse

from treefolio.errors import DatabaseError
from treefolio.jobs.acts import Act
from treefolio.service.accounts.cookie import Cookie
from treefolio.service.accounts.managing import accounts_of
from treefolio.service.accounts.store import User
from treefolio.service.accounts.trying import tried
from treefolio.service.discord.provider import Discord, discord_of
from treefolio.service.discord.store import LASTS, PROVIDER, Crossings, Identities
from treefolio.service.house import House, Responses
from treefolio.service.models import API, Problem
from treefolio.service.problems import Declined, away
from treefolio.service.whence import From, Whence

PATH = "/login/discord"
AFTER = "/welcome"
"""Where the browser is sent in the end."""
_AT_ONCE = 4
"""Who come back at the same time: each waits for Discord, and may hold two connections to the database."""
_COOKIE = "treefolio_discord"
_NONE: Responses = {404: {"model": Problem, "description": "Nobody logs in here with Discord."}}
Word = Annotated[str | None, Query(max_length=2_000)]


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["accounts"], responses=_NONE)
    crossing = _Crossing(house)
    limiter = CapacityLimiter(_AT_ONCE)

    @routes.get(PATH, status_code=303, response_class=RedirectResponse)
    def discord(request: Request, whence: From) -> RedirectResponse:
        """Sends the browser to Discord, from where it comes back."""
        provider = crossing.provider()
        return _told(lambda: crossing.away(provider, request, whence))

    @routes.get(f"{PATH}/callback", status_code=303, response_class=RedirectResponse)
    async def discord_callback(
        request: Request,
        whence: From,
        code: Word = None,
        state: Word = None,
        agent: Annotated[str, Header(alias="User-Agent", include_in_schema=False)] = "",
    ) -> RedirectResponse:
        """Where Discord sends the browser back: begins a session, whose cookie the answer has."""
        provider = crossing.provider()

        def enter() -> RedirectResponse:
            with tried(house, whence, by=PROVIDER):
                user = crossing.back(provider, request, whence, code=code, state=state)
            house.audit.note(None, Act.LOGIN, whence, what={"by": PROVIDER}, who=user.id)
            return crossing.begin(user, request, agent)

        return await run_sync(_told, enter, limiter=limiter)

    return routes


def _told(act: Callable[[], RedirectResponse]) -> RedirectResponse:
    """Where it sends the browser; when it is refused, to the page, with one of our own words for why."""
    try:
        return act()
    except DatabaseError as error:
        refused = away(error)
    except Declined as error:
        refused = error
    return RedirectResponse(f"{AFTER}?why={refused.code}", status_code=303)


class _Crossing:
    """The way to Discord and back."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.crossings = Crossings(house.store.engine)
        self.cookie = Cookie(secure=house.address.secure)

    def away(self, provider: Discord, request: Request, whence: Whence) -> RedirectResponse:
        """To Discord, with a cookie that brings this browser back. Raises Declined."""
        self.house.limits.login(name=None, address=whence.address)
        made = self.crossings.begin()
        url = provider.departure(made.state, made.verifier, self._return(request))
        answer = RedirectResponse(url, status_code=303)
        answer.set_cookie(
            _COOKIE,
            made.verifier,
            max_age=int(LASTS.total_seconds()),
            path=API + PATH,
            secure=self.house.address.secure,
            httponly=True,
            samesite="lax",  # the browser comes back from another site
        )
        return answer

    def back(
        self, provider: Discord, request: Request, whence: Whence, *, code: str | None, state: str | None
    ) -> User:
        """Who came back. Raises Declined."""
        verifier = request.cookies.get(_COOKIE, "")
        if not (state and verifier and self.crossings.finish(state, verifier)):
            raise _refused("this login was not begun in this browser, or too long ago")
        if not code:
            raise _refused("Discord was not allowed to say who you are")
        person = provider.arrival(code, verifier, self._return(request))
        user, made = Identities(self.house.store.engine, accounts_of(self.house)).user(person)
        if made:
            self.house.audit.note(None, Act.USER_MADE, whence, what={"by": PROVIDER}, who=user.id)
        return user

    def begin(self, user: User, request: Request, agent: str) -> RedirectResponse:
        """A session for the user, in place of the one that the browser had."""
        answer = RedirectResponse(AFTER, status_code=303)
        earlier = self.cookie.read(request.headers.get("cookie"))
        secret = accounts_of(self.house).sessions.begin(user.id, agent, instead=earlier)
        self.cookie.give(answer, secret, self.house.settings.session_hours)
        answer.delete_cookie(_COOKIE, path=API + PATH, secure=self.house.address.secure, httponly=True)
        return answer

    def provider(self) -> Discord:
        """Whom to ask. Raises Declined."""
        found = discord_of(self.house.settings)
        if found is None:
            raise Declined(
                "nobody logs in here with Discord",
                code="no_discord",
                status=404,
                hint="TREEFOLIO_DISCORD_CLIENT_ID and _SECRET make it possible.",
            )
        return found

    def _return(self, request: Request) -> str:
        """Where Discord sends the browser back: an address that the door has looked at."""
        return f"{self.house.address.base(request.headers.get('host'))}{API}{PATH}/callback"


def _refused(message: str) -> Declined:
    return Declined(message, code="discord_refused", status=401, hint=f"Begin again: GET {API}{PATH}.")
