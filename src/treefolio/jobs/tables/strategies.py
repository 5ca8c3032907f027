"""Strategies with all their versions, lists of values, links by which others may read a strategy."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
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
from sqlalchemy.dialects.postgresql import ARRAY

from treefolio.jobs.tables.base import metadata, now, when

strategies = Table(
    "strategies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("folder", Text, nullable=False, server_default=text("''")),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("key", Text),
    now("imported_at"),  # from here on its author knew no price
    now("changed_at"),
    UniqueConstraint("owner", "key", name="strategies_owner_key"),
    Index("strategies_owner_folder", "owner", "folder", "name"),
)

strategy_versions = Table(
    "strategy_versions",
    metadata,
    Column("strategy", Uuid, ForeignKey("strategies.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("format", Text, nullable=False),
    Column("file_name", Text),
    Column("report", JSON, nullable=False),
    Column("tickers", ARRAY(Text), nullable=False),
    Column("note", Text, nullable=False, server_default=text("''")),
    Column("parent", Integer),
    now("made_at"),
    PrimaryKeyConstraint("strategy", "number", name="strategy_versions_pkey"),
    UniqueConstraint("strategy", "hash", name="strategy_versions_hash"),
    CheckConstraint("parent < number", name="strategy_versions_parent"),
)

variable_lists = Table(
    "variable_lists",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("values", JSON, nullable=False),  # not JSONB: 1 and 1.0 are different values
    now("created_at"),
    now("changed_at"),
    UniqueConstraint("owner", "name", name="variable_lists_owner_name"),
    CheckConstraint("kind in ('ticker', 'number', 'date')", name="variable_lists_kind"),
)

shares = Table(
    "shares",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("secret_hash", Text, nullable=False),  # SHA-256: the secret itself is shown once and not kept
    Column("strategy", Uuid, ForeignKey("strategies.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer),  # None for the newest
    now("made_at"),
    Column("expires_at", when),
    Column("revoked_at", when),
    UniqueConstraint("secret_hash", name="shares_secret_hash"),
    ForeignKeyConstraint(
        ["strategy", "version"],
        ["strategy_versions.strategy", "strategy_versions.number"],
        name="shares_version",
        ondelete="CASCADE",
    ),
    Index("shares_strategy", "strategy"),
)
