"""Names of users: what they look like, when two are the same, and who is let in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from treefolio.service.problems import Declined

LONGEST = 100
_NAME = re.compile(r"[\w.@+-]{1,100}")


def is_name(name: str) -> bool:
    """A user could be called so."""
    return _NAME.fullmatch(unicodedata.normalize("NFKC", name.strip())) is not None


def plain(name: str) -> str:
    """The name as it is kept. Raises Declined when it is none."""
    if not is_name(name):
        raise Declined(
            f"{name[:LONGEST]!r} is no name for a user",
            code="name",
            status=422,
            path="body.name",
            hint=f"Use up to {LONGEST} letters, digits and . @ + - _, such as ann or ann@example.org.",
        )
    return unicodedata.normalize("NFKC", name.strip())


def handle_of(name: str) -> str:
    """The same for names that differ in capitals or in how they are written; empty for what is no name."""
    if not is_name(name):
        return ""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())


def handles(names: str | None) -> Collection[str] | None:
    """The handles in a setting, which has commas between names; None when everybody is meant."""
    if names is None or not names.strip():
        return None
    return frozenset(handle_of(name) for name in names.split(",") if name.strip())
