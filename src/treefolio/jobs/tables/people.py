"""Users, and what lets them in: passwords, sessions, tokens, one-time links.

Secrets are kept as hashes alone: passwords as Argon2's, all others as SHA-256 of 256 random bits.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from treefolio.jobs.tables.base import count, metadata, now, when

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=text("''")),
    Column("tier", Text, nullable=False, server_default=text("'free'")),
    count("served"),  # fair queueing: where this user's last chunk ends in virtual time
    count("reached"),  # … and the place of the one that was taken last
    Column("handle", Text),  # the name, folded; null for the one user of a service without login
    Column("password", Text),
    Column("administrator", Boolean, nullable=False, server_default=false()),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    now("created_at"),
    UniqueConstraint("handle", name="users_handle"),
)

links = Table(
    "links",
    metadata,
    Column("owner", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("expires_at", when, nullable=False),
    UniqueConstraint("digest", name="links_digest"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("agent", Text, nullable=False, server_default=text("''")),
    now("created_at"),
    now("seen_at"),
    UniqueConstraint("digest", name="sessions_digest"),
    Index("sessions_owner", "owner"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("shown", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    now("created_at"),
    Column("expires_at", when),
    Column("used_at", when),
    UniqueConstraint("digest", name="tokens_digest"),
    Index("tokens_owner", "owner"),
)
