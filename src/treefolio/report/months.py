"""Returns by calendar month and year, as a heat map that is a table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.report.markup import Html, el, section, table
from treefolio.report.numerals import percent, tenths

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_STRONGEST = 0.78
"""Opacity of the largest return's colour; text stays readable on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Returns by calendar month and year; a session's return belongs to the session that ends it.

    Attributes:
        years: (Y,) ascending, without gaps.
        months: (Y, 12) fractions; NaN for months without a return.
        totals: (Y,) fractions.
    """

    years: NDArray[np.int64]
    months: NDArray[np.float64]
    totals: NDArray[np.float64]


def by_month(sessions: NDArray[np.datetime64], returns: NDArray[np.float64]) -> Periods:
    """(N,) sessions and their (N − 1,) returns, compounded by month and by year."""
    month = sessions[1:].astype("datetime64[M]").astype(np.int64) + 1970 * 12
    years = np.arange(month[0] // 12, month[-1] // 12 + 1)
    grown = np.full((len(years), 12), np.nan)
    firsts = np.flatnonzero(np.diff(month, prepend=month[0] - 1))
    place = month[firsts] - years[0] * 12
    grown.flat[place] = np.multiply.reduceat(1.0 + returns, firsts)
    return Periods(years=years, months=grown - 1.0, totals=np.nanprod(grown, axis=1) - 1.0)


def months_section(
    sessions: NDArray[np.datetime64],
    returns: NDArray[np.float64],
    rival: NDArray[np.float64] | None,
    rival_name: str,
) -> Html:
    """The heat map; the last column is the benchmark's year, where there is a benchmark."""
    found = by_month(sessions, returns)
    other = None if rival is None else by_month(sessions, rival).totals
    scale = _scale(found.months)
    rows = [
        _year(found, k, scale, None if other is None else float(other[k])) for k in range(len(found.years))
    ]
    heads = ["Year", *MONTHS, "Year", *([] if other is None else [rival_name])]
    return section(
        "months",
        "Monthly returns",
        table(heads, reversed(rows), kind="heat"),
        note="Percent. The first and the last month may be partial. Blue is a gain, orange a loss.",
    )


def _year(found: Periods, k: int, scale: float, rival: float | None) -> Html:
    year = int(found.years[k])
    cells = [_cell(float(r), scale, f"{MONTHS[m]} {year}") for m, r in enumerate(found.months[k])]
    total = el("td", tenths(float(found.totals[k])), class_="sum")
    beside = None if rival is None else el("td", tenths(rival))
    return el("tr", el("th", str(year), scope="row"), *cells, total, beside)


def _cell(value: float, scale: float, when: str) -> Html:
    if np.isnan(value):
        return el("td", "")
    strength = _STRONGEST * min(1.0, abs(value) / scale)
    kind = "gain" if value >= 0 else "loss"
    return el(
        "td", tenths(value), class_=kind, style=f"--a:{strength:.2f}", title=f"{when}: {percent(value)}"
    )


def _scale(months: NDArray[np.float64]) -> float:
    """The return with the strongest colour: the 95th percentile, so that one wild month fades no other."""
    sizes = np.abs(months[np.isfinite(months)])
    return max(float(np.percentile(sizes, 95)), 1e-6) if len(sizes) else 1.0
