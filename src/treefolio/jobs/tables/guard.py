"""What is guarded: users' keys, the log of sensitive acts, and logins by another service."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from treefolio.jobs.tables.base import metadata, now, when

secrets = Table(
    "secrets",
    metadata,
    Column("owner", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),  # encrypted; owner and kind stand in it as well
    Column("shown", JSONB, nullable=False),  # what may be seen of it
    now("made_at"),
    now("changed_at"),
    PrimaryKeyConstraint("owner", "kind", name="secrets_pkey"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    now("at"),
    Column("who", Text),  # no key of another table: the log outlives its users
    Column("act", Text, nullable=False),
    Column("what", JSONB, nullable=False, server_default=text("'{}'")),
    Column("address", Text, nullable=False, server_default=text("''")),
    Column("request_id", Text, nullable=False, server_default=text("''")),
    Index("audit_who", "who", "id"),
)

identities = Table(
    "identities",
    metadata,
    Column("provider", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("owner", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    now("made_at"),
    PrimaryKeyConstraint("provider", "subject", name="identities_pkey"),
)

crossings = Table(
    "crossings",
    metadata,
    Column("state", Text, primary_key=True),  # hashed, like the browser's cookie
    Column("browser", Text, nullable=False),
    Column("until", when, nullable=False),
)
