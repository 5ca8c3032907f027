"""What a sweep refuses before it begins or goes on, and the fields of the errors: what, where, what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_cases import QUESTION, STRATEGY, market, parsed, planned
from treefolio.engine.window import given
from treefolio.errors import FormatError, OutputError, SpaceError
from treefolio.sweep import manifest as manifests
from treefolio.sweep.assignments import Sample, open_selection
from treefolio.sweep.many import Planned
from treefolio.sweep.space import Value

IMPOSSIBLE = """
name: Impossible
variables: {fast: 5:9:1, slow: 10:30:10, hot: 40:59:1}
constraints: [$slow < $fast]
tree: {if: 'sma(A, $fast) > sma(A, $slow) and rsi(C, 10) > $hot', then: A, else: B}
"""


@pytest.mark.parametrize("select", [None, Sample(count=3), Sample(count=3, method="latin")])
def test_constraints_that_leave_nothing(select: Sample | None) -> None:
    """Said with the size of the grid, for all combinations as for a sample."""
    with pytest.raises(SpaceError) as caught:
        planned(parsed(IMPOSSIBLE), select=select)
    assert caught.value.message == "the constraints leave none of 300 combinations"
    assert "constraint" in str(caught.value.hint)


FILES: dict[str, tuple[str, str, int | None, str | None]] = {
    "a missing column": ("window,hot\n3,40\n", "it has no column 'fund'", None, "--set"),
    "a foreign column": (
        "window,hot,fund,fond\n3,40,A,B\n",
        "the strategy has no variable 'fond'",
        None,
        "Did you mean fund?",
    ),
    "a variable twice": ("window,hot,fund,hot\n3,40,A,40\n", "column 'hot' occurs twice", None, "Remove"),
    "a hole": ("window,hot,fund\n3,40,A\n4,,A\n", "'hot' has no value", 3, None),
    "a word for a number": ("window,hot,fund\n3,much,A\n", "$hot = 'much'", None, None),
    "no number": ("window,hot,fund\n3,nan,A\n", "must be a finite number, not 'nan'", None, None),
    "a handle that is not there": (
        "window,hot,fund,c7.comparator\n3,40,A,>\n",
        "'c7.comparator'",
        None,
        "c1.comparator",
    ),
    "no rows": ("window,hot,fund\n", "it has no rows", None, "Each row"),
    "nothing": ("", "it cannot be read", None, "CSV or Parquet"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_of_combinations(case: str, tmp_path: Path) -> None:
    """The file, the line where there is one, the column, and what to do."""
    text, message, line, hint = FILES[case]
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpaceError) as caught:
        planned(select=path)
    assert message in caught.value.message
    assert caught.value.source == str(path)
    assert caught.value.line == line
    assert hint is None or hint in str(caught.value.hint)


@pytest.mark.parametrize(("make", "message"), [(None, "no such file"), (Path.mkdir, "is a folder")])
def test_no_file_of_combinations(make: Callable[[Path], None] | None, message: str, tmp_path: Path) -> None:
    """Nothing there, or a folder."""
    path = tmp_path / "rows.csv"
    if make is not None:
        make(path)
    with pytest.raises(SpaceError) as caught:
        planned(select=path)
    assert message in caught.value.message
    assert (caught.value.source, bool(caught.value.hint)) == (str(path), True)


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: Sample(count=0), "a sample of 0 combinations", "at least 1"),
        (lambda: Sample(count=10**12), "a sample of 1,000,000,000,000", "at most 100,000,000"),
        (lambda: Sample(count=1, seed=-1), "seed is -1", "from 0 on"),
        (lambda: Sample(count=1, method="lattin"), "'lattin'", "Did you mean latin?"),
        (lambda: planned(select=Sample(count=401)), "only 400 of the 401", "Ask for fewer"),
        (
            lambda: planned(parsed("tree: [A, B]"), select=Sample(count=1)),
            "nothing varies",
            "--vary NAME=SPEC",
        ),
    ],
)
def test_samples(make: Callable[[], object], message: str, hint: str) -> None:
    """Numbers that cannot be, an unknown method, more than there are, or nothing to draw from."""
    with pytest.raises(SpaceError) as caught:
        make()
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


def test_a_variable_declared_twice() -> None:
    """The file's line and column."""
    with pytest.raises(FormatError) as caught:
        parsed("variables:\n  hot: 1:3:1\n  hot: 4:6:1\ntree: {if: 'rsi(A, 5) > $hot', then: A, else: B}\n")
    assert "hot" in caught.value.message
    assert (caught.value.line, caught.value.column) == (3, 3)


