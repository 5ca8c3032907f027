"""The schema of the ledger, revision by revision. `upgrade` brings a database to the newest one."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from treefolio.errors import DatabaseError
from treefolio.jobs import locks
from treefolio.jobs.locks import Lock


def upgrade(engine: Engine) -> None:
    """Brings the schema to the newest revision, which is that of this version.

    Raises:
        DatabaseError: a newer version of Treefolio made it.
    """
    with engine.begin() as connection:
        locks.alone(connection, Lock.UPGRADE)
        found = _found(connection)
        script = ScriptDirectory.from_config(_config(connection))
        if found is not None and found not in {each.revision for each in script.walk_revisions()}:
            raise DatabaseError(
                "the database was made by a newer version of Treefolio",
                hint="Install that version, or name another database.",
            )
        command.upgrade(_config(connection), "head")


def is_newest(connection: Connection) -> bool:
    """The schema is the one of this version."""
    return _found(connection) == ScriptDirectory.from_config(_config(connection)).get_current_head()


def _found(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
