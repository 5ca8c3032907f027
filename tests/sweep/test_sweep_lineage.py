"""The ledger: which strategies are one lineage, and how trials are counted over sweeps."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from sweep_cases import STRATEGY, parsed, planned
from treefolio.indicators import SIGNATURES
from treefolio.strategy.handles import handles, open_handles
from treefolio.sweep.lineage import FOLDER, enter, lineage_of
from treefolio.sweep.selection import _identity
from treefolio.sweep.walkforward.folds import Combinatorial
from treefolio.sweep.walkforward.plan import plan_walk

TREE = "{if: 'rsi(SPY, 10) > 70', then: BIL, else: {filter: top 1 by rsi(10), of: [QQQ, [TLT, GLD]]}}"
ONE = parsed(f"{{name: One, tree: {TREE}}}")


def changed(old: str, new: str, head: str = "name: One") -> str:
    assert old in TREE
    return f"{{{head}, tree: {TREE.replace(old, new)}}}"


@pytest.mark.parametrize(
    "text",
    [
        changed("> 70", "> 71.5"),
        changed("rsi(SPY, 10) > 70", "rsi(QQQ, 14) <= 30"),
        changed("top 1 by rsi(10)", "bottom 2 by rsi(20)"),
        changed("> 70", "> 70", head="name: Another"),
        changed("> 70", "> $hot", head="name: One, variables: {hot: 60:80:5}"),
        changed("then: BIL", "then: $safe", head="name: One, variables: {safe: [BIL, SHY]}"),
    ],
)
def test_edited_values_stay_in_the_lineage(text: str) -> None:
    """Thresholds, windows, tickers, comparators, directions, counts; literal or variable; any name."""
    assert lineage_of(parsed(text)) == lineage_of(ONE)


@pytest.mark.parametrize(
    "text",
    [
        changed("'rsi(SPY, 10) > 70'", "'sma(SPY, 10) > 70'"),
        changed("'rsi(SPY, 10) > 70'", "'rsi(SPY, 10) > rsi(QQQ, 10)'"),
        changed("[TLT, GLD]", "[TLT, GLD, UUP]"),
        changed("then: BIL", "then: cash"),
        changed("> 70", "> 70", head="name: One, rebalance: weekly"),
        changed("> 70", "> 70", head="name: One, rebalance: threshold(5%)"),
    ],
)
def test_another_rule_begins_a_lineage(text: str) -> None:
    """Another indicator, operand, child, node or rule of rebalancing."""
    assert lineage_of(parsed(text)) != lineage_of(ONE)


def test_a_corridor_is_a_value() -> None:
    """Editing it stays in the lineage."""
    five, seven = (parsed(f"{{name: R, rebalance: threshold({x}%), tree: SPY}}") for x in (5, 7))
    assert lineage_of(five) == lineage_of(seven)


def test_opened_handles_stay_in_the_lineage() -> None:
    """All of them at once."""
    ids = [handle.id for handle in handles(ONE, SIGNATURES)]
    assert len(ids) > 8
    assert lineage_of(open_handles(ONE, ids, SIGNATURES)) == lineage_of(ONE)


# ---- the ledger


def line(sweep: str, trials: int) -> dict[str, object]:
    return {"sweep": sweep, "trials": trials}


def test_a_sweep_counts_once(tmp_path: Path) -> None:
    """However often it is entered; another one, of an edited strategy, is added."""
    edited = parsed(changed("> 70", "> 75"))
    first = enter(tmp_path, ONE, line("a", 400))
    again = enter(tmp_path, ONE, line("a", 400))
    both = enter(tmp_path, edited, line("b", 50))
    other = enter(tmp_path, parsed("{name: Other, tree: [SPY, TLT]}"), line("c", 7))
    assert [(each.trials, each.sweeps) for each in (first, again, both, other)] == [
        (400, 1),
        (400, 1),
        (450, 2),
        (7, 1),
    ]
    assert len(list((tmp_path / FOLDER).iterdir())) == 2


def test_lines_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    """A crash cut one off; the next sweep is entered all the same."""
    enter(tmp_path, ONE, line("a", 400))
    (path,) = (tmp_path / FOLDER).iterdir()
    with path.open("ab") as stream:
        stream.write(b'{"sweep": "b", "tri')
    found = enter(tmp_path, ONE, line("c", 5))
    assert (found.trials, found.sweeps) == (405, 2)


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The sweep goes on; the note says what is not counted, and why."""
    (tmp_path / "home").write_text("a file")
    found = enter(tmp_path / "home", ONE, line("a", 400))
    assert found.trials is None
    assert str(tmp_path) in str(found.note)


