"""Folds: lengths of time, walk-forward and combinatorial splits, over any calendar."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

from treefolio.errors import UsageError
from treefolio.sweep.lengths import Dates, Length, months_after, parse_length, parse_sessions, place
from treefolio.sweep.walkforward.folds import Combinatorial, Folds, Range, Rolling, length


def calendar(count: int, first: str = "2015-01-02", seed: int | None = None) -> Dates:
    """So many weekdays; with a seed, a tenth of them are holidays."""
    days = np.busday_offset(first, np.arange(2 * count), roll="forward").astype("datetime64[D]")
    if seed is not None:
        days = days[np.random.default_rng(seed).random(len(days)) > 0.1]
    return days[:count]


def span(text: str) -> Length:
    return parse_length(text, "--train")


def rolling(train: str, test: str, step: str | None = None, *, anchored: bool = False) -> Rolling:
    return Rolling(train=span(train), test=span(test), step=span(step or test), anchored=anchored)


# ---- lengths


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("3y", Length(months=36), "3y"),
        ("6m", Length(months=6), "6m"),
        ("18M", Length(months=18), "18m"),
        (" 2 w ", Length(days=14), "2w"),
        ("126d", Length(sessions=126), "126d"),
    ],
)
def test_lengths_are_read_and_said(text: str, expected: Length, shown: str) -> None:
    """And what is said can be read again."""
    assert span(text) == expected
    assert str(expected) == shown
    assert span(shown) == expected


@pytest.mark.parametrize("text", ["", "3", "y", "-1y", "1.5y", "3 years", "0m", "0d", "999999999y", "3y6m"])
def test_what_is_no_length_is_refused(text: str) -> None:
    """With the flag's name, and what a length looks like."""
    with pytest.raises(UsageError, match="--train") as caught:
        span(text)
    assert caught.value.hint


def test_sessions_are_counted_in_days_of_trading() -> None:
    """0 is allowed there; months are not."""
    assert (parse_sessions("5d", "--purge"), parse_sessions("0", "--purge")) == (5, 0)
    with pytest.raises(UsageError, match="does not count sessions"):
        parse_sessions("1m", "--purge")


@given(st.dates(dt.date(1_800, 1, 1), dt.date(2_100, 12, 31)), st.integers(-1_200, 1_200))
def test_months_are_those_of_pandas(day: dt.date, months: int) -> None:
    """The same day of the month, or the month's last."""
    expected = pd.Timestamp(day) + pd.DateOffset(months=months)
    assert months_after(np.datetime64(day, "D"), months) == np.datetime64(expected.date(), "D")


@given(st.integers(0, 60), st.integers(0, 5), st.integers(0, 300), st.integers(0, 3))
def test_a_place_is_the_first_session_at_or_after_the_end_of_a_length(
    months: int, weeks: int, sessions: int, seed: int
) -> None:
    """Counted in sessions from there."""
    days = calendar(800, seed=seed)
    found = place(days, Length(months=months, days=7 * weeks, sessions=sessions))
    end = np.datetime64((pd.Timestamp(days[0]) + pd.DateOffset(months=months, days=7 * weeks)).date(), "D")
    later = [k for k, day in enumerate(days[1:]) if day >= end]
    beyond = bool(months or weeks) and end > days[-1] + np.timedelta64(4, "D")
    expected = later[0] if later else 799 + beyond
    assert found == (expected if months or weeks else 0) + sessions


# ---- walk-forward


def test_three_years_of_training_and_half_a_year_of_test() -> None:
    """Tests begin on the first session on or after the day, and follow each other."""
    days = calendar(1_305)  # five years
    cut = rolling("3y", "6m").cut(days)
    firsts = [str(days[fold.test[0].first + 1]) for fold in cut.folds]
    assert firsts == ["2018-01-02", "2018-07-02", "2019-01-02", "2019-07-02", "2020-01-02"]
    assert str(days[cut.folds[0].train[0].last]) == "2018-01-01"
    assert [fold.complete for fold in cut.folds] == [True, True, True, True, False]
    assert cut.notes == ("the data ends before the last test does: it has 1 session",)
    assert str(days[cut.current[0].first]) == "2017-01-02"


