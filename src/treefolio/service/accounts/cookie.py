"""The cookie that has a session's secret: pages cannot read it, and other sites cannot have it sent."""

from __future__ import annotations

from starlette.requests import cookie_parser
from starlette.responses import Response

from treefolio.service.accounts.secret import SECRET

_NAME = "treefolio"


class Cookie:
    """The one of a service: `secure` when users reach it by HTTPS, and then no other host can set it."""

    def __init__(self, *, secure: bool) -> None:
        self.secure = secure
        self.name = f"__Host-{_NAME}" if secure else _NAME

    def read(self, header: str | None) -> str | None:
        """The secret in a request's header ``Cookie``."""
        found = cookie_parser(header or "").get(self.name, "")
        return found if SECRET.fullmatch(found) else None

    def give(self, response: Response, secret: str, hours: float) -> None:
        """Has the browser keep it for as long as a session can last."""
        response.set_cookie(
            self.name,
            secret,
            max_age=int(hours * 3600),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="strict",
        )

    def take(self, response: Response) -> None:
        """Has the browser forget it."""
        response.delete_cookie(self.name, path="/", secure=self.secure, httponly=True, samesite="strict")
