"""What was held: the allocation over time, and how much of each ticker for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.run import Run
from treefolio.report import drawing, ticks
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, row, section, shortened, table
from treefolio.report.numerals import count, share
from treefolio.report.page import chart
from treefolio.report.style import SERIES
from treefolio.report.thin import averaged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 40
"""Tickers in the table; the rest is summed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One ticker over a run.

    Attributes:
        average, largest: weight over all sessions, as fractions.
        sessions: how many ended with some of it held.
        orders: executed ones.
        last: the last session that ended with some of it held.
    """

    ticker: str
    average: float
    largest: float
    sessions: int
    orders: int
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Shares of the portfolio over time, to be stacked.

    Attributes:
        names, colours: of each layer, from the bottom up.
        shares: (N, K) fractions; a row sums to 1 unless more than everything is invested.
    """

    names: tuple[str, ...]
    colours: tuple[str, ...]
    shares: NDArray[np.float64]


def held(run: Run) -> list[Holding]:
    """Every ticker that was ever held, the largest average weight first, then by name."""
    orders = np.bincount(run.trades.ticker, minlength=len(run.tickers))
    found = []
    for a, ticker in enumerate(run.tickers):
        weight = run.weights[:, a]
        sessions = np.flatnonzero(weight)
        if len(sessions):
            holding = Holding(
                ticker=ticker,
                average=float(weight.mean()),
                largest=float(weight.max()),
                sessions=len(sessions),
                orders=int(orders[a]),
                last=str(run.sessions[sessions[-1]]),
            )
            found.append(holding)
    return sorted(found, key=lambda each: (-each.average, each.ticker))


def layers(run: Run, order: Sequence[Holding]) -> Layers:
    """The `SERIES` largest tickers, what is in others, and cash; layers that are always 0 are left out."""
    column = {ticker: a for a, ticker in enumerate(run.tickers)}
    places = [column[each.ticker] for each in order]
    top, rest = run.weights[:, places[:SERIES]], run.weights[:, places[SERIES:]].sum(axis=1)
    cash = np.maximum(1.0 - run.weights.sum(axis=1), 0.0)
    shares = np.column_stack([top, rest, cash])
    names = (
        *(shortened(each.ticker, 24) for each in order[:SERIES]),
        f"{len(places) - SERIES} others",
        "Cash",
    )
    colours = (*(f"s{k}" for k in range(top.shape[1])), "other", "cash")
    seen = np.flatnonzero(shares.max(axis=0) > 5e-4)
    return Layers(
        names=tuple(names[k] for k in seen),
        colours=tuple(colours[k] for k in seen),
        shares=shares[:, seen],
    )


def holdings_section(run: Run) -> Html:
    """The stacked allocation and the table of tickers."""
    order = held(run)
    stack = layers(run, order)
    starts, means = averaged(stack.shares)
    svg = drawing.draw(
        "holdings",
        "Share of each holding in the portfolio, by session",
        lambda axes: _paint(axes, run.sessions, starts, means, stack.colours),
        height=300,
    )
    key = legend(zip(stack.colours, stack.names, strict=True))
    return section(
        "holdings",
        "Holdings",
        chart(svg, key=key, caption=_said(len(run.sessions), len(starts))),
        el("div", _table(order, len(run.sessions)), style="margin-top:22px"),
        note="Weights after each session's trades.",
    )


def _said(sessions: int, columns: int) -> str | None:
    if columns == sessions:
        return None
    return f"Each of the {columns} columns is the average of {sessions / columns:.0f} or so sessions."


def _paint(
    axes: Axes,
    sessions: NDArray[np.datetime64],
    starts: NDArray[np.int64],
    means: NDArray[np.float64],
    colours: Sequence[str],
) -> None:
    """From the top layer down, each from zero up to its edge, so that no seam shows between neighbours."""
    days = sessions.astype("datetime64[D]").astype(np.float64)
    edges = np.repeat(np.append(days[starts], days[-1]), 2)[1:-1]
    tops = np.cumsum(means, axis=1)
    for k in reversed(range(len(colours))):
        outline = np.repeat(tops[:, k], 2)
        axes.fill(
            np.concatenate(([edges[0]], edges, [edges[-1]])),
            np.concatenate(([0.0], outline, [0.0])),
            color=colour(colours[k]),
            linewidth=0,
        )
    axes.set_xlim(days[0], days[-1])
    axes.set_ylim(0.0, max(1.0, float(tops.max(initial=0.0))))
    axes.grid(visible=False)
    quarters = [(part, f"{part:.0%}") for part in (0.0, 0.25, 0.5, 0.75, 1.0)]
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=quarters)


def _table(order: Sequence[Holding], sessions: int) -> Html:
    widest = max((each.average for each in order), default=1.0)
    rows = [_row(each, sessions, widest) for each in order[:LISTED]]
    more = order[LISTED:]
    if more:
        rest = (share(sum(each.average for each in more)), "", "", "", count(sum(e.orders for e in more)), "")
        rows.append(row(*rest, "", head=f"{len(more)} others"))
    heads = ("Ticker", "Average weight", "Days held", "Of all days", "Largest", "Orders", "Last held", "")
    return table(heads, rows, kind="grow") if rows else el("p", "Nothing was ever held.", class_="note")


def _row(each: Holding, sessions: int, widest: float) -> Html:
    width = 100 * max(each.average, 0.0) / widest if widest > 0 else 0.0
    return row(
        share(each.average),
        count(each.sessions),
        share(each.sessions / sessions),
        share(each.largest),
        count(each.orders),
        each.last,
        el("td", el("span", class_="bar", style=f"width:{width:.1f}%")),
        head=shortened(each.ticker, 24),
    )
