"""What a browser sees that comes to a service without login: what this is, and which commands use it.

It is one file without scripts, in the manner of `welcome.html`, to which users who log in are led instead.
"""

from __future__ import annotations

import html
from pathlib import Path

from fastapi import APIRouter, Request, Response

from treefolio.service.accounts.page import policy_of
from treefolio.service.address import Address

_FILE = Path(__file__).with_name("front.html")
_URL = "{url}"
"""In the page: where the service was spoken to."""


def router(address: Address) -> APIRouter:
    """The route."""
    routes = APIRouter()
    content = _FILE.read_text(encoding="utf-8")
    policy = policy_of(content)

    @routes.get("/", include_in_schema=False)
    def front(request: Request) -> Response:
        """The page."""
        url = html.escape(address.base(request.headers.get("host")))
        return Response(
            content.replace(_URL, url),
            media_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": policy},
        )

    return routes
