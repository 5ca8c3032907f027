"""What the door of a service of several users asks: from where, who is it, may they do this?

By a token, everything that its scopes allow. By a session's cookie, what changes something also needs the
header ``X-CSRF-Token`` and an ``Origin`` that is ours: a browser sends cookies whoever asks it to.
"""

from __future__ import annotations

import hmac

from anyio.to_thread import run_sync

from treefolio.service.accounts.cookie import Cookie
from treefolio.service.accounts.secret import csrf_of
from treefolio.service.accounts.sessions import Known
from treefolio.service.accounts.store import Accounts
from treefolio.service.accounts.tokens import TOKEN
from treefolio.service.address import Address
from treefolio.service.callers import LOG_IN, By, Caller, Scope
from treefolio.service.keepers import LOOKING, Visit, require_here
from treefolio.service.models import API
from treefolio.service.problems import Declined

OPEN = (
    "/",
    f"{API}/health",
    f"{API}/links",
    f"{API}/login",
    f"{API}/login/discord",
    f"{API}/login/discord/callback",
    f"{API}/openapi.json",
    f"{API}/ready",
    "/welcome",
)
"""What anybody may ask for."""
OPEN_TO_LOOK = f"{API}/shared/"
"""What anybody may look at below it: links to strategies, whose secrets are in their paths."""
CSRF_HEADER = "X-CSRF-Token"


def is_open(method: str, path: str) -> bool:
    """Anybody may ask for it."""
    return path in OPEN or (method in LOOKING and path.startswith(OPEN_TO_LOOK))


class AccountsKeeper:
    """See the module."""

    def __init__(self, accounts: Accounts, address: Address) -> None:
        self.accounts = accounts
        self.address = address
        self.cookie = Cookie(secure=address.secure)

    async def admit(self, visit: Visit) -> Caller | None:
        """Who asks; None where anybody may. Raises Declined, DatabaseError."""
        require_here(visit, self.address, any_port=False)
        if not visit.socket and is_open(visit.method, visit.path):
            return None
        given = visit.headers.get("authorization")
        return await (self.by_session(visit) if given is None else self.by_token(visit, given))

    async def by_token(self, visit: Visit, given: str) -> Caller:
        """The user of a token, when its scopes allow this."""
        scheme, _, secret = given.partition(" ")
        known = None
        if scheme.casefold() == "bearer" and TOKEN.fullmatch(secret):
            known = await run_sync(self.accounts.tokens.known, secret)
        if known is None or not self._is_allowed(known):
            raise _unknown("this token opens nothing: it was revoked, or has expired, or is none")
        scopes = frozenset(map(Scope, known.scopes))
        if visit.method not in LOOKING and Scope.WRITE not in scopes:
            raise Declined(
                "this token may only look at things",
                code="scope",
                status=403,
                hint="The page /welcome makes one with the scope `write`.",
            )
        return _caller(known, By.TOKEN, scopes)

    async def by_session(self, visit: Visit) -> Caller:
        """The user of a session, unless another site could have had this sent."""
        secret = self.cookie.read(visit.headers.get("cookie"))
        known = None if secret is None else await run_sync(self.accounts.sessions.known, secret)
        if secret is None or known is None or not self._is_allowed(known):
            raise _unknown("nobody is logged in")
        if visit.socket or visit.method not in LOOKING:
            self._require_own_page(visit, secret)
        return _caller(known, By.SESSION, frozenset(Scope))

    def _require_own_page(self, visit: Visit, secret: str) -> None:
        """Nothing, when the request comes from a page of ours. Raises Declined."""
        origin = visit.headers.get("origin")
        given = visit.headers.get(CSRF_HEADER.lower(), "")
        named = origin is not None and self.address.is_own(origin, visit.headers.get("host"))
        if named and (visit.socket or hmac.compare_digest(given.encode(), csrf_of(secret).encode())):
            return
        raise Declined(
            "this does not come from a page of the service",
            code="csrf",
            status=403,
            hint=f"Send Origin, and {CSRF_HEADER} as GET {API}/session says it. Scripts use a token.",
        )

    def _is_allowed(self, known: Known) -> bool:
        return self.accounts.is_allowed(known.handle, administrator=known.administrator)


def _caller(known: Known, by: By, scopes: frozenset[Scope]) -> Caller:
    return Caller(
        user=known.user,
        name=known.name,
        administrator=known.administrator,
        scopes=scopes,
        by=by,
        session=known.id if by is By.SESSION else None,
    )


def _unknown(what: str) -> Declined:
    return Declined(what, code="login", status=401, hint=LOG_IN)
