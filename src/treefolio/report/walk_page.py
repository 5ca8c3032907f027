"""The page of a walk-forward, or of combinatorial cross-validation.

From top to bottom: efficiency and what it says, the curve that nobody has optimised (`walk_curves`), the
paths where there are several, the folds, in sample against out of sample, which values won (`walk_tables`),
and what identifies the result (`facts`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from treefolio.metrics import METRICS
from treefolio.report.facts import execution_line, facts_section, part, window_line, word
from treefolio.report.markup import Html, el, shortened
from treefolio.report.numerals import UNDEFINED, count, percent, ratio, shown
from treefolio.report.page import cards, notes_alert, page, synthetic_alert
from treefolio.report.walk_curves import curve_section, paths_section
from treefolio.report.walk_tables import folds_section, scatter_section, stability_section, winners_section
from treefolio.sweep.walkforward.folds import Rolling, Scheme
from treefolio.sweep.walkforward.plan import PlannedWalk
from treefolio.sweep.walkforward.result import WalkForward

HALF = 0.5
"""Pardo's rule of thumb: below this efficiency the choice is not worth much."""

_LINKS = (
    ("curve", "Curve"),
    ("paths", "Paths"),
    ("folds", "Folds"),
    ("scatter", "In and out of sample"),
    ("stability", "Which values won"),
    ("winners", "Winners"),
    ("facts", "Facts"),
)


def walk_page(result: WalkForward, whole: pl.DataFrame | None = None) -> str:
    """A self-contained HTML page, at most 1 MB: the same result gives the same text.

    Args:
        whole: what `whole_sample` returns, to be drawn beside the stitched curve.
    """
    manifest = result.manifest
    name = manifest.get("benchmark")
    benchmark = shortened(str(name), 40) if name is not None else None
    parts = {
        "curve": curve_section(result, whole, benchmark),
        "paths": paths_section(result),
        "folds": folds_section(result),
        "scatter": scatter_section(result),
        "stability": stability_section(result),
        "winners": winners_section(result),
        "facts": facts_section(manifest),
    }
    rolling = isinstance(result.scheme, Rolling)
    return page(
        kind="Walk-forward" if rolling else "Combinatorial cross-validation",
        name=result.name,
        lead=f"{window_line(manifest)} · {_scheme(result.scheme)}, by {METRICS[result.by].label} · "
        f"{execution_line(manifest)}",
        alerts=[synthetic_alert(result.synthetic), notes_alert((*result.notes, *_lost(result)))],
        links=[(anchor, text) for anchor, text in _LINKS if parts[anchor] is not None],
        parts=[_headline(result), _verdict(result), *parts.values()],
        foot=f"Treefolio {word(part(manifest, 'versions'), 'treefolio')}. A backtest is not a promise.",
    )


def whole_sample(plan: PlannedWalk, result: WalkForward) -> pl.DataFrame | None:
    """``session`` and ``return`` of the best row of the whole sample; None when there is none."""
    if result.whole is None:
        return None
    row = result.whole.row
    found = plan.search.scout().returns(plan.planned.space.choices(row, row + 1))
    if found is None:
        return None
    days = plan.planned.prepared.sessions[1:].astype("datetime64[D]")
    return pl.DataFrame(
        {"session": pl.Series(days, dtype=pl.Date), "return": np.asarray(found, np.float64).ravel()}
    )


def _scheme(scheme: Scheme) -> str:
    if isinstance(scheme, Rolling):
        kind = "anchored training" if scheme.anchored else f"training {scheme.train}"
        return f"{kind}, test {scheme.test}, step {scheme.step}"
    apart = f", purge {scheme.purge}, embargo {scheme.embargo}" if scheme.purge or scheme.embargo else ""
    return f"{scheme.test_groups} of {scheme.groups} groups tested at a time{apart}"


def _lost(result: WalkForward) -> list[str]:
    """Rows that were not there to choose from."""
    found = []
    if result.failed:
        found.append(f"{count(result.failed)} of {count(result.rows)} combinations failed")
    if result.skipped:
        found.append(f"{count(result.skipped)} of {count(result.rows)} combinations were skipped")
    return found


def _headline(result: WalkForward) -> Html:
    eff = result.efficiency
    ratio = UNDEFINED if eff.ratio is None else f"{100 * eff.ratio:,.0f}%".replace("-", "−")
    sharpe = _over_paths(result, "sharpe")
    entries = (
        ("Efficiency", "annual return out of sample / in sample (Pardo)", ratio, "half is wanted"),
        ("Return out of sample", METRICS["cagr"].convention, _yearly(eff.out_of_sample), "a year"),
        ("Return in sample", "mean over the folds", _yearly(eff.in_sample), "of the winners, a year"),
        ("Sharpe ratio", METRICS["sharpe"].convention, _metric("sharpe", sharpe), _best(result)),
        (
            "Drawdown",
            METRICS["max_drawdown"].convention,
            _metric("max_drawdown", _over_paths(result, "max_drawdown")),
            "out of sample",
        ),
        ("Folds", "", count(len(result.folds)), f"of {count(result.rows)} combinations"),
    )
    return cards(entries)


def _best(result: WalkForward) -> str:
    if result.whole is None:
        return "no row is best"
    return f"whole sample {_metric('sharpe', result.whole.metrics.get('sharpe'))}"


def _over_paths(result: WalkForward, key: str) -> float | None:
    """The stitched curve's metric; the mean over paths where there are several."""
    found = [path.metrics.get(key) for path in result.paths if path.metrics is not None]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def _yearly(value: float | None) -> str:
    return UNDEFINED if value is None else percent(value)


def _metric(key: str, value: float | None) -> str:
    return shown(METRICS[key], value)


def _verdict(result: WalkForward) -> Html:
    """What the efficiency says, in words."""
    eff = result.efficiency
    both = f"{_yearly(eff.out_of_sample)} a year out of sample, {_yearly(eff.in_sample)} in sample"
    if all(fold.winner is None for fold in result.folds):
        text = f"{METRICS[result.by].label} is defined for no row on any training: nothing was chosen."
    elif eff.ratio is None:
        text = f"There is no efficiency, because the winners earn nothing in sample: {both}."
    elif eff.ratio >= HALF:
        text = f"The choice keeps at least half of what it promised: {both}."
    elif eff.ratio >= 0:
        text = f"The choice keeps less than half of what it promised: {both}."
    else:
        text = f"What was best in training lost in the tests: {both}."
    ahead = _against(result)
    return el("div", el("p", el("strong", "Out of sample. "), text, ahead), class_="alert", role="note")


def _against(result: WalkForward) -> str:
    """Whether it beat the benchmark on the same days."""
    first = result.curve.filter(pl.col("path") == 1) if result.curve.height else result.curve
    if len(result.paths) != 1 or not first.height or first["benchmark"].null_count():
        return ""
    own, rival = float(first["value"][-1]), float(first["benchmark"][-1])
    name = shortened(str(result.manifest.get("benchmark")), 40)
    side = "ahead of" if own > rival else "behind"
    return f" On these days it ends {side} {name}: 1 becomes {ratio(own)}, there {ratio(rival)}."
