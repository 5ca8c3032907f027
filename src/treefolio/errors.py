"""Every error that Treefolio raises on purpose.

    TreefolioError
    ├── UsageError           the command line or a call was used wrongly (exit status 2)
    ├── StrategyError        the strategy says something that has no meaning
    │   ├── FormatError      the file is damaged, or in no format we know
    │   └── LimitError       the strategy is larger than the stated limits
    ├── PriceError           the price files are damaged or of another kind than stated
    │   ├── MissingPrices    tickers or sessions that the strategy needs are not there
    │   └── SourceError      a source of prices cannot be asked, or its answer cannot be used
    │       └── SourceAway   it does not answer just now; later it may
    ├── WindowError          no session is left between start and end
    ├── SpaceError           the space of variables is empty, too large, or names what is not there
    ├── RunError             a run met a session that it cannot account for
    ├── OutputError          a result cannot be written
    │   └── NoRoom           the disk is full, or a limit is reached; later there may be room
    └── JobError             a job cannot be what it is asked to be
        ├── NoSuchJob        there is no such job of this user
        ├── Refused          the job's state, or its key, rules out what is asked
        ├── OverLimit        a user has as much as may be
        ├── DatabaseError    the database is not there, or does not answer
        └── VaultError       the keys that encrypt secrets are not there, or open to others

A message says what is wrong; the fields say where; `hint` says what to do. Tests assert on the fields.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class TreefolioError(Exception):
    """What all errors of Treefolio have: a message, a place, and a remedy.

    Attributes:
        path: place in the strategy's tree, such as ``root > group "Bear" > then``.
        line, column: place in the text, both counted from 1.
        source: the file's name.
        ticker, session: what and when, where that matters. Session as ``YYYY-MM-DD``.
        hint: what to do about it, as a whole sentence.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        column: int | None = None,
        source: str | None = None,
        ticker: str | None = None,
        session: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.column = column
        self.source = source
        self.ticker = ticker
        self.session = session
        self.hint = hint

    def __str__(self) -> str:
        place = self.source or ""
        if self.line is not None:
            where = f"line {self.line}" + (f", column {self.column}" if self.column is not None else "")
            place = f"{place}, {where}" if place else where
        head = f"{place}: {self.message}" if place else self.message
        lines = [head]
        if self.path:
            lines.append(f"  at {short_path(self.path)}")
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class UsageError(TreefolioError):
    """The command line or a call was used wrongly."""


class StrategyError(TreefolioError):
    """The strategy says something that has no meaning."""


class FormatError(StrategyError):
    """The file is damaged, or in no format we know."""


class LimitError(StrategyError):
    """The strategy is larger than the stated limits."""


class PriceError(TreefolioError):
    """The price files are damaged, or of another kind than stated."""


class MissingPrices(PriceError):  # noqa: N818 - named for what is missing, as a user reads it
    """Tickers or sessions that the strategy needs are not there."""


class SourceError(PriceError):
    """A source of prices cannot be asked, or its answer cannot be used."""


class SourceAway(SourceError):  # noqa: N818 - named for what has happened
    """A source of prices does not answer just now; later it may."""


class WindowError(TreefolioError):
    """No session is left between start and end."""


class SpaceError(TreefolioError):
    """The space of variables is empty, too large, or names what is not there."""


class RunError(TreefolioError):
    """A run met a session that it cannot account for."""


class OutputError(TreefolioError):
    """A result cannot be written."""


class NoRoom(OutputError):  # noqa: N818 - named for what has happened
    """The disk is full, or the system allows no more to be written; later there may be room."""


class JobError(TreefolioError):
    """A job cannot be what it is asked to be."""


class NoSuchJob(JobError):  # noqa: N818 - named for what is missing, as a user reads it
    """There is no such job of this user, or nothing of that name in it."""


class Refused(JobError):  # noqa: N818 - it is an answer, not a fault
    """The job's state, or its key, rules out what is asked."""


class OverLimit(JobError):  # noqa: N818 - it is an answer, not a fault
    """A user has as much as may be, or asks for more than may be at once.

    Attributes:
        limit: which, as its setting is called.
        used, most: what the user has, and may have.
        free_in_seconds: when there is room again; None where the user has to make it.
    """

    def __init__(
        self,
        message: str,
        *,
        limit: str,
        used: int,
        most: int,
        free_in_seconds: int | None = None,
        path: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.limit = limit
        self.used = used
        self.most = most
        self.free_in_seconds = free_in_seconds


class DatabaseError(JobError):
    """The database is not there, or does not answer."""


class VaultError(JobError):
    """The keys that encrypt secrets are not there, are open to others, or do not fit."""


LONGEST_PATH = 120
"""Characters of a path that are read by people; what is for programs has the whole."""


def short_path(path: str) -> str:
    """A place in a tree with its first and last parts, and … for what is between when it is long."""
    if len(path) <= LONGEST_PATH:
        return path
    parts: list[str] = []
    for piece in path.split(" > "):
        if parts and parts[-1].count('"') % 2:  # inside the name of a group
            parts[-1] += f" > {piece}"
        else:
            parts.append(piece)
    head, tail = [parts[0]], [parts[-1]] if len(parts) > 1 else []
    rest = parts[1:-1]
    for near, take, most in ((head, 0, 2 * LONGEST_PATH // 5), (tail, -1, 3 * LONGEST_PATH // 5)):
        while rest and len(" > ".join([*near, rest[take]])) <= most:
            near.append(rest.pop(take))
    return " > ".join([*head, *(["…"] if rest else []), *reversed(tail)])


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str | None:
    """A sentence that offers the nearest known words, or None when nothing is near.

    prefix: with which all of them begin, so that it makes none of them near.
    """
    by_folded = {name.removeprefix(prefix).casefold(): name for name in known}
    near = difflib.get_close_matches(word.removeprefix(prefix).casefold(), by_folded, n=3, cutoff=0.6)
    return _offer([by_folded[name] for name in near])


def did_you_mean_file(path: Path) -> str | None:
    """A sentence that offers the files beside it whose names are nearest, or None when none is near.

    Names are compared without their endings, which say nothing: those of all strategies are the same.
    """
    try:
        beside = sorted(path.parent.iterdir())
    except OSError:
        return None
    by_stem: dict[str, list[str]] = {}
    for each in beside:
        by_stem.setdefault(each.stem.casefold(), []).append(each.name)
    near = difflib.get_close_matches(path.stem.casefold(), by_stem, n=3, cutoff=0.6)
    return _offer([name for stem in near for name in by_stem[stem]])


def _offer(names: Sequence[str]) -> str | None:
    return f"Did you mean {' or '.join(names[:3])}?" if names else None
