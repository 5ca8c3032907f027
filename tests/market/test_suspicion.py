"""Jumps that look like a split without an action, and what they are told from."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from treefolio.market.calendar import sessions
from treefolio.market.panel import Dates, Series
from treefolio.market.sift import Finding, Kind
from treefolio.market.suspicion import split_shaped, withhold_before

DAYS = sessions(date(2023, 1, 1), date(2023, 12, 31))[:200]
JUMP = 150
DAY = DAYS[JUMP].item()


def ordinary(daily: float = 0.01) -> tuple[Series, Series]:
    """Opens and closes of 200 sessions that move `daily` a session, half of it overnight."""
    normal = np.random.default_rng(7).normal(0, daily / np.sqrt(2), (2, len(DAYS)))
    moves = np.clip(normal, -2 * daily, 2 * daily).cumsum(axis=1)
    close = 50 * np.exp(moves[0] + moves[1])
    opened = close / np.exp(np.diff(moves[1], prepend=0.0))
    return opened, close


def jumping(factor: float, *, daily: float = 0.01, at: int = JUMP) -> tuple[Series, Series]:
    """The same, all prices from the session at `at` on times `factor`; its night is otherwise still."""
    opened, close = ordinary(daily)
    opened[at] = close[at - 1]
    opened[at:] *= factor
    close[at:] *= factor
    return opened, close


def found(prices: tuple[Series, Series], **more: tuple[date, ...]) -> list[Finding]:
    return split_shaped(DAYS, *prices, ticker="X", **more)


def test_ordinary_prices_are_not_suspicious() -> None:
    """Quiet and wild tickers alike."""
    for daily in (0.001, 0.01, 0.05, 0.1):
        assert found(ordinary(daily)) == []


@pytest.mark.parametrize(
    ("factor", "name"),
    [
        (2 / 3, "a split of 3 for 2"),
        (1 / 2, "a split of 2 for 1"),
        (1 / 4, "a split of 4 for 1"),
        (1 / 20, "a split of 20 for 1"),
        (3 / 2, "a reverse split of 2 for 3"),
        (2, "a reverse split of 1 for 2"),
        (10, "a reverse split of 1 for 10"),
        (100, "a reverse split of 1 for 100"),
        (10 * 1.025, "a reverse split of 1 for 10"),
        (10 * 0.975, "a reverse split of 1 for 10"),
    ],
)
def test_a_split_without_an_action_is_found(factor: float, name: str) -> None:
    """The finding names the split in words, quarantines, and the history before is withheld."""
    [finding] = found(jumping(factor))
    assert (finding.ticker, finding.session, finding.kind) == ("X", DAY, Kind.SPLIT_SHAPED)
    assert finding.quarantined
    assert finding.message.startswith(f"looks like {name} without an action: open {factor:.4g} times")
    assert withhold_before([finding]) == DAY


@pytest.mark.parametrize("factor", [1.35, 0.7, 1.75, 0.57, 7, 1 / 7, 12, 200])
def test_a_jump_by_another_ratio_is_no_split(factor: float) -> None:
    """Nobody splits 7 for 1 without telling, and no crash has to end at a half."""
    assert found(jumping(factor)) == []


def test_the_close_must_confirm_the_open() -> None:
    """An open at a half that recovers by a fifth of it until the close is a bad print or a crash."""
    opened, close = jumping(0.5)
    close[JUMP:] *= 1.2
    opened[JUMP + 1 :] *= 1.2
    assert found((opened, close)) == []


def test_a_jump_of_a_third_must_be_calmer_than_one_of_a_half() -> None:
    """A session that moves three times the ordinary until its close: a half may still be a split, a third is
    news."""
    for factor, count in [(0.5, 1), (2 / 3, 0)]:
        opened, close = jumping(factor)
        scale = 1.022 * opened[JUMP] / close[JUMP]
        close[JUMP:] *= scale
        opened[JUMP + 1 :] *= scale
        assert len(found((opened, close))) == count


def test_what_a_ticker_does_every_week_is_no_split() -> None:
    """It moves 20 % a day: its next half is no news."""
    opened, close = ordinary(0.2)
    opened[JUMP] = close[JUMP - 1] * 0.5
    scale = opened[JUMP] / close[JUMP]
    close[JUMP:] *= scale
    opened[JUMP + 1 :] *= scale
    assert found((opened, close)) == []


@pytest.mark.parametrize("beside", [JUMP - 2, JUMP - 1, JUMP + 1, JUMP + 2])
def test_a_crash_shakes_the_sessions_around_it(beside: int) -> None:
    """The same jump with a fall of 15 % within two sessions is a crash."""
    opened, close = jumping(0.2)
    opened[beside:] *= 0.85
    close[beside:] *= 0.85
    assert found((opened, close)) == []
    opened[JUMP:] *= 5
    close[JUMP:] *= 5
    assert found((opened, close)) == []


def test_a_jump_that_is_taken_back_is_a_wrong_print() -> None:
    """A tenth on one session only: the history before is on the same basis as what follows."""
    opened, close = ordinary()
    opened[JUMP] = close[JUMP - 1] / 10
    close[JUMP] /= 10
    assert found((opened, close)) == []


def test_wide_nights_widen_the_tolerance() -> None:
    """5 % from the ratio: too far for a quiet ticker, near for one that opens 4 % away on other days."""
    for daily, count in [(0.01, 0), (0.056, 1)]:
        assert len(found(jumping(10 * 1.05, daily=daily))) == count


def test_without_an_open_a_jump_is_said_and_nothing_is_withheld() -> None:
    """Closes cannot tell a crash from a split; of 3 for 2 they say nothing."""
    for factor, count in [(0.25, 1), (10, 1), (2 / 3, 0)]:
        opened, close = jumping(factor)
        close[JUMP:] *= close[JUMP - 1] * factor / close[JUMP]
        opened[:] = np.nan
        findings = found((opened, close))
        assert len(findings) == count
        assert not any(each.quarantined for each in findings)
        assert all("its open is not known" in each.message for each in findings)
        assert withhold_before(findings) is None


def test_accepted_sessions_are_said_and_not_quarantined() -> None:
    """Somebody looked: it was a crash."""
    [finding] = found(jumping(0.5), accepted=(DAY,))
    assert not finding.quarantined
    assert withhold_before([finding]) is None


def test_a_payout_explains_a_fall_and_no_rise() -> None:
    """Half the value paid in cash halves the price; nothing paid doubles it."""
    assert found(jumping(0.5), paid=(DAY,)) == []
    assert len(found(jumping(2), paid=(DAY,))) == 1


def test_history_is_withheld_before_the_last_unexplained_jump() -> None:
    """Two splits are missing: only what follows the second is on today's basis."""
    opened, close = jumping(0.5, at=90)
    more = jumping(0.25, at=160)
    plain = ordinary()
    both = opened * more[0] / plain[0], close * more[1] / plain[1]
    findings = found(both)
    assert [each.session for each in findings] == [DAYS[90].item(), DAYS[160].item()]
    assert withhold_before(findings) == DAYS[160].item()
    accepted = found(both, accepted=(DAYS[160].item(),))
    assert withhold_before(accepted) == DAYS[90].item()
    assert withhold_before([]) is None


