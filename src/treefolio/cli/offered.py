"""Commands that are offered at the terminal: verbs where a service names its routes, and the ``--url`` given.

A service speaks to whoever asks it over HTTP, so its hints name routes. Here they become the verbs that ask
for the same. A command of a service that is offered has the ``--url`` that this one had.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from contextvars import ContextVar

from treefolio.errors import TreefolioError, short_path

ROUTES: Mapping[str, str] = {
    "GET /api/v1/jobs": "treefolio jobs list",
    "GET /api/v1/jobs/ID": "treefolio jobs watch ID",
    "GET /api/v1/jobs/ID/rows": "treefolio jobs rows ID",
    "GET /api/v1/keys": "treefolio keys list",
    "GET /api/v1/lists": "treefolio lists list",
    "GET /api/v1/openapi.json": "treefolio VERB --help",
    "GET /api/v1/strategies": "treefolio strategies list",
    "GET /api/v1/strategies/ID/versions": "treefolio strategies versions NAME",
    "GET /api/v1/users": "treefolio users list",
    "POST /api/v1/strategies/ID/versions": "treefolio strategies add FILE --version-of NAME",
}
"""What asks for the same as a route that a hint names."""
HINTS: Mapping[str, str] = {
    "no_fetch": "Say where fresh ones come from: --source alpaca, massive, yahoo or synthetic.",
    "no_snapshot": "Submit it again: then its prices are uploaded.",
}
"""Of errors whose hint speaks of what a program sends, by their codes."""
MISUSES = ("invalid", "misuse", "space")
"""Codes of what is refused because of how it was asked: flags, names, spaces."""
PLACED = ("format", "invalid", "limit", "run", "strategy")
"""Codes of errors whose message needs the place; others speak of what they mean themselves."""
_FIELD = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_ROUTE = re.compile(r"\b(?:GET|HEAD|POST|PUT|PATCH|DELETE) /[\w/.-]*[\w/]")
_COMMAND = re.compile(r"`treefolio (jobs|keys|lists|strategies) (?!--url )")
_URL: ContextVar[str | None] = ContextVar("url", default=None)


def begin() -> None:
    """Forgets the address of an earlier command."""
    _URL.set(None)


def note_url(url: str | None) -> str | None:
    """Takes note of an address that stands on the command line."""
    if url is not None:
        _URL.set(url)
    return url


def here(text: str) -> str:
    """The text, in which each command of a service reaches the one that was named."""
    url = _URL.get()
    if url is None:
        return text
    named = f"--url {shlex.quote(url)} "
    return _COMMAND.sub(lambda found: found[0] + named, text)


def place_of(error: TreefolioError) -> str | None:
    """Where an error is; None where its message says so, or that is but a field of what a program sent."""
    code = getattr(error, "code", None)
    if error.path is None or short_path(error.path) in error.message:
        return None
    if code is None:
        return error.path
    path = error.path.removeprefix("body.")
    known = path == "body" or (code not in PLACED and _FIELD.fullmatch(path))
    return None if known else path


def hint_of(error: TreefolioError) -> str | None:
    """What to do about an error, as it is done from a terminal; None where the error does not say."""
    hint = HINTS.get(getattr(error, "code", ""), error.hint)
    if hint is None:
        return None
    if any(route not in ROUTES for route in _ROUTE.findall(hint)):
        return None
    return here(_ROUTE.sub(lambda found: f"`{ROUTES[found[0]]}`", hint))
