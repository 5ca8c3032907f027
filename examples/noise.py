"""A sweep that looks brilliant and is noise: ``python examples/noise.py [FOLDER]``.

The market is made of random walks without drift, each by itself, so no rule can know anything. A small rule
with five variables is tried in 200,000 ways over five years; the best way is then run over the two years
that follow. The figures are printed; with a FOLDER, the picture and the report of the sweep are written
there. `docs/is-the-winner-real.md` tells the story.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import treefolio as tf
from treefolio.market import calendar
from treefolio.report import SweepSummary, sweep_page
from treefolio.report.style import COLOURS

SEED = 1
FUNDS = tuple("ABCDEFGHIJ")
FIRST, START, END, LAST = (
    dt.date(2017, 1, 3),
    dt.date(2018, 1, 2),
    dt.date(2022, 12, 30),
    dt.date(2024, 12, 31),
)
"""Prices begin; the sweep begins and ends; prices end."""
DAILY = 0.012
"""Standard deviation of a day's return."""
METRICS = ("sharpe", "sortino", "annualized_return", "volatility", "max_drawdown", "calmar")


@dataclass(frozen=True, kw_only=True)
class Story:
    """The sweep, and its best row over the same years and over those that follow."""

    swept: tf.Swept
    best: tf.Result
    after: tf.Result


def market() -> tf.Panel:
    """Random walks: a day's return is normal about 0, and tells nothing of any other."""
    sessions = calendar.sessions(FIRST, LAST)
    dice = np.random.default_rng(SEED)
    returns = dice.normal(0.0, DAILY, (len(sessions), len(FUNDS)))
    return tf.Panel(
        sessions=sessions,
        tickers=FUNDS,
        fields={"close": 100 * np.cumprod(1 + returns, axis=0)},
        basis="made-up prices",
        source=f"random walks, seed {SEED}",
        synthetic=True,
    )


def rule() -> tf.Strategy:
    """One fund while a signal is hot, another while it is not: which funds, and how hot, varies."""
    hot = tf.rsi(tf.var("signal"), tf.var("window")) > tf.var("hot")
    return tf.define(
        "A rule on noise",
        tf.If(hot, tf.var("one"), tf.var("other")),
        variables={
            "signal": list(FUNDS),
            "one": list(FUNDS),
            "other": list(FUNDS),
            "window": [2, 3, 4, 5, 7, 10, 14, 21, 30, 42],
            "hot": "31:69:2",
        },
    )


def tell() -> Story:
    """Everything, in some seconds."""
    panel, strategy = market(), rule()
    swept = tf.sweep(strategy, panel, start=START, end=END, benchmark=None, metrics=METRICS)
    chosen = swept.selection["best"]["variables"]  # type: ignore[index]
    best = tf.run(strategy, panel, start=START, end=END, benchmark=None, set=chosen)
    after = tf.run(strategy, panel, start=END, benchmark=None, set=chosen)
    return Story(swept=swept, best=best, after=after)


def lines(story: Story) -> Iterator[str]:
    """The figures, as the page tells them."""
    said = story.swept.selection
    best, before, after = said["best"], story.best.metrics, story.after.metrics
    yield f"{said['trials']:,} ways tried, from {START} to {END}"
    yield f"the best: {before['annualized_return']:.1%} a year, largest loss {before['max_drawdown']:.1%}"
    yield f"its Sharpe ratio: {best['sharpe']:.2f}; that it is above 0: {best['psr']:.2%}"
    yield f"expected best of as many without skill: {said['expected_max_sharpe']:.2f}"
    yield f"deflated Sharpe ratio: {best['dsr']:.0%}"
    yield f"probability of overfitting: {said['pbo']:.0%}, of loss: {said['probability_of_loss']:.0%}"
    yield f"its neighbours rank above {best['plateau']:.1%} of all ways"
    yield f"minimum history: {said['min_backtest_years']:.1f} years"
    yield f"the two years after: {after['cumulative_return']:.1%}, Sharpe ratio {after['sharpe']:.2f}"


def picture(story: Story, path: Path) -> None:
    """The best way's curve, with the years after, and where it stands among all."""
    tint = {name: light for name, (light, _) in COLOURS.items()}
    figure = Figure(figsize=(11, 4.2), dpi=100, layout="constrained", facecolor="white")
    curve, spread = figure.subplots(1, 2, width_ratios=(3, 2))
    for axes in (curve, spread):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(tint["line"])
        axes.tick_params(colors=tint["soft"], length=0)
        axes.grid(axis="y", color=tint["line"])
        axes.set_axisbelow(True)
    before, after = story.best.run, story.after.run
    grown = before.values / before.values[0]
    later = grown[-1] * after.values / after.values[0]
    curve.plot(before.sessions, grown, color=tint["main"], linewidth=1.6, label="the best of 200,000")
    curve.plot(after.sessions, later, color=tint["loss"], linewidth=1.6, label="the two years after")
    curve.set_title("1 becomes …", loc="left", color=tint["ink"], fontsize=11)
    curve.legend(frameon=False, labelcolor=tint["ink"], loc="upper left")
    ratios = story.swept.rows.select("sharpe").collect().to_series().drop_nulls().to_numpy()
    best, luck = ratios.max(), story.swept.selection["expected_max_sharpe"]
    spread.hist(ratios, bins=80, color=tint["main"], alpha=0.75)
    spread.axvline(best, color=tint["ink"], linewidth=1.5)
    spread.axvline(luck, color=tint["loss"], linewidth=1.5, linestyle=(0, (4, 3)))
    top = spread.get_ylim()[1]
    spread.text(best - 0.05, 0.97 * top, f"the best\n{best:.2f}", ha="right", va="top", color=tint["ink"])
    spread.text(luck + 0.05, 0.97 * top, f"of luck\n{luck:.2f}", va="top", color=tint["loss"])
    spread.set_xlim(ratios.min() - 0.1, luck + 0.75)
    spread.set_title("Sharpe ratios of all", loc="left", color=tint["ink"], fontsize=11)
    spread.yaxis.set_major_formatter("{x:,.0f}")
    figure.savefig(path, metadata={"Software": None})


def report(story: Story) -> str:
    """The page of the sweep."""
    swept = story.swept
    return sweep_page(
        SweepSummary(
            rows=swept.rows,
            variables=swept.space.axes,
            manifest=swept.manifest,
            counts=swept.summary["status"],
            selection=swept.selection,
            synthetic=True,
        )
    )


if __name__ == "__main__":
    told = tell()
    print(*lines(told), sep="\n")
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        folder.mkdir(parents=True, exist_ok=True)
        picture(told, folder / "noise.png")
        (folder / "report.html").write_text(report(told), encoding="utf-8")
