"""Look-backs, gaps, causality, and the same bits wherever an indicator is computed."""

from __future__ import annotations

import numpy as np
import pytest

from indicator_samples import CASES, SESSIONS, Bars, Series, bars, case_id, sample, walk
from treefolio.indicators import INDICATORS, branch, branch_supported, compute
from treefolio.indicators.stretches import unbroken

KERNELS = [(name, params) for name, params in CASES if branch_supported(name, params)]
WINDOWED = {
    "price", "sma", "cumulative_return", "mean_return", "stdev_return", "stdev_price", "max_drawdown",
    "volatility", "bbands_upper", "bbands_middle", "bbands_lower", "ppo",
}  # fmt: skip
FROM_WINDOW_ALONE = [
    (name, params)
    for name, params in KERNELS
    if name in WINDOWED and not INDICATORS[name].settle_sessions(*params)
]
LATER = 137


def from_session(b: Bars, first: int) -> dict[str, Series]:
    return {field: values[first:].copy() for field, values in b.items()}


def kernel(name: str, x: Series, params: tuple[float, ...], first: int = 0, spare: int = 0) -> Series:
    """The engine's way: `branch.evaluate` into dirty arrays, with more scratch than needed."""
    out = np.full(len(x), 777.0)
    scratch = np.full((branch.SCRATCH_ROWS + spare, len(x) + spare), 777.0)
    code = INDICATORS[name].branch_code
    assert code is not None
    branch.evaluate(code, x, first, np.array(params, dtype=np.float64), out, scratch)
    return out


@pytest.mark.parametrize(("name", "params"), CASES, ids=case_id)
def test_lookback_is_the_index_of_the_first_value(name: str, params: tuple[float, ...]) -> None:
    """Nothing before it, everything from it on; TA-Lib's look-backs are restated rightly."""
    row = INDICATORS[name]
    b = sample("walk")
    defined = np.isfinite(compute(name, b, params))
    lookback = row.lookback_sessions(*params)
    assert lookback < SESSIONS
    assert not defined[:lookback].any()
    assert defined[lookback:].all()


@pytest.mark.parametrize(("name", "params"), CASES, ids=case_id)
def test_a_series_as_long_as_the_lookback_has_no_value_and_one_more_has_one(
    name: str, params: tuple[float, ...]
) -> None:
    """Too short is no error: all NaN, also for no session at all and for one."""
    lookback, b = INDICATORS[name].lookback_sessions(*params), sample("walk")
    for length in {0, 1, lookback // 2, lookback, lookback + 1}:
        values = compute(name, {field: v[:length] for field, v in b.items()}, params)
        assert values.shape == (length,)
        assert np.isfinite(values).sum() == max(length - lookback, 0)


@pytest.mark.parametrize(("name", "params"), CASES, ids=case_id)
def test_what_comes_after_a_gap_is_computed_as_if_nothing_had_been_before(
    name: str, params: tuple[float, ...]
) -> None:
    """Both sides of a gap are what they are alone, to the bit, and the gap itself has no value."""
    whole, gap = sample("walk"), slice(170, 173)
    holed = {field: values.copy() for field, values in whole.items()}
    for values in holed.values():
        values[gap] = np.nan
    got = compute(name, holed, params)
    assert np.isnan(got[gap]).all()
    before = {field: values[: gap.start] for field, values in whole.items()}
    np.testing.assert_array_equal(got[: gap.start], compute(name, before, params))
    np.testing.assert_array_equal(got[gap.stop :], compute(name, from_session(whole, gap.stop), params))


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("field", INDICATORS["mfi"].inputs)
def test_a_gap_in_any_needed_field_is_a_gap(field: str, missing: float) -> None:
    """A session without volume is no session for the money flow, but is one for the range."""
    b = sample("walk")
    b[field][200] = missing
    b["open"][300] = np.nan
    values = compute("mfi", b, (5,))
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(values)), [*range(5), *range(200, 206)])
    needed = field in INDICATORS["willr"].inputs
    assert np.isnan(compute("willr", b, (5,))[200]) == needed


def test_unbroken_stretches_are_found_at_both_ends() -> None:
    """First and last stretches may touch the ends; single sessions count."""
    marks = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1], dtype=bool)
    assert list(unbroken(marks)) == [slice(0, 2), slice(3, 4), slice(6, 9)]
    assert list(unbroken(marks[:0])) == []


@pytest.mark.parametrize(("name", "params"), CASES, ids=case_id)
def test_the_future_does_not_touch_the_past(name: str, params: tuple[float, ...]) -> None:
    """Whatever comes after a session, its value keeps its bits."""
    known, cut = sample("walk"), 290
    other = bars(walk(seed=99) * 3, seed=8)
    changed = {field: np.concatenate((known[field][:cut], other[field][cut:])) for field in known}
    got, want = compute(name, changed, params), compute(name, known, params)
    np.testing.assert_array_equal(got[:cut], want[:cut])


