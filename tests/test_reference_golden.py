"""The reference engine against Composer's own answers."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from treefolio.engine import reference
from treefolio.engine.execution import Execution
from treefolio.engine.reference_tree import Tree
from treefolio.engine.run import Run, Window
from treefolio.formats import read
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Node, Reading, iterate

pytestmark = pytest.mark.shared

FIRST, LAST = np.datetime64("2011-10-04"), np.datetime64("2024-12-30")


def adjusted_closes(shared: Path, tickers: tuple[str, ...], last: np.datetime64) -> Panel:
    """All of the history up to the last session, of those of the tickers that have prices."""
    files = [
        pl.scan_parquet(shared / "prices" / name)
        .select("date", pl.col("ticker").cast(pl.String), pl.col("adj_close").cast(pl.Float64))
        .filter(pl.col("ticker").is_in(tickers), pl.col("date") <= last.item())
        .collect()
        for name in ("etf_daily.parquet", "extra_daily_adj.parquet")
    ]
    rows = pl.concat(files).unique(["date", "ticker"], keep="first", maintain_order=True)
    wide = rows.pivot(on="ticker", index="date", values="adj_close").sort("date")
    priced = tuple(sorted(set(wide.columns) - {"date"}))
    return Panel(
        sessions=wide["date"].to_numpy().astype("datetime64[D]"),
        tickers=priced,
        fields={"close": np.ascontiguousarray(wide.select(priced).to_numpy())},
        basis="adj_close: split- and dividend-adjusted, as given",
        source="etf_daily.parquet, extra_daily_adj.parquet",
    )


def tickers_of(root: Node) -> tuple[str, ...]:
    """Held or read, sorted."""
    sides = (getattr(item, name, None) for item in iterate(root) for name in ("left", "right", "reading"))
    read_ones = {side.ticker for side in sides if isinstance(side, Reading)}
    return tuple(sorted({*reference.holdable_tickers(root), *read_ones}))


@pytest.fixture(scope="module")
def ground_truth(shared) -> dict[str, dict[str, int] | dict[str, str]]:
    text = (shared / "golden" / "composer_tqqq_ftlt" / "ground_truth.json").read_text(encoding="utf-8")
    return json.loads(text)


@pytest.fixture(scope="module")
def run(shared) -> Run:
    """From the first session on which the strategy can start to the last one of Composer's table."""
    strategy = read(shared / "golden" / "composer_tqqq_ftlt" / "strategy.clj").strategy
    panel = adjusted_closes(shared, tickers_of(strategy.root), LAST)
    window = reference.first_session(strategy, panel)
    assert window.cause == "UVXY's first price is then"
    return reference.run(strategy, panel, Window(first=window.first, last=window.last), Execution())


def test_the_run_has_composers_sessions(run):
    """It starts by itself where Composer's does: UVXY's first session."""
    assert (run.sessions[0], run.sessions[-1], len(run.sessions)) == (FIRST, LAST, 3331)


def test_every_ticker_is_held_on_as_many_sessions(run, ground_truth):
    """Counted at the session of the decision; a session counts for every ticker held."""
    days = dict(zip(run.tickers, np.count_nonzero(run.targets, axis=0).tolist(), strict=True))
    assert days == ground_truth["counts"]


def test_the_named_sessions_hold_what_composer_held(run, ground_truth):
    """All of it, on 242 of 242 sessions."""
    named = ground_truth["ground_truth_on_filter_days"]
    assert len(named) == 242
    at = {str(day): k for k, day in enumerate(run.sessions)}
    held = {day: _held(run, at[day]) for day in named}
    assert held == {day: {ticker: 1.0} for day, ticker in named.items()}


def _held(run: Run, session: int) -> dict[str, float]:
    return {name: w for name, w in zip(run.tickers, run.targets[session].tolist(), strict=True) if w != 0}


@pytest.fixture(scope="module")
def allocations(shared) -> dict[str, list[tuple[np.datetime64, dict[str, float]]]]:
    """Strategy file → (session, ticker → weight), as Composer traded them."""
    found = defaultdict(list)
    path = shared / "golden" / "composer_live_allocations" / "allocations.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["strategy"]].append((np.datetime64(row["session"]), json.loads(row["allocation"])))
    return found


def test_live_allocations_are_near_what_composer_held(shared, allocations):
    """Half the summed absolute difference is below 4 % on all 149; live weights are drifted and rounded."""
    far, seen = [], 0
    for name, expected in allocations.items():
        strategy = read(shared / "strategies" / "composer_clj" / name).strategy
        last = max(day for day, _ in expected)
        panel = adjusted_closes(shared, tickers_of(strategy.root), last)
        at = [int(np.searchsorted(panel.sessions, day)) for day, _ in expected]
        tree = Tree(strategy, panel, range(min(at), max(at) + 1))
        for session, (day, traded) in zip(at, expected, strict=True):
            ours = tree.weights(session)
            names = {*ours, *traded}
            difference = sum(abs(ours.get(t, 0.0) - traded.get(t, 0.0)) for t in names) / 2
            seen += 1
            if difference >= 0.04:
                far.append((name, str(day), difference))
    assert (seen, far) == (149, [])
