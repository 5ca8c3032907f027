"""The synthetic market is deterministic, consistent and looks real."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from treefolio.errors import MissingPrices, UsageError, WindowError
from treefolio.market import calendar
from treefolio.market.panel import Panel
from treefolio.market.supply import SyntheticSupply
from treefolio.market.synthetic import OPENS, synthetic_panel, synthetic_tickers
from treefolio.market.universe import FUNDS, GEARED
from treefolio.market.weather import FACTOR_SIGMA, factors, normals, uniforms

YEAR = 252


@pytest.fixture(scope="module")
def panel() -> Panel:
    return synthetic_panel()


def returns(panel: Panel, ticker: str) -> np.ndarray:
    close = panel.column(ticker)
    return close[1:] / close[:-1] - 1


def annual_volatility(panel: Panel, ticker: str) -> float:
    return float(returns(panel, ticker).std(ddof=1) * np.sqrt(YEAR))


class TestDeterminism:
    """One seed, one market."""

    def test_bits_are_pinned(self, panel: Panel) -> None:
        """The default market is this one, on every platform: changing it is a breaking change."""
        assert panel.content_hash == "d8ffd5dbe931216486a57a6c6773549a8993a27ab314c98f739c9af8f6c2b20d"

    def test_the_command_line_has_the_same(self, panel: Panel) -> None:
        """``--synthetic`` is the default market."""
        supplied = SyntheticSupply().supply(["SPY", "BIL"]).panel
        assert supplied.content_hash == panel.select(["SPY", "BIL"]).content_hash

    @pytest.mark.parametrize("tickers", [["TQQQ"], ["SPY", "UVXY", "BIL"], ["UVXY", "SPY", "SPY"]])
    def test_other_tickers_do_not_matter(self, panel: Panel, tickers: list[str]) -> None:
        """A ticker has the same bits alone and among all."""
        few = synthetic_panel(tickers=tickers)
        assert few.tickers == tuple(sorted(set(tickers)))
        assert few.content_hash == panel.select(tickers).content_hash

    def test_window_does_not_matter(self, panel: Panel) -> None:
        """A session has the same bits wherever the panel starts or ends."""
        part = synthetic_panel(start=date(2015, 6, 1), end=date(2019, 6, 28), tickers=["SPY", "SVXY"])
        first = int(np.searchsorted(panel.sessions, part.sessions[0]))
        for name, values in part.fields.items():
            whole = panel.select(["SPY", "SVXY"]).fields[name][first : first + len(part.sessions)]
            np.testing.assert_array_equal(values, whole)

    def test_seeds_differ(self) -> None:
        """Another seed is another market."""
        hashes = {synthetic_panel(seed=seed, tickers=["SPY"]).content_hash for seed in range(5)}
        assert len(hashes) == 5

    def test_provenance(self, panel: Panel) -> None:
        """The panel says that it is made up, and from which seed."""
        assert panel.synthetic
        assert panel.source == "synthetic market, seed 7"
        assert "made-up" in panel.basis


class TestUniverse:
    """The tables of funds."""

    def test_is_large_enough(self, panel: Panel) -> None:
        """Sixty and more, all of which are in the default panel."""
        assert len(synthetic_tickers()) == len(FUNDS) + len(GEARED) >= 60
        assert panel.tickers == synthetic_tickers()

    def test_rows_refer_to_what_is_there(self) -> None:
        """Loads name factors, geared funds name funds, every number has its sense."""
        names = {fund.ticker for fund in FUNDS}
        for fund in FUNDS:
            assert {factor for factor, _ in fund.loads} <= FACTOR_SIGMA.keys(), fund.ticker
            assert fund.own > 0
        for geared in GEARED:
            assert geared.of in names, geared.ticker
            assert geared.fee > 0
        for row in (*FUNDS, *GEARED):
            assert row.price > 0
            assert row.volume > 0

    def test_covers_a_well_known_strategy(self, shared: Path) -> None:
        """Every ticker of the golden TQQQ strategy is there."""
        text = (shared / "golden/composer_tqqq_ftlt/strategy.clj").read_text()
        used = set(re.findall(r'\((?:asset|rsi|current-price|moving-average-price)\s+"([A-Z]+)"', text))
        assert len(used) >= 10
        assert used <= set(synthetic_tickers())


class TestBars:
    """Every price of every fund."""

    def test_no_gap_after_the_listing(self, panel: Panel) -> None:
        """NaN before, finite and positive after, in every field."""
        for name, values in panel.fields.items():
            absent = np.isnan(values)
            assert not np.diff(absent.astype(int), axis=0).max() > 0, name
            assert not absent[-1].any(), name
            assert (values[~absent] > 0).all(), name
            assert np.isfinite(values[~absent]).all(), name

    @pytest.mark.parametrize(
        ("ticker", "listed"),
        [("SPY", "2007-01-03"), ("UVXY", "2011-10-04"), ("BTAL", "2011-09-13"), ("TQQQ", "2010-02-11")],
    )
    def test_listing(self, panel: Panel, ticker: str, listed: str) -> None:
        """Some are listed later than the panel starts."""
        assert str(panel.sessions[np.isfinite(panel.column(ticker))][0]) == listed

    def test_low_and_high_hold_open_and_close(self, panel: Panel) -> None:
        """low ≤ open, close ≤ high; and no fund is flat."""
        field = {name: np.nan_to_num(values, nan=1.0) for name, values in panel.fields.items()}
        assert (field["low"] <= np.minimum(field["open"], field["close"])).all()
        assert (field["high"] >= np.maximum(field["open"], field["close"])).all()
        assert (np.nanstd(panel.fields["close"], axis=0) > 0).all()
        assert (field["volume"] == np.rint(field["volume"])).all()

    @pytest.mark.parametrize("geared", GEARED, ids=lambda row: row.ticker)
    def test_geared_funds_follow_their_index(self, panel: Panel, geared) -> None:  # type: ignore[no-untyped-def]
        """Their daily return is leverage times the index fund's, less financing and fee."""
        own, index = returns(panel, geared.ticker), returns(panel, geared.of)
        seen = np.isfinite(own) & np.isfinite(index)
        assert own[seen].min() > -0.94  # no day in which the fund would be worth nothing
        assert seen.sum() > 600
        left = own[seen] - geared.leverage * index[seen]
        days = calendar.sessions(OPENS, panel.sessions[-1].item())
        cash = factors(7, len(days))["cash"][-len(own) :][seen]
        np.testing.assert_allclose(left, (1 - geared.leverage) * cash - geared.fee / YEAR, atol=1e-12)


