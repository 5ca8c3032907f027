"""The tables of the ledger. `treefolio.jobs.migrations` makes them; a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

metadata = MetaData()
_when = DateTime(timezone=True)


def _now(name: str) -> Column[object]:
    return Column(name, _when, nullable=False, server_default=func.now())


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=text("''")),
    Column("tier", Text, nullable=False, server_default=text("'free'")),
    _count("served"),  # fair queueing: where this user's last chunk ends in virtual time
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    _now("created_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("request", JSON, nullable=False),  # not JSONB: it would change the order of keys, and numbers
    Column("snapshot", Text, ForeignKey("snapshots.hash"), nullable=False),
    Column("rows_total", BigInteger),
    _count("rows_done"),
    _count("rows_failed"),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("key", Text),
    _now("created_at"),
    Column("started_at", _when),
    Column("finished_at", _when),
    Column("reason", Text),
    UniqueConstraint("owner", "key", name="jobs_owner_key"),
    Index("jobs_owner_created", "owner", "created_at"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("work", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("tag", BigInteger, nullable=False),  # fair queueing: its place in virtual time
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("lost", Integer, nullable=False, server_default=text("0")),
    Column("worker", BigInteger),
    Column("ticket", BigInteger),  # its newest task in Procrastinate
    Column("begun_at", _when),
    Column("finished_at", _when),
    Column("seconds", Double),
    Column("reason", Text),
    PrimaryKeyConstraint("job", "work", "number", name="chunks_pkey"),
    CheckConstraint("state in ('waiting', 'taken', 'done', 'failed')", name="chunks_state"),
    Index("chunks_open", "state", "worker", postgresql_where=text("state in ('waiting', 'taken')")),
)

parts = Table(
    "parts",
    metadata,
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("job", "number", name="parts_pkey"),
)

files = Table(
    "files",
    metadata,
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("piece", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("job", "name", "piece", name="files_pkey"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    _now("began"),
    _now("beat"),
    Column("chunk", Text),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    _now("at"),
    Column("kind", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Index("events_job", "job", "id"),
)