@pytest.mark.parametrize(("name", "params"), FROM_WINDOW_ALONE, ids=case_id)
def test_what_is_computed_from_its_window_does_not_depend_on_what_came_before(
    name: str, params: tuple[float, ...]
) -> None:
    """The same bits from a later start, whatever the alignment of the arrays."""
    close, lookback = walk(), INDICATORS[name].lookback_sessions(*params)
    whole = compute(name, {"close": close}, params)
    for first in (1, 2, 3, LATER):
        later = compute(name, {"close": close[first:]}, params)
        np.testing.assert_array_equal(later[lookback:], whole[first + lookback :])


def test_every_windowed_indicator_is_among_those_without_a_memory() -> None:
    """None of them has dropped out of the test above."""
    assert {name for name, _ in FROM_WINDOW_ALONE} == WINDOWED


@pytest.mark.parametrize(("name", "params"), KERNELS, ids=case_id)
def test_a_ticker_and_a_branch_with_the_same_values_get_the_same_bits(
    name: str, params: tuple[float, ...]
) -> None:
    """`compute` and `branch.evaluate` agree over gaps, whatever the working arrays held before."""
    x = walk()
    x[:3] = x[150] = x[300:320] = np.nan
    got = kernel(name, x, params, spare=2)
    np.testing.assert_array_equal(got, compute(name, {"close": x}, params))


@pytest.mark.parametrize(("name", "params"), KERNELS, ids=case_id)
def test_a_branch_begins_at_its_first_session(name: str, params: tuple[float, ...]) -> None:
    """Values before ``first`` do not count, and the result has none there."""
    x = walk()
    got = kernel(name, x, params, first=LATER)
    assert np.isnan(got[:LATER]).all()
    np.testing.assert_array_equal(got[LATER:], compute(name, {"close": x[LATER:]}, params))


def test_a_branch_that_begins_after_the_end_has_no_value() -> None:
    """``first`` may be the length of the series."""
    assert np.isnan(kernel("rsi", walk(50), (14,), first=50)).all()


EXACTLY_FADING = [
    ("ema", (20,)),
    ("ema", (2,)),
    ("ema", (200,)),
    ("atr", (14,)),
    ("ppo_signal", (5, 9, 0, 30)),
]


@pytest.mark.parametrize(("name", "params"), EXACTLY_FADING, ids=case_id)
def test_after_settling_the_seed_weighs_less_than_a_millionth(name: str, params: tuple[float, ...]) -> None:
    """From another seed, the difference has shrunk a million times then, and two sessions earlier not."""
    row, first = INDICATORS[name], 300
    b = bars(walk(3000))
    whole, later = compute(name, b, params)[first:], compute(name, from_session(b, first), params)
    apart = np.abs(later - whole)
    begin, settle = row.lookback_sessions(*params), row.settle_sessions(*params)
    assert settle > 0
    assert apart[begin + settle] < 1.001e-6 * apart[begin]
    assert apart[begin + settle - 2] > 0.999e-6 * apart[begin]


MIXED_FADING = [
    (name, params)
    for name, params in CASES
    if INDICATORS[name].settle_sessions(*params) and (name, params) not in EXACTLY_FADING
]


@pytest.mark.parametrize(("name", "params"), MIXED_FADING, ids=case_id)
def test_after_settling_another_start_makes_no_difference(name: str, params: tuple[float, ...]) -> None:
    """Ratios and chains of averages are within 2e-5 of their own spread of what a longer history gives."""
    row, first = INDICATORS[name], 700
    b = bars(walk(6000))
    whole, later = compute(name, b, params)[first:], compute(name, from_session(b, first), params)
    settled = row.lookback_sessions(*params) + row.settle_sessions(*params)
    assert settled < len(later)
    spread = np.nanstd(whole)
    np.testing.assert_allclose(later[settled:], whole[settled:], rtol=0, atol=2e-5 * spread)


@pytest.mark.parametrize(
    ("name", "params", "sessions"),
    [("rsi", (60,), 823), ("ema", (200,), 1382), ("rsi", (1,), 0), ("ema", (1,), 0), ("sma", (200,), 0)],
)
def test_settling_times_are_those_of_the_weights(name: str, params: tuple[float, ...], sessions: int) -> None:
    """The seed weighs (59/60)^k in RSI(60) and (199/201)^k in EMA(200)."""
    assert INDICATORS[name].settle_sessions(*params) == sessions
