"""Which strategy is meant: by its name or id, with ``:2`` after it for a version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from typer import Argument

if TYPE_CHECKING:
    from treefolio.client import Client
    from treefolio.service.strategies.models import Strategy, VersionText

Named = Annotated[
    str, Argument(metavar="NAME", help="Of the strategy, or its id; NAME:2 for its version 2 [the newest].")
]
Strategic = Annotated[str, Argument(metavar="NAME", help="Of the strategy, or its id or the beginning.")]
RULES = {
    "name": "A name is some words on one line, not too many.",
    "folder": "Write it like trend/2x.",
    "tags": "A tag is a word or some, on one line.",
    "note": "A note is some lines of text, not too many.",
}
"""What the service takes."""
_VERSION = re.compile(r"(.+):([1-9]\d{0,5})", re.DOTALL)


def parts(text: str) -> tuple[str, int | None]:
    """The name, and the number of the version that is meant; None for the newest."""
    found = _VERSION.fullmatch(text)
    return (found[1], int(found[2])) if found else (text, None)


def version(text: str, client: Client) -> tuple[Strategy, VersionText]:
    """The strategy that is meant, and its version.

    Raises:
        UsageError: there is no such strategy, or there are several. ServiceError: it has no such version.
    """
    name, number = parts(text)
    strategy = client.strategies.find(name)
    return strategy, client.strategies.version(strategy.id, number or strategy.newest.number)
