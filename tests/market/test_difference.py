"""Two panels, ticker by ticker: what differs, and what it looks like."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from treefolio.market.actions import Action, Dividend, Split
from treefolio.market.adjust import adjusted
from treefolio.market.bars import Bars
from treefolio.market.calendar import sessions
from treefolio.market.difference import Largest, TickerDifference, compare, lines
from treefolio.market.panel import Panel, Series

DAYS = sessions(date(2024, 1, 2), date(2024, 6, 28))
NAN = float("nan")
SMOOTH = 100 * np.exp(np.random.default_rng(3).normal(0, 0.01, len(DAYS)).cumsum())


def panel(first: int = 0, **closes: Series) -> Panel:
    """A panel of closes, its sessions from DAYS[first] on."""
    names = tuple(sorted(closes))
    values = np.ascontiguousarray(np.column_stack([closes[name] for name in names]))
    return Panel(
        sessions=DAYS[first : first + len(values)].copy(),
        tickers=names,
        fields={"close": values},
        basis="made",
        source="made",
    )


def one(a: Series, b: Series, *, tolerance: float = 1e-6) -> tuple[TickerDifference, list[str]]:
    """The difference of the one ticker X, and its lines without the last one."""
    differences = compare(panel(X=a), panel(X=b), tolerance=tolerance)
    [difference] = differences
    return difference, lines(differences)[:-1]


def after(actions: list[Action], raw: Series = SMOOTH) -> Series:
    """`raw` adjusted for the actions."""
    bars = Bars(at=DAYS, fields={"close": raw})
    return adjusted(bars, actions, basis="all", as_of=date(2025, 1, 1)).fields["close"]


def changed(at: int | slice, factor: float) -> Series:
    """SMOOTH, some of it times `factor`."""
    values = SMOOTH.copy()
    values[at] *= factor
    return values


def test_equal_panels_are_alike() -> None:
    """Float noise included; missing prices at the same places too."""
    holes = SMOOTH.copy()
    holes[5:9] = NAN
    differences = compare(panel(X=SMOOTH, Y=holes), panel(X=SMOOTH * (1 + 5e-7), Y=holes))
    assert [each.alike for each in differences] == [True, True]
    assert [each.compared for each in differences] == [len(DAYS), len(DAYS) - 4]
    assert lines(differences) == ["2 of 2 tickers are alike"]


def test_tickers_of_only_one_panel() -> None:
    """A ticker without any price is not there; one that nobody has is alike."""
    nothing = np.full(len(DAYS), NAN)
    a = panel(P=SMOOTH, Q=nothing, R=SMOOTH, S=nothing)
    b = panel(Q=SMOOTH, R=SMOOTH, S=nothing)
    differences = compare(a, b)
    assert [(each.ticker, each.only_in) for each in differences] == [
        ("P", "A"),
        ("Q", "B"),
        ("R", None),
        ("S", None),
    ]
    assert lines(differences) == ["P: only in A", "Q: only in B", "2 of 4 tickers are alike"]


def test_sessions_of_only_one_panel() -> None:
    """Panels that start on different days, and holes."""
    holes = SMOOTH[10:].copy()
    holes[20] = NAN
    [difference] = differences = compare(panel(X=SMOOTH), panel(10, X=holes))
    assert difference.only_a == (*DAYS[:10].tolist(), DAYS[30].item())
    assert difference.only_b == ()
    assert (difference.compared, difference.unequal, difference.alike) == (len(DAYS) - 11, 0, False)
    assert lines(differences)[0] == f"X: 11 sessions, {DAYS[0]} to {DAYS[30]}, are only in A"
    [line, _] = lines(compare(panel(X=changed(3, NAN)), panel(X=SMOOTH)))
    assert line == f"X: the session {DAYS[3]} is only in B"


def test_no_session_in_common() -> None:
    """Nothing can be compared; it is said what each has."""
    [difference] = compare(panel(X=SMOOTH[:5]), panel(50, X=SMOOTH[50:55]))
    assert (difference.compared, difference.closes, difference.returns, difference.factor) == (
        0,
        None,
        None,
        None,
    )
    assert (len(difference.only_a), len(difference.only_b)) == (5, 5)


def test_a_constant_ratio_is_another_date_of_adjustment() -> None:
    """All closes times one factor: no steps, returns alike."""
    difference, said = one(SMOOTH * 0.9871, SMOOTH)
    assert difference.factor == pytest.approx(0.9871, rel=1e-12)
    assert difference.steps == ()
    assert difference.unequal == len(DAYS)
    assert difference.closes is not None
    assert difference.closes.size == pytest.approx(0.0129)
    assert difference.returns is not None
    assert difference.returns.size < 1e-12
    assert said[0].startswith("X: all closes differ by the factor 0.9871: another date of adjustment")


@pytest.mark.parametrize("lacking", ["A", "B"])
def test_a_dividend_that_one_lacks_is_a_step(lacking: str) -> None:
    """On its ex-date, by C/(C − D); after it nothing differs."""
    ex = DAYS[60].item()
    with_it = after([Dividend(ticker="X", ex_date=ex, amount=0.02 * SMOOTH[59])])
    difference, said = one(*((SMOOTH, with_it) if lacking == "A" else (with_it, SMOOTH)))
    [step] = difference.steps
    assert (step.session, step.lacks) == (ex, lacking)
    assert step.factor == pytest.approx(0.98 if lacking == "A" else 1 / 0.98, rel=1e-9)
    assert (difference.factor, difference.unequal) == (1.0, 60)
    assert said[0] == f"X: steps on {ex}: a dividend of 2 % that {lacking} lacks"


@pytest.mark.parametrize("lacking", ["A", "B"])
@pytest.mark.parametrize(
    ("new", "old", "name"), [(4, 1, "a split of 4 for 1"), (1, 10, "a reverse split of 1 for 10")]
)
def test_a_split_that_one_lacks_is_named(lacking: str, new: int, old: int, name: str) -> None:
    """The panel that jumps lacks it, whichever way it jumps."""
    ex = DAYS[60].item()
    raw = changed(slice(60, None), old / new)
    with_it = after([Split(ticker="X", ex_date=ex, new=new, old=old)], raw)
    difference, said = one(*((raw, with_it) if lacking == "A" else (with_it, raw)))
    assert [step.lacks for step in difference.steps] == [lacking]
    assert said[0] == f"X: steps on {ex}: {name} that {lacking} lacks"


def test_several_steps_and_a_factor_at_the_end() -> None:
    """Two dividends that B lacks, and another date of adjustment."""
    paid: list[Action] = [
        Dividend(ticker="X", ex_date=DAYS[at].item(), amount=share * SMOOTH[at - 1])
        for at, share in [(40, 0.01), (80, 0.005)]
    ]
    difference, said = one(after(paid) * 0.97, SMOOTH)
    assert [step.session for step in difference.steps] == [DAYS[40].item(), DAYS[80].item()]
    assert difference.factor == pytest.approx(0.97, rel=1e-12)
    assert said[0].startswith("X: after the last step closes differ by the factor 0.97")
    assert said[1:3] == [
        f"X: steps on {DAYS[40]}: a dividend of 1 % that B lacks",
        f"X: steps on {DAYS[80]}: a dividend of 0.5 % that B lacks",
    ]


def test_more_steps_than_are_shown_are_counted() -> None:
    """Eight dividends: six lines, and how many more."""
    paid: list[Action] = [
        Dividend(ticker="X", ex_date=DAYS[at].item(), amount=0.01 * SMOOTH[at - 1])
        for at in range(10, 90, 10)
    ]
    difference, said = one(after(paid), SMOOTH)
    assert len(difference.steps) == 8
    assert sum("steps on" in line for line in said) == 6
    assert f"X: and 2 more steps, the last on {DAYS[80]}" in said


@pytest.mark.parametrize(("last", "until"), [(61, 61), (64, 64)])
def test_prices_that_differ_for_some_sessions_are_no_action(last: int, until: int) -> None:
    """The ratio steps and steps back: one of them has other prices there."""
    difference, said = one(changed(slice(60, last), 1.03), SMOOTH)
    assert len(difference.steps) == 2
    assert difference.unequal == last - 60
    assert said[0] == f"X: other prices from {DAYS[60]} until before {DAYS[until]}"


def test_single_precision_hides_no_difference() -> None:
    """A panel stored as float32: a dividend of a hundredth of a percent and a wrong print are found."""
    tiny = after([Dividend(ticker="X", ex_date=DAYS[60].item(), amount=1e-4 * SMOOTH[59])])
    difference, _ = one(tiny.astype(np.float32).astype(np.float64), SMOOTH)
    assert [step.session for step in difference.steps] == [DAYS[60].item()]
    printed = changed(slice(60, 62), 1.03).astype(np.float32).astype(np.float64)
    _, said = one(printed, SMOOTH)
    assert said[0] == f"X: other prices from {DAYS[60]} until before {DAYS[62]}"


def test_other_prices_have_no_steps() -> None:
    """A ratio that moves all the time: how often, how much at most, and where."""
    noise = 1 + np.random.default_rng(5).normal(0, 1e-3, len(DAYS))
    noise[77] = 1.05
    difference, said = one(SMOOTH * noise, SMOOTH)
    assert (difference.factor, difference.steps) == (None, ())
    assert difference.closes == Largest(size=pytest.approx(0.05), session=DAYS[77].item())
    assert difference.returns is not None
    assert difference.returns.session in {DAYS[77].item(), DAYS[78].item()}
    assert said[0] == "X: the prices are others: their ratio moves all the time"
    assert f"at most by 5 % on {DAYS[77]}" in said[1]


def test_a_slow_drift_is_not_constant() -> None:
    """Each day's move is within the tolerance, their sum is not."""
    difference, _ = one(SMOOTH * (1 + 1e-6 * np.arange(len(DAYS))), SMOOTH)
    assert (difference.factor, difference.steps) == (None, ())
    assert difference.unequal > 100


def test_the_tolerance_is_relative_and_chosen() -> None:
    """Closes rounded to cents are alike at 1e-3, and not at 1e-6."""
    assert one(np.round(SMOOTH, 2), SMOOTH, tolerance=1e-3)[0].alike
    assert not one(np.round(SMOOTH, 2), SMOOTH)[0].alike


def test_differences_are_symmetric_in_words() -> None:
    """A and B exchanged: the same sessions and steps, the other panel named."""
    with_it = after([Dividend(ticker="X", ex_date=DAYS[60].item(), amount=1.0)])
    forth, back = (
        compare(*pair)[0]
        for pair in [(panel(X=with_it), panel(X=SMOOTH)), (panel(X=SMOOTH), panel(X=with_it))]
    )
    assert [step.session for step in forth.steps] == [step.session for step in back.steps]
    assert (forth.steps[0].lacks, back.steps[0].lacks) == ("B", "A")
    assert forth.steps[0].factor * back.steps[0].factor == pytest.approx(1, rel=1e-12)
