"""The same tree with random picks: would its holdings have done as well on other days?

The null. What the tree decided is moved along the calendar by a random number of sessions: each session gets
the holdings of so many sessions before, and the first ones those of the end. Every condition and every
ranking of the tree has become a draw, with exactly the frequency and the persistence that it had, and with
the weights that it gave; only *when* is left to chance. What a draw earns comes from the prices of the
sessions on which its holdings have come to lie.

Holdings are moved forward, and never so far that some come to lie less than the tree's look-back before the
day on which they were decided: there they would have been chosen by the very returns that they then earn. (A
shuffle in blocks has that fault: of rules that follow a trend it finds too little skill, of those that go
against it too much.) Indicators that never quite forget are taken by their nominal length. When there are
fewer such moves than draws, each is made once.

What it tells: how much of the result is timing. What the tree earns by merely holding such things for such a
share of the time (a bull market, leverage) is in every draw as well. The p-value is the share of draws that
are at least as good, the run among them; without timing skill each value of it is about equally likely.
Moves by a few sessions leave a slow strategy nearly as it is, so its p-value errs upwards. What it does not
tell: that the rules were not chosen because they timed *these* sessions well.

The run and its draws are measured alike: weights after each session's trades times what they earn until the
next, without costs. Where moved holdings lie before one of their tickers was listed, the others take its
share, as where missing prices are skipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.prepare import held_or_read
from treefolio.graph.start import starts
from treefolio.market.panel import FIELDS, Panel
from treefolio.metrics.passes import FLAT
from treefolio.sweep.robustness.spread import YEAR, Floats, Spread, spread_of
from treefolio.sweep.single import Result

FEWEST = 99
"""Moves below which nothing is said."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RandomPicks:
    """What the run's holdings earn on other days.

    Attributes:
        draws: how many were made; all that there are when that is fewer than were asked for.
        moves: how many there are. lookback: of the tree, in sessions.
        spells, portfolios: on how many stretches the same tickers are held, and how many different sets.
        mean_length: of a spell, in sessions.
        sharpe, cagr: of the draws, beside the run's own without costs.
        p_sharpe, p_cagr: the share at least as good as the run, the run counted among them.
    """

    draws: int
    moves: int
    lookback: int
    spells: int
    portfolios: int
    mean_length: float
    sharpe: Spread = field(repr=False)
    cagr: Spread = field(repr=False)
    p_sharpe: float | None
    p_cagr: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held into each of n returns, and what each of A tickers earns there.

    Attributes:
        column, weight: (n, m) the tickers held, and their weights; absent ones have weight 0.
        forward: (n, A) returns; NaN without prices. cash: what the rest earns a session.
        spell: (n,) the number of the spell that each return belongs to, from 0.
    """

    column: Ints
    weight: Floats
    forward: Floats
    cash: float
    spell: Ints

    def earned(self, order: Ints) -> Floats:
        """(n,) returns where session i holds what the run held on session ``order[i]``."""
        columns, weights = self.column[order], self.weight[order]
        found = np.take_along_axis(self.forward, columns, axis=1)
        priced = np.isfinite(found) & (weights > 0)
        own = np.where(priced, weights, 0.0)
        whole, kept = weights.sum(axis=1), own.sum(axis=1)
        sums = np.einsum("ij,ij->i", own, np.where(priced, found, 0.0))
        shared = np.divide(sums * whole, kept, out=np.zeros(len(order)), where=kept > 0)
        idle = np.where(kept > 0, 1.0 - whole, 1.0)
        return np.asarray(shared + idle * self.cash, dtype=np.float64)


def random_picks(result: Result, *, draws: int, seed: int) -> RandomPicks:
    """Moves the run's holdings by random numbers of sessions and measures each draw."""
    held = held_of(result)
    sessions, spells = len(held.weight), int(held.spell[-1]) + 1
    lookback = lookback_of(result)
    moves = max(0, sessions - 1 - lookback)
    reason = _reason(spells, moves, lookback)
    picked = shifts(moves, draws=draws, seed=seed) if reason is None else np.empty(0, np.int64)
    every = np.arange(sessions)
    found = np.array([measured(held.earned((every - k) % sessions)) for k in picked]).reshape(-1, 2)
    ratio, year = measured(held.earned(every))
    return RandomPicks(
        draws=len(picked),
        moves=moves,
        lookback=lookback,
        spells=spells,
        portfolios=_portfolios(held),
        mean_length=sessions / spells,
        sharpe=spread_of(found[:, 0], None if math.isnan(ratio) else ratio),
        cagr=spread_of(found[:, 1], None if math.isnan(year) else year),
        p_sharpe=p_value(found[:, 0], ratio),
        p_cagr=p_value(found[:, 1], year),
        reason=reason,
    )


