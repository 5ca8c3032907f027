"""The database's clock, and which workers are there by it. No other clock counts: machines' differ."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ColumnElement, Connection, func, select, text

from treefolio.jobs.tables import workers


def now(connection: Connection) -> dt.datetime:
    """When this transaction began."""
    moment: dt.datetime = connection.execute(select(func.now())).scalar_one()
    return moment


def at_leisure(connection: Connection) -> None:
    """This transaction may wait as long as it likes for what is done besides it, and is not ended for it."""
    connection.execute(text("set local idle_in_transaction_session_timeout = 0"))


def ago(seconds: float) -> ColumnElement[dt.datetime]:
    """So many seconds ago."""
    return func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def within(seconds: float, moment: ColumnElement[dt.datetime]) -> ColumnElement[bool]:
    """The moment is no more than so many seconds ago, or ahead: the clock may have been put back since."""
    return moment.between(ago(seconds), ago(-seconds))


def silent_for(seconds: float) -> ColumnElement[bool]:
    """The worker said nothing for so long."""
    return workers.c.beat < ago(seconds)


def alive(connection: Connection, lease_s: float) -> int:
    """How many workers are there."""
    query = select(func.count()).select_from(workers).where(~silent_for(lease_s))
    return connection.execute(query).scalar_one()
