"""A connection to a database that may be there and say nothing: a Postgres that was stopped, say.

Nothing of the network finds that out, so whoever asked would wait for ever. A `Patient` connection gives up
when it has heard nothing for as long as it was told, and is of no use any more. Whatever is under way with
signs of life, such as a long upload, may take as long as it takes.
"""

from __future__ import annotations

import math
import time
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen

Found = TypeVar("Found")


class Patient(psycopg.Connection[Any]):
    """See the module. patience_s: how long it listens to silence; for ever, unless it is told."""

    patience_s = math.inf

    @classmethod
    def within(cls, patience_s: float, *how: Any, **named: Any) -> Self:
        """A connection with this patience; the other arguments are those of `psycopg.connect`."""
        made = cls.connect(*how, **named)
        made.patience_s = patience_s
        return made

    def wait(self, gen: PQGen[Found], *how: Any, **named: Any) -> Found:
        """See `psycopg.Connection`, whose versions take different arguments here. Raises OperationalError."""
        return super().wait(self._heard(gen), *how, **named)

    def _heard(self, gen: PQGen[Found]) -> PQGen[Found]:
        """The same talk, until there is silence for too long: then it is told of no sign of life."""
        heard = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                sign = yield wanted
                now = time.monotonic()
                if sign:
                    heard = now
                elif now - heard > self.patience_s:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"it has said nothing for {self.patience_s:g} s")
                wanted = gen.send(sign)
        except StopIteration as end:
            found: Found = end.value
            return found