@pytest.mark.parametrize("at", [1, 2, 5, 197, 198, 199])
def test_at_the_ends_of_a_series_less_is_known(at: int) -> None:
    """Too few sessions before to say what is ordinary, or none after: still found."""
    assert [each.session for each in found(jumping(0.1, at=at))] == [DAYS[at].item()]


def test_series_too_short_to_jump() -> None:
    """No bar or one."""
    for count in (0, 1):
        assert split_shaped(DAYS[:count], np.ones(count), np.ones(count)) == []


@lru_cache(maxsize=2)
def real(shared: Path, name: str) -> list[tuple[str, Dates, Series, Series]]:
    """Series with opens, by ticker; without the rate ^IRX, which is no price."""
    table = pl.read_parquet(shared / "prices" / name).with_columns(pl.col("ticker").cast(pl.String))
    parts = table.filter(pl.col("open").is_not_null() & (pl.col("ticker") != "^IRX")).sort("ticker", "date")
    return [
        (
            str(ticker),
            rows["date"].to_numpy().astype("datetime64[D]"),
            np.where(rows["open"].to_numpy() > 0, rows["open"].to_numpy(), np.nan).astype(np.float64),
            rows["close"].to_numpy().astype(np.float64),
        )
        for (ticker,), rows in parts.partition_by("ticker", as_dict=True, maintain_order=True).items()
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "etf_daily.parquet",
            {("BBH", "2009-04-01"), ("VRTX", "2014-06-24"), ("NBIS", "2025-09-09")},
        ),
        ("sp500_daily.parquet", {("UA", "2016-03-23"), ("VRTX", "2014-06-24")}),
    ],
)
def test_real_split_adjusted_series(shared: Path, name: str, expected: set[tuple[str, str]]) -> None:
    """Of 2.77 million nights four are suspicious: two break the basis, two are news at 3/2. No crash of March
    2020 is among them."""
    made = {
        (ticker, str(each.session))
        for ticker, days, opened, close in real(shared, name)
        for each in split_shaped(days, opened, close)
    }
    assert made == expected


def test_splits_put_into_real_series_are_found(shared: Path) -> None:
    """Every 10th ticker, four random days, six ratios: more than 93 % from 2 for 1 on, 75 % of 3 for 2."""
    random = np.random.default_rng(11)
    hits: dict[float, list[bool]] = {}
    series = [each for each in real(shared, "etf_daily.parquet") if len(each[1]) > 100]
    for _, days, opened, close in series[::10]:
        for at in random.integers(70, len(close) - 3, 4).tolist():
            part = slice(at - 70, at + 3)
            for factor in (2 / 3, 3 / 2, 0.5, 0.25, 4.0, 10.0):
                scale = np.where(np.arange(73) >= 70, factor, 1.0)
                findings = split_shaped(days[part], opened[part] * scale, close[part] * scale)
                found_it = [each.session for each in findings if each.quarantined] == [days[at].item()]
                hits.setdefault(factor, []).append(found_it)
    for factor, those in hits.items():
        assert len(those) > 150
        assert np.mean(those) > (0.75 if factor in (2 / 3, 3 / 2) else 0.93), factor


def test_the_crash_of_svxy_is_not_withheld(shared: Path) -> None:
    """Down to 1/5.9 on 2018-02-06, the day after a third was lost: nothing is even said."""
    rows = pl.read_parquet(shared / "prices" / "etf_daily.parquet").filter(pl.col("ticker") == "SVXY")
    close = rows.sort("date")["adj_close"].to_numpy().astype(np.float64)
    days = rows.sort("date")["date"].to_numpy().astype("datetime64[D]")
    at = int(np.searchsorted(days, np.datetime64("2018-02-06")))
    assert close[at] / close[at - 1] == pytest.approx(1 / 6, rel=0.03)
    assert split_shaped(days, np.full(len(close), np.nan), close) == []
    opened = np.where(np.arange(len(close)) == at, close, np.nan)
    assert split_shaped(days, opened, close) == []
