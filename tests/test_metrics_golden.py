"""Composer's own statistics, from Composer's own daily values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from treefolio.metrics import METRICS, frame, measure_one

pytestmark = pytest.mark.shared

GIVEN = {"herfindahl", "turnover"}
"""From weights and trades, which the daily values do not tell."""

NAMES = {metric.composer: key for key, metric in METRICS.items() if metric.composer}


@pytest.fixture(scope="module")
def response(shared):
    path = shared / "golden" / "composer_backtest_response" / "response.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(response):
    """Sessions, and values with the first replaced by the capital: the first return bears its costs."""
    (series,) = response["response"]["dvm_capital"].values()
    days = sorted(int(day) for day in series)
    values = np.array([series[str(day)] for day in days])
    values[0] = response["_request_body"]["capital"]
    return np.array(days, dtype="datetime64[D]"), values


def test_every_statistic_of_composer_has_a_row(response):
    assert set(response["response"]["stats"]) == set(NAMES)


@pytest.mark.parametrize("name", sorted(name for name, key in NAMES.items() if key not in GIVEN))
def test_statistic_equals_composers(name: str, response, run):
    sessions, values = run
    got = measure_one(values[1:] / values[:-1] - 1, frame(sessions))
    assert got[NAMES[name]] == pytest.approx(response["response"]["stats"][name], rel=1e-9, abs=1e-12)


def test_conventions_of_holdings_and_turnover_are_composers(response, run):
    """Weights are printed to three decimals, and slippage is the traded notional's: hence near, not equal."""
    sessions, values = run
    answer = response["response"]
    squares = dict.fromkeys(sessions.astype(int).tolist(), 0.0)
    for weights in answer["tdvm_weights"].values():
        for day, weight in weights.items():
            squares[int(day)] += weight**2
    assert np.mean(list(squares.values())) == pytest.approx(answer["stats"]["herfindahl_index"], rel=1e-3)
    traded = answer["costs"]["slippage"] / response["_request_body"]["slippage_percent"]
    turnover = traded / 2 / values.mean() * 252 / len(values)
    assert turnover == pytest.approx(answer["stats"]["annualized_turnover"], rel=5e-3)