class TestStatistics:
    """What the market looks like."""

    @pytest.mark.parametrize(
        ("ticker", "low", "high"),
        [
            ("SPY", 0.12, 0.25),
            ("QQQ", 0.14, 0.30),
            ("TQQQ", 0.42, 0.90),
            ("TLT", 0.09, 0.20),
            ("BIL", 0.0001, 0.01),
            ("GLD", 0.10, 0.22),
            ("UVXY", 0.70, 1.60),
            ("UUP", 0.04, 0.12),
        ],
    )
    @pytest.mark.parametrize("seed", [1, 7, 42])
    def test_volatility(self, ticker: str, low: float, high: float, seed: int) -> None:
        """A year's volatility lies where that of the real fund does."""
        panel = synthetic_panel(seed=seed, start="2011-10-04", tickers=[ticker])
        assert low < annual_volatility(panel, ticker) < high

    @pytest.mark.parametrize(
        ("one", "other", "low", "high"),
        [
            ("TLT", "SPY", -0.7, -0.15),
            ("QQQ", "SPY", 0.8, 0.98),
            ("XLE", "SPY", 0.4, 0.9),
            ("VIXY", "SPY", -0.95, -0.6),
            ("BTAL", "SPY", -0.9, -0.3),
            ("GLD", "UUP", -0.6, -0.1),
            ("HYG", "SPY", 0.4, 0.9),
            ("IEF", "TLT", 0.9, 1.0),
        ],
    )
    def test_correlation(self, one: str, other: str, low: float, high: float) -> None:
        """Daily returns are related as the real ones are."""
        panel = synthetic_panel(start="2011-10-04", tickers=[one, other])
        assert low < np.corrcoef(returns(panel, one), returns(panel, other))[0, 1] < high

    def test_volatility_comes_in_clusters(self, panel: Panel) -> None:
        """Sizes of days are alike for weeks, their signs are not; tails are fat."""
        r = returns(panel, "SPY")
        size = np.abs(r)
        assert np.corrcoef(size[10:], size[:-10])[0, 1] > 0.15
        assert abs(np.corrcoef(r[1:], r[:-1])[0, 1]) < 0.1
        assert ((r - r.mean()) ** 4).mean() / r.var() ** 2 > 4.5

    @pytest.mark.parametrize("seed", [1, 7, 42])
    def test_there_are_crashes(self, seed: int) -> None:
        """The market once loses a fifth from its peak, and never nearly all; volatility funds decay."""
        panel = synthetic_panel(seed=seed, start="2011-10-04", tickers=["SPY", "UVXY"])
        close = panel.column("SPY")
        worst = (1 - close / np.maximum.accumulate(close)).max()
        assert 0.2 < worst < 0.75
        assert panel.column("UVXY")[-1] < 0.01 * panel.column("UVXY")[0]


