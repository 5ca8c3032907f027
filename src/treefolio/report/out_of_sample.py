"""Before and after the day on which the strategy was there: in sample and out of sample, side by side.

Whoever wrote or last edited a strategy knew the prices up to that day. What it did before tells how well it
was fitted; only what it did on that day and since was not known to anyone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.metrics import METRICS, frame, measure_one
from treefolio.report.markup import Html, el, section
from treefolio.report.numerals import count, shown
from treefolio.sweep.single import Result

Numbers = Mapping[str, float | None]

KEYS = (
    "cumulative_return",
    "annualized_return",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "win_rate",
    "best_day",
    "worst_day",
    "beta",
    "alpha",
    "correlation",
)
"""Metrics that are compared."""
_AGAINST = ("beta", "alpha", "correlation")
"""Those of a strategy against its benchmark."""
SHORT = 63
"""Below this many sessions a side's figures say little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A run, divided at a day.

    Attributes:
        since: the day. place: the position of the first session on or after it, which begins the second part.
        before, after: metrics of each part; None for a part without returns.
        rival_before, rival_after: the benchmark's.
    """

    since: dt.date
    place: int
    before: Numbers | None
    after: Numbers | None
    rival_before: Numbers | None
    rival_after: Numbers | None


def split(result: Result, since: dt.date) -> Split:
    """The run before and from ``since`` on; a return belongs to the session that ends it."""
    sessions = result.run.sessions
    place = int(np.searchsorted(sessions, np.datetime64(since, "D")))
    edge = max(place - 1, 0)  # the first part's last session is the second one's first
    before, rival_before = _measured(result, 0, edge)
    after, rival_after = _measured(result, edge, len(sessions) - 1)
    return Split(
        since=since,
        place=place,
        before=before,
        after=after,
        rival_before=rival_before,
        rival_after=rival_after,
    )


def _measured(result: Result, first: int, last: int) -> tuple[Numbers | None, Numbers | None]:
    """Metrics from session ``first`` to ``last`` of the strategy and of its benchmark."""
    if last - first < 1:
        return None, None
    days: NDArray[np.datetime64] = result.run.sessions[first : last + 1]
    rival = result.frame.marks.rival.returns[first:last]
    made = frame(days, rival if rival.size else None)
    own = measure_one(result.run.returns[first:last], made)
    return own, measure_one(rival, made) if rival.size else None


def out_of_sample_section(found: Split, sessions: int, rival_name: str) -> Html | None:
    """The table of both parts; None while every session is in sample."""
    if found.after is None or found.place >= sessions:
        return None
    after = sessions - max(found.place, 1)
    before = sessions - 1 - after
    columns: list[tuple[str, Numbers | None, bool]] = [
        ("Before", found.before, False),
        ("Since", found.after, False),
    ]
    if found.rival_after is not None:
        columns += [
            (f"{rival_name} before", found.rival_before, True),
            (f"{rival_name} since", found.rival_after, True),
        ]
    note = (
        f"Before {found.since} the strategy's author could know the prices ({count(before)} returns: in "
        f"sample); from that day on nobody could ({count(after)} returns: out of sample)."
    )
    if min(after, before) < SHORT:
        note += f" A side with fewer than {SHORT} returns says little."
    return section("sample", "Out of sample", _table(columns), note=note)


def _table(columns: Sequence[tuple[str, Numbers | None, bool]]) -> Html:
    head = el("thead", el("tr", el("th", ""), *(el("th", name, scope="col") for name, _, _ in columns)))
    rows = []
    for key in KEYS:
        metric = METRICS[key]
        cells = [
            el(
                "td",
                "" if numbers is None or (rival and key in _AGAINST) else shown(metric, numbers.get(key)),
            )
            for _, numbers, rival in columns
        ]
        rows.append(el("tr", el("th", metric.label, scope="row", title=metric.convention), *cells))
    return el("div", el("table", head, el("tbody", *rows)), class_="scroll")
