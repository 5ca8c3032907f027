"""The database as a service needs it: with this version's tables, and with its one user."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from treefolio.errors import DatabaseError
from treefolio.jobs import migrations
from treefolio.jobs.admission import readable
from treefolio.jobs.ledger.agenda import Agenda
from treefolio.jobs.ledger.store import Store, open_store
from treefolio.jobs.settings import JobSettings
from treefolio.market.settings import MarketSettings
from treefolio.service.local import LOCAL


def enter(url: str, settings: JobSettings) -> Store:
    """The ledger at this URL, brought up to date.

    Raises:
        DatabaseError: it does not answer, or a later version made its tables.
    """
    store = open_store(readable(url), settings)
    try:
        migrations.upgrade(store.engine)
    except DBAPIError as error:
        raise _no_answer(error) from None
    store.enter_user(LOCAL, tier=LOCAL)  # a tier without limits
    Agenda(store.engine, settings).keep_house(_vendor())
    return store


def _vendor() -> str | None:
    """The source that the environment has keys of, the first one. Raises UsageError."""
    settings = MarketSettings()
    if settings.alpaca_key is not None and settings.alpaca_secret is not None:
        return "alpaca"
    return None if settings.massive_key is None else "massive"


def _no_answer(error: DBAPIError) -> DatabaseError:
    """What is wrong with the database, without its address, which may hold a password."""
    return DatabaseError(
        f"the database does not answer: {str(error.orig).strip().splitlines()[0]}",
        hint="Start it, or leave TREEFOLIO_DATABASE_URL out: then one is started here.",
    )
