"""Findings that the user looked at and accepted: a session's bar is used although a check warned of it.

They are kept in one small file of the home folder, since they outlive every block of the cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from treefolio.errors import OutputError, PriceError

NAME = "accepted.json"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Source (``alpaca sip``) → ticker → accepted sessions."""

    sessions: Mapping[str, Mapping[str, frozenset[date]]] = field(default_factory=dict)

    def of(self, source: str, ticker: str) -> frozenset[date]:
        """The accepted sessions of a source's ticker."""
        return self.sessions.get(source, {}).get(ticker, frozenset())

    def also(self, source: str, ticker: str, days: Iterable[date]) -> Accepted:
        """These, and those `days`."""
        tickers = dict(self.sessions.get(source, {}))
        tickers[ticker] = self.of(source, ticker).union(days)
        return Accepted({**self.sessions, source: tickers})


def load_accepted(home: Path) -> Accepted:
    """What was accepted so far. Raises PriceError when the file is damaged: guessing would change results."""
    path = home / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Accepted(
            {
                source: {ticker: frozenset(map(date.fromisoformat, days)) for ticker, days in tickers.items()}
                for source, tickers in found.items()
            }
        )
    except FileNotFoundError:
        return Accepted()
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise PriceError(
            f"cannot be read: {error}",
            source=str(path),
            hint="Correct the file, or remove it and accept the findings anew.",
        ) from None


def save_accepted(accepted: Accepted, home: Path) -> None:
    """Keeps them. Raises OutputError."""
    plain = {
        source: {ticker: sorted(map(str, days)) for ticker, days in sorted(tickers.items())}
        for source, tickers in sorted(accepted.sessions.items())
    }
    path = home / NAME
    try:
        home.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
