"""The database of this machine's service, for verbs that speak to it themselves: ``users``, ``secrets``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.errors import DatabaseError

if TYPE_CHECKING:
    from treefolio.jobs.ledger.store import Store

Home = Annotated[
    Path | None, Option("--home", metavar="DIR", help="That is served, when not [TREEFOLIO_HOME].")
]


@contextmanager
def opened_store(home: Path | None) -> Iterator[Store]:
    """The ledger in the database that is named, or in the one that runs for the home folder.

    Raises:
        DatabaseError: none runs, or its tables are of another version.
    """
    from treefolio.jobs.embedded import database_url  # noqa: PLC0415 - heavy
    from treefolio.jobs.ledger.store import open_store  # noqa: PLC0415 - with the others
    from treefolio.jobs.settings import JobSettings  # noqa: PLC0415 - with the others

    settings = JobSettings() if home is None else JobSettings(home=home.expanduser().absolute())
    store = open_store(database_url(settings), settings)
    try:
        if not store.ready():
            raise DatabaseError(
                "the database does not answer, or its tables are of another version",
                hint="`treefolio serve` starts it, and brings its tables up to date.",
            )
        yield store
    finally:
        store.close()
