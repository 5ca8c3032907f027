"""Users."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text, text

from treefolio.jobs.tables.base import count, metadata

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, server_default=text("''")),
    Column("tier", Text, nullable=False, server_default=text("'free'")),
    count("served"),  # fair queueing: where this user's last chunk ends in virtual time
)
