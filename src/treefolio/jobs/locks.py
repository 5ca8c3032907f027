"""Locks that no row stands for: Postgres' advisory locks, each until the end of its transaction."""

from __future__ import annotations

from enum import IntEnum, unique

from sqlalchemy import Connection, text

_OF_ONE_USER = 7_336_453


@unique
class Lock(IntEnum):
    """What is done by one at a time. The numbers are Treefolio's own in a database that it may share."""

    UPGRADE = 7_336_453_655
    """Processes that start at once upgrade the schema one after the other."""
    PLACES = 7_336_453_656
    """Places in virtual time are given, and what users have under way is counted."""
    SNAPSHOTS = 7_336_453_657
    """Shared by those who need a snapshot, alone for who removes some."""
    ROTATION = 7_336_453_658
    """Of keys, each until its file is written."""
    IDENTITIES = 7_336_453_659
    """Who comes twice at once for the first time is made a user once."""


def alone(connection: Connection, lock: Lock) -> None:
    """Nobody else has it."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": lock})


def tried(connection: Connection, lock: Lock) -> bool:
    """Nobody else has it, unless somebody had it already: says which, and does not wait."""
    return bool(
        connection.execute(text("select pg_try_advisory_xact_lock(:key)"), {"key": lock}).scalar_one()
    )


def shared(connection: Connection, lock: Lock) -> None:
    """Others may share it; nobody has it alone."""
    connection.execute(text("select pg_advisory_xact_lock_shared(:key)"), {"key": lock})


def one_by_one(connection: Connection, owner: str) -> None:
    """Nobody else counts what this owner has, to add to it."""
    query = text("select pg_advisory_xact_lock(:space, hashtext(:owner))")
    connection.execute(query, {"space": _OF_ONE_USER, "owner": owner})
