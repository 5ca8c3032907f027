"""What `treefolio check` finds out: do the engines agree, and does the strategy look at no future?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.compiled import record
from treefolio.engine.prepare import prepare
from treefolio.engine.question import Question
from treefolio.engine.run import Run
from treefolio.errors import RunError
from treefolio.market.panel import Panel
from treefolio.sweep.single import Result

Floats = NDArray[np.float64]

CURVE = 1e-12
"""Relative difference that two curves may have."""
METRIC = 1e-9, 1e-12
"""Relative and absolute difference that two metrics may have."""
DECISION = 1e-12
"""Weights of the same decision, computed in two ways, may differ by their last bits."""
CUTS = 3
"""Sessions after which prices are perturbed, spread evenly over the run."""
SEED = 20_240


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked.

    Attributes:
        said: what was compared and what came out, in words.
    """

    name: str
    passed: bool
    said: str


def agreement(compiled: Result, reference: Result) -> list[Finding]:
    """Decisions, curve and metrics of two results, one for each of the engines."""
    return [
        _decisions(compiled.run, reference.run),
        _curve(compiled.run, reference.run),
        _metrics(compiled.metrics, reference.metrics),
    ]


def _decisions(a: Run, b: Run) -> Finding:
    apart = np.abs(a.targets - b.targets) > DECISION
    apart |= np.isnan(a.targets) != np.isnan(b.targets)
    wrong = np.flatnonzero(apart.any(axis=1))
    said = f"{len(a.sessions):,} sessions, identical"
    if len(wrong):
        said = f"differ on {len(wrong):,} of {len(a.sessions):,} sessions, first on {a.sessions[wrong[0]]}"
    return Finding(name="decisions of both engines", passed=not len(wrong), said=said)


def _curve(a: Run, b: Run) -> Finding:
    worst = float(np.max(np.abs(a.values / b.values - 1.0)))
    passed = bool(worst <= CURVE)
    said = f"largest difference {worst:.1e}, allowed {CURVE:.0e}"
    return Finding(name="curves of both engines", passed=passed, said=said)


def _metrics(a: Mapping[str, float | None], b: Mapping[str, float | None]) -> Finding:
    wrong = [key for key in a if not _same(a[key], b[key])]
    said = f"{len(a)} metrics, equal within {METRIC[0]:.0e}"
    if wrong:
        said = f"{len(wrong)} of {len(a)} differ: {', '.join(f'{k} {a[k]} and {b[k]}' for k in wrong[:3])}"
    return Finding(name="metrics of both engines", passed=not wrong, said=said)


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= max(METRIC[0] * max(abs(a), abs(b)), METRIC[1])


def causality(result: Result) -> Finding:
    """Prices after a session are perturbed; the decisions up to it must stay what they were, to the bit."""
    run, window = result.run, result.prepared.window
    before = window.first + np.unique(np.linspace(0, len(run.sessions) - 2, CUTS + 2).astype(int)[1:-1])
    name = "no look at the future"
    question = replace(result.prepared.question, panel=result.prepared.panel, start=run.sessions[0].item())
    for cut in before.tolist():
        again = _perturbed_run(result, question, cut)
        known = cut - window.first + 1
        same = _bits(again.targets[:known], run.targets[:known]) if again is not None else True
        if not same:
            day = run.sessions[known - 1]
            return Finding(name=name, passed=False, said=f"prices after {day} change decisions up to it")
    days = ", ".join(str(result.prepared.panel.sessions[cut]) for cut in before)
    return Finding(
        name=name, passed=True, said=f"prices after {days} were perturbed: decisions up to them stay"
    )


def _perturbed_run(result: Result, question: Question, cut: int) -> Run | None:
    """The run on prices that are others after session ``cut``; None where it then holds what has no price."""
    try:
        return record(prepare(result.strategy, replace(question, panel=perturbed(question.panel, cut))))
    except RunError:
        return None


def perturbed(panel: Panel, cut: int) -> Panel:
    """The panel with all prices after position ``cut`` multiplied by random factors, one for each cell."""
    rng = np.random.default_rng(SEED)
    factors = np.exp(rng.normal(0.0, 0.2, panel.fields["close"].shape))
    factors[: cut + 1] = 1.0
    return replace(panel, fields={name: values * factors for name, values in panel.fields.items()})


def _bits(a: Floats, b: Floats) -> bool:
    return bool(((a == b) | (np.isnan(a) & np.isnan(b))).all())