@pytest.mark.parametrize(
    ("vary", "fix", "message"),
    [
        ({"hot": [50, 51]}, {"hot": 50}, "hot is both varied and set"),
        ({"hot": [50, 50.0]}, {}, "variable hot has a value twice"),
    ],
)
def test_a_variable_or_value_given_twice(
    vary: dict[str, list[Value]], fix: dict[str, Value], message: str
) -> None:
    """By name."""
    with pytest.raises(SpaceError) as caught:
        planned(vary=vary, fix=fix)
    assert caught.value.message == message


def test_a_handle_that_no_longer_exists() -> None:
    """A handle of an earlier version of the strategy: refused, with those that are there now."""
    before = parsed("tree: {if: 'rsi(A, 5) > 70', then: A, else: {if: 'rsi(B, 5) > 70', then: B, else: C}}")
    now = parsed("tree: {if: 'rsi(A, 5) > 70', then: A, else: C}")
    assert planned(before, vary={"c2.window": [5, 6]}).space.size == 2
    with pytest.raises(SpaceError) as caught:
        planned(now, vary={"c2.window": [5, 6]})
    assert "c2.window" in caught.value.message
    assert "c1.window" in str(caught.value.hint)


TICKERS = parsed("{name: T, variables: {fund: [A, E]}, tree: [$fund, A, {if: 'rsi(F, 5) > 50', then: B}]}")


def test_what_the_strategy_names_itself_is_put_down_to_no_flag() -> None:
    """A ticker in its tree, or among the values that it lists; only what is nowhere there is."""
    opened, space = open_selection(TICKERS, {"fund": "A,E,F,G", "a2.ticker": "B,H"}, {}, None)
    axes = {**space.axes, **{name: (value,) for name, value in space.fixed.items()}}
    assert given(opened, axes) == {"G": "--vary fund=…", "H": "--vary a2.ticker=…"}
    opened, space = open_selection(TICKERS, {"fund": "A,E"}, {"a2.ticker": "H"}, None)
    assert given(opened, {**space.axes, "a2.ticker": ("H",)}) == {"H": "--set a2.ticker"}


OTHERS: dict[str, tuple[Callable[[], Planned], str]] = {
    "strategy": (lambda: planned(replace(STRATEGY, name="Another")), "strategy"),
    "prices": (lambda: planned(question=replace(QUESTION, panel=market(seed=6))), "prices"),
    "version": (planned, "versions"),
    "sample": (
        lambda: planned(select=Sample(count=100, seed=2)),
        "--vary, --space or --sample",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_resume_of_another_sweep(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With another strategy, other prices, another version or another sample: named, all untouched."""
    out = tmp_path / "out"
    first = planned(select=Sample(count=100, seed=1)) if case == "sample" else planned()
    first.run(out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    other, key = OTHERS[case]
    if case == "version":
        now = manifests.versions()
        monkeypatch.setattr(manifests, "versions", lambda: now | {"numba": "0.0.1"})
    with pytest.raises(OutputError) as caught:
        other().run(out, resume=True)
    assert caught.value.message == f"{out} holds another sweep, with other {key}"
    assert "--out" in str(caught.value.hint)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
