"""How it behaved lately, at every session: Sharpe ratio, volatility and beta over sliding windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from treefolio.metrics.passes import FLAT
from treefolio.report import drawing, ticks
from treefolio.report.drawing import colour, mark
from treefolio.report.markup import Html, el, legend, section
from treefolio.report.numerals import percent_mark
from treefolio.report.page import chart
from treefolio.report.thin import kept, said

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Dates = NDArray[np.datetime64]
Curve = tuple[int, str, Floats]
"""The window's sessions, the colour, and (n,) values, NaN where undefined."""

WINDOWS: tuple[tuple[int, str], ...] = ((30, "other"), (90, "main"))
"""Sessions, and the colour of their curve."""
MOST_POINTS = 2_000
"""Of one curve; a window of 30 sessions moves slowly."""
_YEAR = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """One measure over sliding windows, as it is drawn."""

    name: str
    title: str
    curves: tuple[Curve, ...]
    word: Callable[[float, float], str]


def _blank(size: int, window: int, found: Floats) -> Floats:
    """(size,) the windows' values at their last returns, NaN before the first."""
    out = np.full(size, np.nan)
    out[window - 1 :] = found
    return out


def rolling_volatility(returns: Floats, window: int) -> Floats:
    """(n,) std(ddof 1) · √252 of the last ``window`` of (n,) returns; NaN before there are so many."""
    if len(returns) < window:
        return np.full(len(returns), np.nan)
    views = sliding_window_view(returns, window)
    return _blank(len(returns), window, views.std(axis=1, ddof=1) * np.sqrt(_YEAR))


def rolling_sharpe(returns: Floats, window: int) -> Floats:
    """(n,) mean / std(ddof 1) · √252 of the last ``window`` returns; NaN without variance among them."""
    if len(returns) < window:
        return np.full(len(returns), np.nan)
    views = sliding_window_view(returns, window)
    flat = np.ptp(views, axis=1) <= FLAT
    spread = np.where(flat, np.nan, views.std(axis=1, ddof=1))
    return _blank(len(returns), window, views.mean(axis=1) / spread * np.sqrt(_YEAR))


def rolling_beta(returns: Floats, rival: Floats, window: int) -> Floats:
    """(n,) cov(r, b) / var(b) over the last ``window``; NaN where the benchmark does not vary."""
    covariance, (_, below), flat = _moments(returns, rival, window)
    return covariance / np.where(flat[1], np.nan, below)


def rolling_correlation(a: Floats, b: Floats, window: int) -> Floats:
    """(n,) correlation over the last ``window`` of two series of returns; NaN where one does not vary."""
    covariance, (over, below), flat = _moments(a, b, window)
    return covariance / np.sqrt(np.where(flat[0] | flat[1], np.nan, over * below))


def _moments(
    a: Floats, b: Floats, window: int
) -> tuple[Floats, tuple[Floats, Floats], tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """(n,) covariances, both variances, and where each series is flat; NaN before the first whole window."""
    size = len(a)
    if size < window:
        nothing = np.full(size, np.nan)
        whole = np.ones(size, np.bool_)
        return nothing, (nothing, nothing), (whole, whole)
    views = [sliding_window_view(each, window) for each in (a, b)]
    flats = [np.append(np.ones(window - 1, np.bool_), np.ptp(view, axis=1) <= FLAT) for view in views]
    apart = [view - view.mean(axis=1, keepdims=True) for view in views]
    joint = _blank(size, window, (apart[0] * apart[1]).mean(axis=1))
    own = [_blank(size, window, (each * each).mean(axis=1)) for each in apart]
    return joint, (own[0], own[1]), (flats[0], flats[1])


def rolled(returns: Floats, rival: Floats | None) -> list[Rolled]:
    """Sharpe ratio and volatility over each of `WINDOWS`, and beta where there is a benchmark that moves."""
    found = [
        Rolled(
            name="rolling-sharpe",
            title="Sharpe ratio",
            curves=tuple((days, tint, rolling_sharpe(returns, days)) for days, tint in WINDOWS),
            word=_plain_mark,
        ),
        Rolled(
            name="rolling-volatility",
            title="Volatility, a year",
            curves=tuple((days, tint, rolling_volatility(returns, days)) for days, tint in WINDOWS),
            word=percent_mark,
        ),
    ]
    if rival is not None:
        beta = tuple((days, tint, rolling_beta(returns, rival, days)) for days, tint in WINDOWS)
        found.append(Rolled(name="rolling-beta", title="Beta", curves=beta, word=_plain_mark))
    return found


def _plain_mark(value: float, _: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def rolling_section(sessions: Dates, returns: Floats, rival: Floats | None, rival_name: str) -> Html | None:
    """A chart for each measure; None for a run that is shorter than the shortest window."""
    shortest = WINDOWS[0][0]
    if len(returns) < shortest:
        return None
    found = rolled(returns, rival)
    days = sessions[1:]
    parts = [el("div", el("h3", each.title), chart(_drawn(days, each))) for each in found]
    words = " and ".join(str(window) for window, _ in WINDOWS)
    note = f"Over the last {words} sessions, at each session; a gap is where it is undefined."
    if rival is not None:
        note += f" Beta is against {rival_name}."
    thinned = said(len(days), MOST_POINTS)
    return section(
        "rolling",
        "Rolling measures",
        legend((tint, f"{window} sessions") for window, tint in WINDOWS),
        *parts,
        el("p", thinned, class_="note") if thinned else None,
        note=note,
    )


def _drawn(days: Dates, each: Rolled) -> Html:
    label = f"{each.title} over sliding windows, by session"
    return drawing.draw(
        each.name, label, lambda axes: paint_curves(axes, days, each.curves, each.word), height=170
    )


def paint_curves(
    axes: Axes, sessions: Dates, curves: tuple[Curve, ...], word: Callable[[float, float], str]
) -> None:
    """Draws curves that may have gaps, with 0 among the marks where it lies within."""
    days = sessions.astype("datetime64[D]").astype(np.float64)
    for _, tint, values in curves:
        places = kept_with_gaps(values)
        axes.plot(days[places], values[places], color=colour(tint), linewidth=1.3)
    seen = np.concatenate([values[np.isfinite(values)] for _, _, values in curves])
    low, high = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    axes.set_xlim(days[0], max(days[-1], days[0] + 1))
    marks = ticks.linear(low, high, lambda v: word(v, high - low), about=4)
    mark(axes, x=ticks.dates(sessions[0], sessions[-1]), y=marks)


def kept_with_gaps(values: Floats, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """As `kept`; undefined values are no extremes."""
    defined = values[np.isfinite(values)]
    middle = float(np.median(defined)) if len(defined) else 0.0
    return kept(np.where(np.isfinite(values), values, middle), most)