CALENDARS = st.integers(60, 900)
UNITS = st.sampled_from(["d", "w", "m"])


@given(CALENDARS, st.integers(0, 4), st.integers(2, 80), st.integers(1, 40), UNITS, UNITS, st.booleans())
def test_tests_as_long_as_steps_cover_the_rest_of_the_data_once(
    count: int, seed: int, train: int, test: int, unit: str, other: str, anchored: bool
) -> None:
    """From the end of the first training on; each training ends where its test begins."""
    days = calendar(count, seed=seed)
    scheme = rolling(f"{train}{unit}", f"{max(test, 2)}{other}", anchored=anchored)
    try:
        cut = scheme.cut(days)
    except UsageError:
        assume(False)
    first = cut.folds[0].test[0].first
    covered = [i for piece in cut.paths[0] for i in range(*piece.places)]
    assert covered == list(range(first, count - 1))
    for k, fold in enumerate(cut.folds):
        (learnt,), (judged,) = fold.train, fold.test
        assert learnt.last == judged.first
        assert cut.paths[0][k] == (k, judged)
        assert learnt.first == 0 if anchored else learnt.first == place(days, scheme.step * k)
    assert all(fold.complete for fold in cut.folds[:-1])


@given(CALENDARS, st.integers(2, 100), st.integers(1, 60), st.integers(1, 90))
def test_sessions_are_cut_as_by_skfolio(count: int, train: int, test: int, step: int) -> None:
    """Its walk-forward with a step of its own; it has complete folds only."""
    assume(train + test < count)
    theirs = WalkForward(train_size=train, test_size=test)
    cut = rolling(f"{train}d", f"{test}d").cut(calendar(count + 1))
    complete = [fold for fold in cut.folds if fold.complete]
    found = [(tuple(a), tuple(b)) for a, b in theirs.split(np.zeros((count, 1)))]
    assert [(_places(fold.train), _places(fold.test)) for fold in complete] == found
    every = rolling(f"{train}d", f"{test}d", f"{step}d").cut(calendar(count + 1))
    assert [fold.test[0].first for fold in every.folds] == list(range(train, count, step))


def _places(ranges: tuple[Range, ...]) -> tuple[int, ...]:
    return tuple(i for each in ranges for i in range(*each))


@given(CALENDARS, st.integers(2, 60), st.integers(1, 60), st.integers(1, 60))
def test_a_path_has_no_session_twice(count: int, train: int, test: int, step: int) -> None:
    """Overlapping tests give way to the later fold; sessions between tests are in none. Both are said."""
    assume(train < count - 1)
    cut = rolling(f"{train}d", f"{test}d", f"{step}d").cut(calendar(count))
    path = cut.paths[0]
    covered = [i for piece in path for i in range(*piece.places)]
    assert covered == sorted(set(covered))
    for (fold, places), later in itertools.zip_longest(path, path[1:]):
        assert places.first == cut.folds[fold].test[0].first
        assert later is None or places.last <= later.places.first
    several = len(cut.folds) > 1
    assert any("overlap" in note for note in cut.notes) == (several and _overlap(cut))
    assert any("between tests" in note for note in cut.notes) == (several and step > test)


def _overlap(cut: Folds) -> bool:
    return any(b.test[0].first < a.test[0].last for a, b in itertools.pairwise(cut.folds))


def test_ends_of_months_leave_no_gap() -> None:
    """Months counted from the 31st end on the last day of each month, not on the 28th for ever."""
    days = calendar(300, first="2020-01-31")
    cut = rolling("1m", "1m").cut(days)
    firsts = [days[fold.test[0].first + 1] for fold in cut.folds]
    expected = pd.date_range("2020-02-29", periods=len(firsts), freq="ME")
    assert firsts == [days[1:][days[1:] >= np.datetime64(day.date())][0] for day in expected]
    assert _places(tuple(piece.places for piece in cut.paths[0])) == tuple(
        range(firsts_at(days, firsts[0]), 299)
    )


def firsts_at(days: Dates, day: np.datetime64) -> int:
    """The place of a session."""
    return int(np.searchsorted(days[1:], day))


