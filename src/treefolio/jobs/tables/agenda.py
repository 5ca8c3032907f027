"""What users may and did: combinations of a day, whose prices are whose, what is done at its time."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    text,
)

from treefolio.jobs.tables.base import metadata, now, when

usage_days = Table(
    "usage_days",
    metadata,
    Column("owner", Text, ForeignKey("users.id"), nullable=False),
    Column("day", Date, nullable=False),  # in UTC
    Column("combinations", BigInteger, nullable=False),  # submitted, whatever became of them
    PrimaryKeyConstraint("owner", "day", name="usage_days_pkey"),
)

snapshot_owners = Table(
    "snapshot_owners",
    metadata,
    Column("owner", Text, ForeignKey("users.id"), nullable=False),
    Column("hash", Text, ForeignKey("snapshots.hash"), nullable=False),
    now("made"),  # when the owner brought the prices last
    PrimaryKeyConstraint("owner", "hash", name="snapshot_owners_pkey"),
    Index("snapshot_owners_hash", "hash"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request", JSON, nullable=False),
    Column("at", Time),  # by New York's clocks; none for moments that the market sets
    Column("days", Text, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("next_at", when),
    Column("last_job", Uuid, ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("last_at", when),
    Column("last_reason", Text),  # why nothing was submitted then
    now("made"),
    UniqueConstraint("owner", "name", name="schedules_owner_name"),
)
