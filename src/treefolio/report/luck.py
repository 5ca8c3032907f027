"""What a sweep's ``selection.json`` says, as values: everything on the page that judges the best row.

The statistics are those of `treefolio.selection`; `treefolio.sweep.selection` computed them. Here they are
read, and none is computed. What is not there, or null, is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Content = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The row with the highest Sharpe ratio.

    Attributes:
        row: its number, from 0. variables: what it was computed with.
        sharpe: annual. psr, dsr: probabilistic and deflated Sharpe ratio.
        dsr_effective: deflated by the effective number of trials, which are fewer.
        plateau: how high its neighbours in the grid rank, from 0 to 1.
    """

    row: int
    variables: Mapping[str, object]
    sharpe: float
    psr: float | None
    dsr: float | None
    dsr_effective: float | None
    plateau: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfit:
    """Combinatorially symmetric cross-validation of the sweep; Sharpe ratios are annual.

    Attributes:
        pbo, error: the probability of overfitting, and its standard error from sampling the splits.
        loss: the share of splits whose winner loses out of sample.
        slope: of the winners' ratios, out of sample over in sample.
        edges, counts: a histogram of λ. quantiles: of λ, by their words.
        inside, outside: some winners' ratios in and out of sample.
    """

    pbo: float | None
    error: float | None
    rows: int
    blocks: int
    splits: int
    splits_total: int
    loss: float | None
    slope: float | None
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    quantiles: Mapping[str, float]
    inside: tuple[float, ...]
    outside: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """All sweeps of the strategy that the ledger knows.

    Attributes:
        expected: the best Sharpe ratio to expect of so many trials without skill.
        note: why there is nothing, or what is not certain.
    """

    trials: int | None
    sweeps: int | None
    expected: float | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """Everything that is said of having chosen the best row.

    Attributes:
        trials: rows with a Sharpe ratio. left_out: the others, by reason.
        effective, sample: how many independent trials they amount to, and from how many rows that comes.
        expected, expected_effective: the best annual Sharpe ratio to expect of so many trials without skill.
        threshold: what the deflated Sharpe ratio compares with: the same for trials that scatter as these do.
        best: None when no row has a Sharpe ratio.
        min_years: the shortest backtest for so many trials; None when no length would do.
        reality: the tests of White and Hansen; None when they were not asked for.
        note: what cannot be told, and why.
    """

    trials: int
    left_out: Mapping[str, int]
    effective: float | None
    sample: int
    expected: float | None
    expected_effective: float | None
    threshold: float | None
    best: Best | None
    min_years: float | None
    overfit: Overfit
    lineage: Lineage
    reality: Content | None
    note: str | None


def read_luck(said: Content) -> Luck:
    """The values of ``selection.json``."""
    left_out = _within(said, "left_out")
    best = _within(said, "best")
    reality = _within(said, "reality")
    return Luck(
        trials=_whole(said, "trials") or 0,
        left_out={str(key): int(n) for key, n in left_out.items() if isinstance(n, int) and n},
        effective=_number(said, "effective_trials"),
        sample=_whole(said, "effective_trials_sample") or 0,
        expected=_number(said, "expected_max_sharpe"),
        expected_effective=_number(said, "expected_max_sharpe_effective"),
        threshold=_number(said, "sharpe_threshold"),
        best=_best(best) if best else None,
        min_years=_number(said, "min_backtest_years"),
        overfit=_overfit(said),
        lineage=_lineage(said),
        reality=reality or None,
        note=_text(said, "note"),
    )


def _best(found: Content) -> Best:
    return Best(
        row=_whole(found, "row") or 0,
        variables={str(key): value for key, value in _within(found, "variables").items()},
        sharpe=_number(found, "sharpe") or 0.0,
        psr=_number(found, "psr"),
        dsr=_number(found, "dsr"),
        dsr_effective=_number(found, "dsr_effective"),
        plateau=_number(found, "plateau"),
    )


def _overfit(said: Content) -> Overfit:
    logit = _within(said, "logit")
    quantiles = _within(logit, "quantiles")
    return Overfit(
        pbo=_number(said, "pbo"),
        error=_number(said, "pbo_error"),
        rows=_whole(said, "pbo_rows") or 0,
        blocks=_whole(said, "pbo_blocks") or 0,
        splits=_whole(said, "pbo_splits") or 0,
        splits_total=_whole(said, "pbo_splits_total") or 0,
        loss=_number(said, "probability_of_loss"),
        slope=_number(said, "degradation_slope"),
        edges=_numbers(logit, "edges"),
        counts=tuple(int(n) for n in _numbers(logit, "counts")),
        quantiles={str(key): float(n) for key, n in quantiles.items() if isinstance(n, int | float)},
        inside=_numbers(said, "in_sample"),
        outside=_numbers(said, "out_of_sample"),
    )


def _lineage(said: Content) -> Lineage:
    return Lineage(
        trials=_whole(said, "lineage_trials"),
        sweeps=_whole(said, "lineage_sweeps"),
        expected=_number(said, "lineage_expected_max_sharpe"),
        note=_text(said, "lineage_note"),
    )


def _within(said: Content, key: str) -> Content:
    found = said.get(key)
    return found if isinstance(found, Mapping) else {}


def _number(said: Content, key: str) -> float | None:
    found = said.get(key)
    return float(found) if isinstance(found, int | float) else None


def _whole(said: Content, key: str) -> int | None:
    found = _number(said, key)
    return None if found is None else int(found)


def _text(said: Content, key: str) -> str | None:
    found = said.get(key)
    return found if isinstance(found, str) and found else None


def _numbers(said: Content, key: str) -> tuple[float, ...]:
    found = said.get(key)
    return tuple(float(n) for n in found) if isinstance(found, list | tuple) else ()
