"""The table of indicators is complete, its names are unambiguous, and reading it is cheap."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from treefolio.errors import StrategyError
from treefolio.indicators import INDICATORS, SIGNATURES, Indicator, branch_supported, codes, docs
from treefolio.market.panel import FIELDS
from treefolio.strategy.signature import bind

CANONICAL = set(
    """
    price sma ema rsi cumulative_return mean_return stdev_return stdev_price max_drawdown volatility
    macd macd_signal macd_hist ppo ppo_signal ppo_hist bbands_upper bbands_middle bbands_lower atr natr adx
    aroon_up aroon_down aroon_osc stoch_k mfi obv ad adosc cci willr return_since_start
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
ELEMENTS = set(
    """
    CURRENT_PRICE RSI SMA EMA MACD MACD_LINE MACD_SIGNAL MACD_HIST PPO_LINE PPO_SIGNAL PPO_HIST
    BBANDS_UPPER BBANDS_MIDDLE BBANDS_LOWER ATR ADX MFI AROON_UP AROON_DOWN AROONOSC STOCH_K OBV
    CUMULATIVE_RETURN RETURN VOLATILITY WILLR CCI NATR AD ADOSC
    """.split()  # noqa: SIM905 - as above
)
DIALECTS = ("composer", "quantmage", "elements")


def test_the_table_has_exactly_the_canonical_names() -> None:
    """Every canonical name has one row, filed under its own name."""
    assert set(INDICATORS) == CANONICAL
    assert all(name == row.name for name, row in INDICATORS.items())


@pytest.mark.parametrize("row", INDICATORS.values(), ids=lambda row: row.name)
def test_every_row_has_every_column(row: Indicator) -> None:
    """Texts are filled in, inputs are a panel's fields, look-back and settling give whole numbers."""
    assert all(text.strip() for text in (row.label, row.unit, row.formula, row.source))
    assert row.inputs
    assert set(row.inputs) <= set(FIELDS)
    assert len({p.name for p in row.parameters}) == len(row.parameters)
    params = [20 if p.default is None else p.default for p in row.parameters]
    for sessions in (row.lookback_sessions(*params), row.settle_sessions(*params)):
        assert isinstance(sessions, int)
        assert sessions >= 0
    assert callable(row.function)
    assert row.composer or row.quantmage or row.elements
    assert SIGNATURES[row.name] == row.signature


@pytest.mark.parametrize("row", INDICATORS.values(), ids=lambda row: row.name)
def test_rows_of_closes_and_no_others_have_a_branch_form(row: Indicator) -> None:
    """What needs closes alone can be taken of a branch; what needs more cannot."""
    assert (row.branch_code is not None) == (row.inputs == ("close",))


def test_branch_codes_are_distinct_and_all_used() -> None:
    """The dispatch and the table know the same numbers."""
    used = [row.branch_code for row in INDICATORS.values() if row.branch_code is not None]
    defined = [value for name, value in vars(codes).items() if name.isupper()]
    assert sorted(used) == sorted(defined) == list(range(len(used)))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_name_of_a_dialect_means_one_indicator(dialect: str) -> None:
    """No two rows claim the same foreign name."""
    names = list(itertools.chain.from_iterable(getattr(row, dialect) for row in INDICATORS.values()))
    assert len(names) == len(set(names))
    assert names


def test_every_indicator_of_the_elements_format_has_a_row() -> None:
    """The elements format's own list, no more and no less."""
    assert {n for row in INDICATORS.values() for n in row.elements} == ELEMENTS


@pytest.mark.parametrize(
    ("foreign", "dialect", "name"),
    [
        ("MACD", "elements", "macd_hist"),
        ("RETURN", "elements", "cumulative_return"),
        ("CUMULATIVE_RETURN", "elements", "return_since_start"),
        ("Volatility", "quantmage", "stdev_return"),
        ("stdev-return", "composer", "stdev_return"),
        ("rsi", "composer", "rsi"),
    ],
)
def test_misleading_foreign_names_mean_what_their_dialect_means(
    foreign: str, dialect: str, name: str
) -> None:
    """MACD is the histogram in elements; QuantMage's volatility is not annualised."""
    assert foreign in getattr(INDICATORS[name], dialect)


def test_only_returns_deviation_of_returns_and_drawdown_are_stated_in_percent() -> None:
    """Composer and QuantMage multiply exactly these by 100."""
    percent = {name for name, row in INDICATORS.items() if row.percent}
    assert percent == {"cumulative_return", "mean_return", "stdev_return", "max_drawdown"}
    assert all(INDICATORS[name].unit == "fraction" for name in percent)


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("rsi", (14,)),
        ("sma", (20,)),
        ("ema", (20,)),
        ("cumulative_return", (200,)),
        ("volatility", (20,)),
        ("macd_hist", (12, 26, 9)),
        ("ppo_signal", (12, 26, 0, 9)),
        ("bbands_upper", (20, 2, 2, 0)),
        ("aroon_osc", (25,)),
        ("stoch_k", (14, 3, 3, 0)),
        ("adosc", (3, 10)),
        ("natr", (14,)),
    ],
)
def test_defaults_are_those_of_the_elements_format(name: str, defaults: tuple[float, ...]) -> None:
    """Leaving all parameters out gives the elements format's defaults."""
    assert bind(SIGNATURES, name) == defaults


@pytest.mark.parametrize(
    ("name", "params"),
    [("stdev_return", (1,)), ("max_drawdown", (1,)), ("sma", (0,)), ("ppo", (12, 26, 9)), ("rsi", (2.5,))],
)
def test_parameters_without_meaning_are_refused(name: str, params: tuple[float, ...]) -> None:
    """One return has no deviation, one close no drawdown, and there are nine averages."""
    with pytest.raises(StrategyError):
        bind(SIGNATURES, name, params)


@pytest.mark.parametrize(
    ("name", "params", "supported"),
    [
        ("rsi", (14,), True),
        ("atr", (14,), False),
        ("ppo", (12, 26, 1), True),
        ("ppo_signal", (12, 26, 2, 9), False),
        ("bbands_lower", (20, 2, 2, 0), True),
        ("bbands_lower", (20, 2, 2, 7), False),
    ],
)
def test_branch_supported(name: str, params: tuple[float, ...], supported: bool) -> None:
    """Closes alone, and averages by matype 0 and 1 alone, have a branch form."""
    assert branch_supported(name, params) is supported


def test_importing_the_table_loads_neither_numba_nor_talib() -> None:
    """A reader of strategies pays nothing for the functions behind the table."""
    script = "import sys, treefolio.indicators; print(*{'numba', 'talib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_page_of_indicators_is_made_from_the_table() -> None:
    """``docs/indicators.md`` is what `docs.markdown` returns."""
    page = Path(__file__).parents[1] / "docs" / "indicators.md"
    assert page.read_text(encoding="utf-8") == docs.markdown()


@pytest.mark.parametrize("row", INDICATORS.values(), ids=lambda row: row.name)
def test_the_page_says_everything_about_each_indicator(row: Indicator) -> None:
    """Formula, unit and all foreign names stand on the page, under the indicator's heading."""
    section = docs.markdown().split(f"\n## {row.name}\n")[1].split("\n## ")[0]
    for text in (row.formula, row.unit, *row.composer, *row.quantmage, *row.elements):
        assert text in section
