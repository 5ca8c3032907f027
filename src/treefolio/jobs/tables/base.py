"""What all tables have in common."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, MetaData, func, text

metadata = MetaData()
when = DateTime(timezone=True)
"""A moment, as all columns have it."""


def now(name: str) -> Column[object]:
    """When the row was made, by the database's clock."""
    return Column(name, when, nullable=False, server_default=func.now())


def count(name: str) -> Column[int]:
    """A number that begins at 0."""
    return Column(name, BigInteger, nullable=False, server_default=text("0"))
