"""What the tests of the command line share: a way to call it, strategies and prices in files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from treefolio.cli import main
from treefolio.market.frames import to_frame
from treefolio.market.synthetic import synthetic_panel

STRATEGY = """\
name: Hot or not
variables:
  hot: {default: 70, values: [60, 70, 80]}
tree:
  if: rsi(TQQQ, 10) > $hot and price(SPY) > sma(SPY, 20)
  then: BIL
  else:
    filter: top 1 by cumulative_return(5)
    of: [TQQQ, TLT]
"""
PLAIN = "tree: {if: 'rsi(SPY, 10) > 70', then: BIL, else: SPY}\n"
TICKERS = ("BIL", "QQQ", "SPY", "TLT", "TQQQ")


@dataclass(frozen=True, slots=True)
class Called:
    """What a call of the command line left."""

    status: int
    out: str
    err: str


class Program:
    """The command line, called in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str | Path) -> Called:
        self.capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return Called(status, captured.out, captured.err)


def done(called: Called) -> Called:
    """The call, which must have worked."""
    assert called.status == 0, called.err
    return called


def write_prices(folder: Path, *, tickers: tuple[str, ...] = TICKERS) -> Path:
    """A Parquet file of made-up prices of 2015 and 2016, as a user would have one."""
    path = folder / "prices.parquet"
    panel = synthetic_panel(seed=3, start=date(2015, 1, 2), end=date(2016, 12, 30), tickers=tickers)
    to_frame(panel).write_parquet(path)
    return path


def write_strategy(folder: Path, text: str = STRATEGY, name: str = "hot.yaml") -> Path:
    """A file with a strategy."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
