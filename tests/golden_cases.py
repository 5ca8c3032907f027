"""Composer's own answers, and the prices that they rest on: what the golden tests of both engines share."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import numpy as np
import polars as pl

from treefolio.engine import reference
from treefolio.market.panel import Panel
from treefolio.strategy.tree import Node, Reading, iterate

FIRST, LAST = np.datetime64("2011-10-04"), np.datetime64("2024-12-30")
"""The sessions of Composer's table of holdings."""

Allocations = dict[str, list[tuple[np.datetime64, dict[str, float]]]]


def adjusted_closes(shared: Path, tickers: Collection[str], last: np.datetime64) -> Panel:
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


def ground_truth(shared: Path) -> dict[str, dict[str, int] | dict[str, str]]:
    """Days per ticker, and the holding on each of the named sessions."""
    text = (shared / "golden" / "composer_tqqq_ftlt" / "ground_truth.json").read_text(encoding="utf-8")
    return json.loads(text)


def live_allocations(shared: Path) -> Allocations:
    """Strategy file → (session, ticker → weight), as Composer traded them."""
    found: Allocations = defaultdict(list)
    path = shared / "golden" / "composer_live_allocations" / "allocations.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["strategy"]].append((np.datetime64(row["session"]), json.loads(row["allocation"])))
    return found


def difference(ours: dict[str, float], traded: dict[str, float]) -> float:
    """Half the summed absolute difference of two allocations."""
    return sum(abs(ours.get(t, 0.0) - traded.get(t, 0.0)) for t in {*ours, *traded}) / 2