def _reason(spells: int, moves: int, lookback: int) -> str | None:
    """Why nothing can be said; None when something can."""
    if spells == 1:
        return "it holds the same tickers throughout, so there is no timing"
    if moves < FEWEST:
        return f"beyond its look-back of {lookback} sessions there are {moves} moves, and {FEWEST} are needed"
    return None


def shifts(moves: int, *, draws: int, seed: int) -> Ints:
    """By how many sessions each draw is moved, from 1 to ``moves``, each at most once."""
    if draws >= moves:
        return np.arange(1, moves + 1)
    return 1 + np.random.default_rng(seed).permutation(moves)[:draws].astype(np.int64)


def lookback_of(result: Result) -> int:
    """Sessions that the tree needs before its first decision."""
    graph = result.prepared.plan.graph
    names = tuple(sorted(held_or_read(graph, {})))
    ones = Panel(
        sessions=np.array(["2020-01-02"], "datetime64[D]"),
        tickers=names,
        fields={field: np.ones((1, len(names))) for field in FIELDS},
        basis="ones",
        source="ones",
    )
    return int(np.max(starts(graph, ones, {}, np.zeros((1, 0), np.int64)).root))


def held_of(result: Result) -> Held:
    """What the run held into each of its returns."""
    weights = result.run.weights[:-1]
    on = weights > 0
    most = max(1, int(on.sum(axis=1).max(initial=0)))
    column = np.argsort(~on, axis=1, kind="stable")[:, :most]
    changes = (on[1:] != on[:-1]).any(axis=1)
    return Held(
        column=column.astype(np.int64),
        weight=np.where(
            np.take_along_axis(on, column, axis=1), np.take_along_axis(weights, column, axis=1), 0.0
        ),
        forward=result.prepared.market.forward,
        cash=result.prepared.rules.cash,
        spell=np.concatenate(([0], np.cumsum(changes))).astype(np.int64),
    )


def measured(returns: Floats) -> tuple[float, float]:
    """Annual Sharpe ratio and annual return; NaN where undefined."""
    growth = float(np.prod(1.0 + returns))
    yearly = growth ** (YEAR / len(returns)) - 1.0 if growth >= 0 else math.nan
    if len(returns) < 2 or float(np.ptp(returns)) <= FLAT:
        return math.nan, yearly
    return float(returns.mean() / returns.std(ddof=1) * math.sqrt(YEAR)), yearly


def p_value(draws: Floats, real: float) -> float | None:
    """The share of draws at least as good as the real one, which counts as one of them; None without any.

    A draw that differs from it by rounding alone is as good.
    """
    kept = draws[np.isfinite(draws)]
    if math.isnan(real) or not len(kept):
        return None
    return float(1 + (kept >= real - 1e-12 * abs(real)).sum()) / (1 + len(kept))


def _portfolios(held: Held) -> int:
    """How many different sets of tickers are held."""
    firsts = np.flatnonzero(np.diff(held.spell, prepend=-1))
    names = {tuple(held.column[k][held.weight[k] > 0].tolist()) for k in firsts.tolist()}
    return len(names)
