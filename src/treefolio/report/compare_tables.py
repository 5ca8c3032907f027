"""How compared curves move together, and whether they differ by more than chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from treefolio.report.markup import Html, el, section, table
from treefolio.report.numerals import UNDEFINED, count, percent, ratio
from treefolio.sweep.compare import FEWEST, Comparison, Difference, Estimate

_STRONGEST = 0.78
SURE = 0.05
"""Below this adjusted p-value a difference is called more than chance."""


def correlations_section(comparison: Comparison, names: Sequence[str]) -> Html:
    """The matrix of correlations of daily returns, as a heat map that is a table."""
    rows = [
        el("tr", el("th", name, scope="row"), *(_cell(value) for value in line))
        for name, line in zip(names, comparison.correlations.tolist(), strict=True)
    ]
    note = "Of daily returns over the common sessions. Blue moves with it, orange against it."
    return section("correlations", "Correlations", table(("", *names), rows, kind="heat square"), note=note)


def _cell(value: float) -> Html:
    if not np.isfinite(value):
        return el("td", UNDEFINED)
    kind = "gain" if value >= 0 else "loss"
    return el("td", ratio(value), class_=kind, style=f"--a:{_STRONGEST * abs(value):.2f}")


def differences_section(comparison: Comparison, names: Sequence[str]) -> Html:
    """For each pair the difference in return and in Sharpe ratio, with its interval and p-values."""
    rows = [_row(each, names) for each in comparison.differences]
    heads = ("", "Return a year", "95 % interval", "p", "Sharpe", "95 % interval", "p", "More than chance in")
    pairs = len(comparison.differences)
    adjusted = f", adjusted for {count(pairs)} pairs (Holm), which the intervals are not" if pairs > 1 else ""
    note = (
        "The first less the second. Return: mean of the daily difference · 252, standard error by Newey and "
        "West; Sharpe ratio: delta method of Ledoit and Wolf (2008), which allows for fat tails and for days "
        f"that depend on each other ({comparison.lags} lags). p: how often chance alone would give one as "
        f"large{adjusted}. Below {FEWEST} returns nothing is said. Whoever picked one of them because it "
        "looked best must not trust these numbers: they know of no search."
    )
    listed = table(heads, rows, kind="pairs")
    return section("differences", "Is the difference more than chance?", listed, note=note)


def _row(each: Difference, names: Sequence[str]) -> Html:
    name = el("th", names[each.a], el("span", " less ", class_="soft"), names[each.b], scope="row")
    cells = (*_cells(each.mean, percent), *_cells(each.sharpe, ratio))
    return el("tr", name, *(el("td", cell) for cell in cells), el("td", _verdict(each), class_="soft"))


def _cells(found: Estimate | None, words: Callable[[float], str]) -> tuple[str, str, str]:
    if found is None:
        return UNDEFINED, "", ""
    return words(found.value), f"{words(found.low)} to {words(found.high)}", p_words(found.holm)


def p_words(p: float) -> str:
    """``0.031``; small ones as ``<0.001``."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _verdict(each: Difference) -> str:
    """In which of the two the pair differs by more than chance."""
    sure = [
        word
        for word, found in (("return", each.mean), ("Sharpe", each.sharpe))
        if found is not None and found.holm < SURE
    ]
    if each.mean is None and each.sharpe is None:
        return "cannot be told"
    return ", ".join(sure) or "neither"
