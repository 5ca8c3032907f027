"""The schema: made by revisions, and the same as the tables that the ledger works with."""

from __future__ import annotations

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from treefolio.errors import DatabaseError
from treefolio.jobs import migrations
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.ledger.store import Store
from treefolio.jobs.tables import metadata
from treefolio.testing.postgres import PostgresServer


def test_the_revisions_make_the_tables(store: Store) -> None:
    """Neither side has a table, column, type, key or index that the other one lacks."""
    with store.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_upgrading_twice_changes_nothing(store: Store) -> None:
    """It is done at every start."""
    assert store.ready()
    migrations.upgrade(store.engine)
    assert store.ready()


def test_several_processes_upgrade_at_once(server: PostgresServer) -> None:
    """One does it, the others wait."""
    engine = engine_of(server.database())
    threads = [threading.Thread(target=migrations.upgrade, args=(engine,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from alembic_version")).scalar_one() == 1
        assert migrations.is_newest(connection)
    engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(store: Store) -> None:
    """It says so, and changes nothing."""
    with store.engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    assert not store.ready()
    with pytest.raises(DatabaseError) as caught:
        migrations.upgrade(store.engine)
    assert "newer" in caught.value.message
    with store.engine.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar_one() == "9999"
