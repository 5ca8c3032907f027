"""What the verbs of lists take and say: a name, values as text, how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Argument

from treefolio.cli import entered

if TYPE_CHECKING:
    from treefolio.service.lists.models import ValueList

Named = Annotated[str, Argument(metavar="NAME", help="Of the list, or its id.")]
RULES = {"name": "Use letters of A to Z, digits, _ . and -; neither . nor - comes first. At most 100."}
"""What the service takes."""


def text_of(given: str) -> str:
    """The text itself; that of standard input for ``-``. Raises UsageError."""
    return entered.text() if given == "-" else given


def size(found: ValueList) -> str:
    """``16 numbers``."""
    count = len(found.values)
    return f"{count:,} {found.kind}{'' if count == 1 else 's'}"
