"""Whether the best of several rows beats the benchmark, counting how many were tried: White and Hansen.

Both compare the best row's mean gain over the benchmark with the best mean gains that resampled histories
show when no row has any (White, "A reality check for data snooping", 2000; Hansen, "A test for superior
predictive ability", 2005). Hansen's divides each row's gain by its standard error, so that a wild row does
not hide a good one, and does not count rows that are hopeless: which rows those are is open, hence three
p-values, of which the consistent one is to be read, and the others bound it.

The resampling is that of the package arch. Its test takes losses, and does not divide by standard errors
(as of 8.0, whatever ``studentize`` is): they are divided out here, before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.selection.bootstrap import FEWEST_SESSIONS, optimal_block

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealityCheck:
    """p-values of "no row is better than the benchmark"; small ones speak for the best row.

    Attributes:
        reason: why nothing can be said; then the p-values are None.
        models, models_left_out: rows tested, and those with a NaN or that never differ from the benchmark.
        sessions: of the returns. block: the mean length of the runs that are resampled; 0 without a test.
        white: of White's reality check.
        spa_lower, spa_consistent, spa_upper: of Hansen's test. Each is at least the one before.
    """

    models: int
    models_left_out: int
    sessions: int
    draws: int
    block: int = 0
    reason: str | None = None
    white: float | None = None
    spa_lower: float | None = None
    spa_consistent: float | None = None
    spa_upper: float | None = None


def reality_check(
    returns: NDArray[np.float64], benchmark: NDArray[np.float64], *, draws: int = 1000, seed: int = 0
) -> RealityCheck:
    """Both tests of ``returns``, (models, sessions), against ``benchmark``, (sessions,).

    The p-values come from ``draws`` resampled histories, so 1 / ``draws`` is the least that is told from 0.
    Runs of sessions have the median of the rows' optimal mean lengths. The time grows with models, sessions
    and draws: 50 rows over five years take about two seconds.

    Raises:
        UsageError: the arrays do not fit together, there is nothing to draw, or arch is not installed.
    """
    models, rival = np.asarray(returns, dtype=np.float64), np.asarray(benchmark, dtype=np.float64)
    if models.ndim != 2 or rival.shape != models.shape[1:] or draws < 1:
        raise UsageError(
            f"returns {models.shape}, a benchmark {rival.shape} and {draws} draws make no test",
            hint="Give returns as (models, sessions), the benchmark as (sessions,), and at least one draw.",
        )
    gains = _telling(models - rival)
    found = RealityCheck(
        models=len(gains),
        models_left_out=len(models) - len(gains),
        sessions=len(rival),
        draws=draws,
        reason=_reason(gains, rival),
    )
    return found if found.reason is not None else _tested(found, gains, seed)


def _telling(gains: Floats) -> Floats:
    """Those rows of gains that are finite and vary."""
    gains = gains[np.isfinite(gains).all(axis=1)]
    return gains[np.ptp(gains, axis=1) > 1e-13] if gains.size else gains[:0]


def _reason(gains: Floats, rival: Floats) -> str | None:
    if len(rival) < FEWEST_SESSIONS:
        return f"{len(rival)} sessions are too few to resample; it takes {FEWEST_SESSIONS}"
    if not np.isfinite(rival).all():
        return "the benchmark lacks a return"
    if len(gains) == 0:
        return "no row has returns that differ from the benchmark's"
    return None


def _tested(found: RealityCheck, gains: Floats, seed: int) -> RealityCheck:
    block = max(1, round(float(np.median([optimal_block(gain) for gain in gains]))))
    white = _p_values(gains, block, found.draws, seed)
    hansen = _p_values(gains / standard_errors(gains, block)[:, None], block, found.draws, seed)
    return RealityCheck(
        models=found.models,
        models_left_out=found.models_left_out,
        sessions=found.sessions,
        draws=found.draws,
        block=block,
        white=white["upper"],
        spa_lower=hansen["lower"],
        spa_consistent=hansen["consistent"],
        spa_upper=hansen["upper"],
    )


def standard_errors(gains: Floats, block: float) -> Floats:
    """(models,) ωₖ, by which √T times a mean of ``gains`` scatters under the stationary bootstrap.

    ω² = Σ κᵢ γᵢ over all lags, with the autocovariances γ and κᵢ = (1 − i/T)(1 − p)ⁱ + (i/T)(1 − p)ᵀ⁻ⁱ, p one
    over the mean length of runs (Politis and Romano, 1994).
    """
    sessions = gains.shape[1]
    centred = gains - gains.mean(axis=1, keepdims=True)
    transformed = np.fft.rfft(centred, 2 * sessions, axis=1)
    covariances = np.fft.irfft(np.abs(transformed) ** 2, axis=1)[:, :sessions] / sessions
    lags, stay = np.arange(sessions), 1 - 1 / block
    weights = (1 - lags / sessions) * stay**lags + lags / sessions * stay ** (sessions - lags)
    weights[1:] *= 2
    return np.sqrt(covariances @ weights)


def _p_values(gains: Floats, block: int, draws: int, seed: int) -> dict[str, float]:
    """arch's three p-values that the best of ``gains`` is luck."""
    try:
        from arch.bootstrap import SPA  # noqa: PLC0415 - a second, for those who test
    except ImportError as error:
        message = "the reality check needs the package arch, which is not installed"
        raise UsageError(message, hint="Install it: pip install arch.") from error
    losses = -np.ascontiguousarray(gains.T)
    test = SPA(np.zeros(len(losses)), losses, block_size=block, reps=draws, studentize=False, seed=seed)
    test.compute()
    return {name: float(p) for name, p in test.pvalues.items()}
