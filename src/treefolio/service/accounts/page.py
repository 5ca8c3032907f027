"""A small page for people: set a password by a one-time link, log in and out, make a token, set keys.

It is one file without anything from elsewhere. Its policy allows its own script and style, by their hashes,
and requests to the service; nothing else. The script is in the file `welcome.html`, as is everything else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

_FILE = Path(__file__).with_name("welcome.html")
_LOG_IN = "<button>Log in</button>\n"
_DISCORD = '<a href="/api/v1/login/discord">Log in with Discord</a>\n'


def router(*, discord: bool) -> APIRouter:
    """The route. discord: users may log in by it, so the page has a link to it."""
    routes = APIRouter()
    content = _FILE.read_text(encoding="utf-8")
    if discord:
        content = content.replace(_LOG_IN, _LOG_IN + _DISCORD)
    policy = policy_of(content)

    @routes.get("/", include_in_schema=False)
    def front() -> Response:
        """Where somebody begins who types the service's name."""
        return RedirectResponse("/welcome", status_code=303)

    @routes.get("/welcome", include_in_schema=False)
    def welcome() -> Response:
        """The page."""
        return Response(
            content, media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy}
        )

    return routes


def policy_of(content: str) -> str:
    """What a browser may do for this page: run the script and use the style that stand in it."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hashes('script', content)}",
            f"style-src {_hashes('style', content)}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hashes(tag: str, content: str) -> str:
    found = re.findall(f"<{tag}>(.*?)</{tag}>", content, re.DOTALL)
    sums = (base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in found)
    return " ".join(f"'sha256-{each}'" for each in sums) or "'none'"