@pytest.mark.parametrize(
    ("train", "test", "step", "said"),
    [
        ("3y", "6m", "6m", "no fold fits: training takes 3y, and there are 299 sessions"),
        ("299d", "1d", "1d", "no fold fits"),
        ("1d", "5d", "5d", "1 session to train on"),
    ],
)
def test_folds_that_do_not_fit_are_refused(train: str, test: str, step: str, said: str) -> None:
    """With what is there, and what to do."""
    with pytest.raises(UsageError, match=said) as caught:
        rolling(train, test, step).cut(calendar(300))
    assert caught.value.hint


def test_a_length_of_nothing_is_refused() -> None:
    """A step of 0 would go on for ever."""
    with pytest.raises(UsageError, match="the step of a walk-forward is 0 long"):
        Rolling(train=span("1y"), test=span("1m"), step=Length())


def test_the_longest_training_that_fits_is_one_session_short_of_all() -> None:
    """Then there is one fold, and its test is one session."""
    cut = rolling("298d", "10d").cut(calendar(300))
    assert [fold.test for fold in cut.folds] == [(Range(298, 299),)]


# ---- combinatorial purged cross-validation


@given(st.integers(40, 600), st.integers(3, 8), st.integers(2, 6), st.integers(0, 9), st.integers(0, 9))
def test_splits_and_paths_are_those_of_skfolio(
    count: int, groups: int, tested: int, purge: int, embargo: int
) -> None:
    """Training after purge and embargo, tests, and which split's test is on which path."""
    assume(tested < groups and purge + embargo < count // groups - 1)
    cut = Combinatorial(groups=groups, test_groups=tested, purge=purge, embargo=embargo).cut(
        calendar(count + 1)
    )
    theirs = CombinatorialPurgedCV(
        n_folds=groups, n_test_folds=tested, purged_size=purge, embargo_size=embargo
    )
    splits = list(theirs.split(np.zeros((count, 1))))
    assert len(cut.folds) == len(splits) == math.comb(groups, tested)
    for fold, (train, tests) in zip(cut.folds, splits, strict=True):
        assert _places(fold.train) == tuple(train)
        assert [_places((test,)) for test in fold.test] == [tuple(test) for test in tests]
    ids = theirs.get_path_ids()
    found = np.full(ids.shape, -1)
    for number, path in enumerate(cut.paths):
        for fold, places in path:
            found[fold, cut.folds[fold].test.index(places)] = number
    assert found.tolist() == ids.tolist()


@given(st.integers(20, 400), st.integers(2, 9), st.integers(1, 8))
def test_every_path_goes_through_all_sessions(count: int, groups: int, tested: int) -> None:
    """There are C(N, k) · k / N of them, and each test is on one of them."""
    assume(tested < groups and count // groups >= 2)
    cut = Combinatorial(groups=groups, test_groups=tested).cut(calendar(count + 1))
    assert len(cut.paths) == math.comb(groups, tested) * tested // groups
    pieces = [(piece.fold, piece.places) for path in cut.paths for piece in path]
    assert len(pieces) == len(set(pieces)) == len(cut.folds) * tested
    for path in cut.paths:
        assert [i for piece in path for i in range(*piece.places)] == list(range(count))
    for fold in cut.folds:
        assert length(fold.train) + length(fold.test) == count


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"groups": 1}, "there cannot be 1 groups"),
        ({"groups": 6, "test_groups": 6}, "6 of 6 groups cannot be tested"),
        ({"groups": 6, "test_groups": 0}, "0 of 6 groups cannot be tested"),
        ({"purge": -1}, "below 0"),
        ({"groups": 40, "test_groups": 20}, "can be chosen in"),
        ({"groups": 10, "purge": 5, "embargo": 4}, "purge and embargo take 9"),
        ({"groups": 64}, "are 1 each"),
    ],
)
def test_splits_that_cannot_be_are_refused(given_: dict[str, int], said: str) -> None:
    """Before any row is computed."""
    with pytest.raises(UsageError, match=said) as caught:
        Combinatorial(**given_).cut(calendar(101))
    assert caught.value.hint