class TestDraws:
    """Random numbers made of PCG64's words."""

    def test_words_are_pinned(self) -> None:
        """The same numbers everywhere, exactly."""
        assert uniforms(7, "x", 2).tolist() == [0.8338776337144914, 0.13639780287231518]
        assert normals(7, "x", 2).tolist() == [1.08184814453125, 0.9485321044921875]

    def test_longer_streams_continue_shorter_ones(self) -> None:
        """What is drawn for a day does not depend on how many days are."""
        assert normals(7, "x", 1000)[:10].tolist() == normals(7, "x", 10).tolist()

    def test_moments(self) -> None:
        """Mean 0, variance 1, a tail as a normal's; uniforms fill [0, 1)."""
        z, u = normals(7, "moments", 200_000), uniforms(7, "moments", 200_000)
        assert abs(z.mean()) < 0.01
        assert abs(z.var() - 1) < 0.015
        assert 0.04 < (np.abs(z) > 1.96).mean() < 0.06
        assert 0 <= u.min() < 0.001
        assert 0.999 < u.max() < 1


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        ({"seed": -1}, UsageError, "Seeds are whole numbers, 0 or more."),
        ({"start": "2006-12-29"}, UsageError, "Use start=2007-01-03."),
        ({"start": "soon"}, UsageError, "Dates are written YYYY-MM-DD."),
        ({"start": "2024-01-02", "end": "2023-12-29"}, WindowError, "Move the end after the start."),
        ({"start": "2024-01-06", "end": "2024-01-07"}, WindowError, "Move the end after the start."),
        ({"start": "2007-01-03", "end": "2006-12-29"}, WindowError, "Move the end after the start."),
        ({"tickers": ["SPYX"]}, MissingPrices, "Did you mean SPY"),
        ({"tickers": ["UVIX"], "end": "2020-12-31"}, MissingPrices, "Use an end from 2022-03-30 on."),
    ],
)
def test_bad_calls(options: dict[str, object], error: type[Exception], hint: str) -> None:
    """Each says what to do."""
    with pytest.raises(error) as caught:
        synthetic_panel(**options)  # type: ignore[arg-type]
    assert str(getattr(caught.value, "hint", "")).startswith(hint)


def test_funds_not_yet_listed_are_left_out() -> None:
    """All tickers means all that are listed by the end."""
    early = synthetic_panel(start="2010-01-04", end="2010-12-31")
    assert "SPY" in early
    assert "UVXY" not in early
