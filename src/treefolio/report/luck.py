"""What luck alone does: the best Sharpe ratio to expect of many trials without any skill.

E[max] of N independent standard normal numbers is about (1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e)), with
Euler's γ (Bailey, Borwein, López de Prado, Zhu, "Pseudo-mathematics and financial charlatanism", Notices of
the AMS, 2014). An annual Sharpe ratio that is truly 0, estimated over T sessions, scatters by about
√(252 / T).
"""

from __future__ import annotations

import math
from statistics import NormalDist

_EULER = 0.5772156649015329


def expected_maximum(trials: int) -> float:
    """Of that many independent standard normal numbers; 0 for fewer than two."""
    if trials < 2:
        return 0.0
    quantile = NormalDist().inv_cdf
    return (1 - _EULER) * quantile(1 - 1 / trials) + _EULER * quantile(1 - 1 / (trials * math.e))


def expected_best_sharpe(trials: int, sessions: int) -> float:
    """The best annual Sharpe ratio that so many independent trials without skill show, on average."""
    return math.sqrt(252 / sessions) * expected_maximum(trials) if sessions > 0 else 0.0
