"""Selection: is the winner real? Statistics of having chosen the best of many.

They are functions of numbers and arrays, and know nothing of sweeps, engines or files.

Modules, one question each:

* ``sharpe``       how probable is skill, given so many trials? (``sharpe_2025``: the newer form)
* ``trials``       how many independent trials were these?
* ``cscv``         does the best of one half of the history do well in the other? (``halves``: its kernels)
* ``plateau``      do the neighbours in the grid do well too?
* ``reality``      is the best of a few better than the benchmark? White's and Hansen's tests
* ``bootstrap``    what else could have happened with returns like these? (``draws``: its kernel)
"""

from __future__ import annotations

from treefolio.selection.bootstrap import Paths, indices, optimal_block, paths
from treefolio.selection.cscv import Overfitting, block_edges, overfitting, per_block
from treefolio.selection.plateau import plateau
from treefolio.selection.reality import RealityCheck, reality_check
from treefolio.selection.sharpe import (
    deflated,
    expected_best_sharpe,
    expected_maximum,
    minimum_backtest_bound,
    minimum_backtest_years,
    minimum_track_record,
    probabilistic,
    sharpe_variance,
    threshold,
)
from treefolio.selection.trials import effective_trials

__all__ = [
    "Overfitting",
    "Paths",
    "RealityCheck",
    "block_edges",
    "deflated",
    "effective_trials",
    "expected_best_sharpe",
    "expected_maximum",
    "indices",
    "minimum_backtest_bound",
    "minimum_backtest_years",
    "minimum_track_record",
    "optimal_block",
    "overfitting",
    "paths",
    "per_block",
    "plateau",
    "probabilistic",
    "reality_check",
    "sharpe_variance",
    "threshold",
]