def test_without_a_home_nothing_is_counted() -> None:
    """And nothing is written."""
    found = enter(None, ONE, line("a", 400))
    assert (found.id, found.trials, found.sweeps) == (lineage_of(ONE), None, None)


def enter_many(home: Path, first: int) -> None:
    for k in range(first, first + 50):
        enter(home, ONE, line(f"sweep {k}", 1) | {"name": "x" * 500})


def test_processes_enter_at_once(tmp_path: Path) -> None:
    """No line is lost or torn; those that both enter count once."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        list(pool.map(enter_many, [tmp_path] * 2, [0, 25]))
    found = enter(tmp_path, ONE, line("last", 1))
    assert (found.trials, found.sweeps) == (76, 76)


# ---- a sweep's own entry


def test_selection_json_says_the_lineage(tmp_path: Path) -> None:
    """Repeated or resumed it stays one sweep; with other values it is another of the same lineage."""
    home = tmp_path / "home"
    first = planned().run(tmp_path / "one", home=home)
    planned().run(tmp_path / "two", home=home)
    resumed = planned().run(tmp_path / "one", resume=True, home=home)
    for said in (first.selection, resumed.selection):
        assert (said["lineage_trials"], said["lineage_sweeps"]) == (400, 1)
        assert said["lineage"] == lineage_of(STRATEGY)
    narrow = planned(vary={"hot": "40:44:1"}).run(tmp_path / "three", home=home)
    assert (narrow.selection["trials"], narrow.selection["lineage_trials"]) == (100, 500)
    luck = narrow.selection["lineage_expected_max_sharpe"]
    assert luck > narrow.selection["expected_max_sharpe"]  # type: ignore[operator]
    later = planned().run(tmp_path / "one", resume=True, home=home)
    assert later.selection["lineage_trials"] == 500
    assert json.loads((tmp_path / "one" / "selection.json").read_text())["lineage_trials"] == 500


def test_the_same_trials_count_once(tmp_path: Path) -> None:
    """With other metrics, by another version, from a copy of the prices; other costs are other trials."""
    folder, home = tmp_path / "one", tmp_path / "home"
    first = planned().run(folder, home=home)
    assert planned(metrics=["calmar"]).run(home=home).selection["lineage_trials"] == 400
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["versions"]["numpy"] = "0.1"
    manifest["prices"]["source"] = "a copy"
    assert _identity(manifest) == _identity(first.manifest)
    manifest["execution"]["costs"]["slippage_bps"] = 5.0
    assert _identity(manifest) != _identity(first.manifest)


def test_the_rows_of_a_walk_forward_are_trials(tmp_path: Path) -> None:
    """A sweep of the same space tries no others."""
    scheme = Combinatorial(groups=4, test_groups=1)
    plan_walk(planned(), scheme).run(home=tmp_path)
    plan_walk(planned(vary={"hot": "40:44:1"}), scheme).run()
    assert planned().run(home=tmp_path).selection["lineage_trials"] == 400
    plan_walk(planned(vary={"hot": "40:44:1"}), scheme).run(home=tmp_path)
    assert planned().run(home=tmp_path).selection["lineage_trials"] == 500


def test_columns_of_a_row_are_about_its_own_sweep(tmp_path: Path) -> None:
    """Whatever the ledger says."""
    home = tmp_path / "home"
    planned(vary={"hot": "40:44:1"}).run(home=home)
    counted, alone = planned().run(home=home), planned().run()
    assert counted.selection["lineage_trials"] == 500
    assert counted.rows.collect().equals(alone.rows.collect())
