"""Jobs: what is asked, the chunks it is cut into, what came of them, and who does them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from treefolio.jobs.tables.base import count, metadata, now, when

snapshots = Table(
    "snapshots",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    now("created_at"),
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
    Column("snapshot", Text, ForeignKey("snapshots.hash")),  # none until its prices are fetched
    Column("rows_total", BigInteger),
    count("rows_done"),
    count("rows_failed"),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("key", Text),
    now("created_at"),
    Column("started_at", when),
    Column("finished_at", when),
    Column("reason", Text),
    Column("held", Boolean, nullable=False, server_default=text("false")),  # until another of its owner ends
    Column("precedence", BigInteger, nullable=False, server_default=text("0")),  # among its owner's jobs
    UniqueConstraint("owner", "key", name="jobs_owner_key"),
    Index("jobs_owner_created", "owner", "created_at"),
    Index("jobs_held", "owner", "created_at", postgresql_where=text("held")),
    Index("jobs_snapshot", "snapshot"),
)
job_columns = tuple(column for column in jobs.c if column is not jobs.c.request)
"""A job as it stands, without what was asked: that may have 20 MB, and is read where it is needed alone."""

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
    Column("begun_at", when),
    Column("finished_at", when),
    Column("seconds", Double),
    Column("reason", Text),
    Column("warm", Boolean),  # whether its worker was ready for the job
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
    now("began"),
    now("beat"),
    Column("chunk", Text),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("job", Uuid, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    now("at"),
    Column("kind", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Index("events_job", "job", "id"),
)
