"""Is the winner real? What the end of a sweep says about choosing the best of so many rows.

`Gathered` keeps, while rows are computed, what the statistics are made of: 36 numbers a row. `judge` makes of
them the columns dsr and plateau and the content of ``selection.json``, `conclude` the files. The statistics
themselves are in `treefolio.selection`. They are about this sweep alone; `sweep.lineage` counts over sweeps.

Trials are rows that have a Sharpe ratio. Rows that failed, were skipped or never varied are left out, and
counted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.engine.trading import DONE
from treefolio.errors import OutputError, UsageError
from treefolio.metrics import COUNT, POSITIONS
from treefolio.selection import cscv, sharpe
from treefolio.selection.plateau import plateau
from treefolio.selection.trials import effective_trials
from treefolio.strategy.tree import Strategy
from treefolio.sweep import rows
from treefolio.sweep.block import Worker
from treefolio.sweep.files import write_parquet, write_text
from treefolio.sweep.lineage import Lineage, enter
from treefolio.sweep.manifest import to_json
from treefolio.sweep.space import Space

Numbers = NDArray[np.float64]
Plain = dict[str, object]

FILE = "selection.json"
KEPT = 36
"""Numbers that `Gathered` keeps of a row."""
TRIED = ("strategy", "variables", "space", "latest_start", "start", "end", "missing", "execution")
"""What of a manifest, beside the prices, makes it another sweep for the ledger: versions try nothing new."""
SAMPLE = 500
"""Rows whose returns are computed again to see how many independent trials they amount to."""
_LONGEST_NAME = 100
_YEAR = 252.0
_DIGITS = 6
"""Of what is computed with BLAS, whose last digits may depend on its threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of the end of a sweep, as `many.Planned.run` says."""

    reality: int = 0
    exact: bool = False
    home: Path | None = None

    def answered_by(self, said: Mapping[str, object] | None) -> bool:
        """What a finished sweep's ``selection.json`` says is enough, but for what curves alone can add."""
        if said is None:
            return False
        return not self.exact or said.get("pbo") is None or said["pbo_splits"] == said["pbo_splits_total"]


class Gathered:
    """Numbers of all rows of a sweep, filled range by range; several threads may do so at once.

    Until then they are 0 and take no memory: the system gives zeros when a page is first written to, so that
    a sweep of many millions of rows begins, and is stopped, as quickly as a small one.

    Attributes:
        lengths: (blocks,) sessions in each block.
        moments: (rows, 4) the metrics `rows.MOMENTS`.
        sums, squares: (rows, blocks) of the returns in each block.
        codes: (rows,) `DONE`, `rows.SKIPPED`, or 0 for rows that failed.
    """

    def __init__(self, size: int, returns: int) -> None:
        self.lengths = np.diff(cscv.block_edges(returns))
        self.returns = returns
        self.moments = np.zeros((size, len(rows.MOMENTS)))
        self.sums = np.zeros((size, self.blocks))
        self.squares = np.zeros((size, self.blocks))
        self.codes = np.zeros(size, np.int8)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.lengths)

    @property
    def ratios(self) -> Numbers:
        """(rows,) Sharpe ratios, annual."""
        return self.moments[:, 0]

    def forget_blocks(self) -> None:
        """Gives their memory back."""
        self.sums = self.squares = np.empty((0, self.blocks))

    def put(self, first: int, numbers: Numbers, codes: NDArray[np.int64]) -> None:
        """Takes what `Worker.measure` returned for the rows from ``first`` on."""
        part = slice(first, first + len(codes))
        self.moments[part] = numbers[:, [POSITIONS[key] for key in rows.MOMENTS]]
        self.sums[part] = numbers[:, COUNT : COUNT + self.blocks]
        self.squares[part] = numbers[:, COUNT + self.blocks :]
        self.codes[part] = np.where((codes == DONE) | (codes == rows.SKIPPED), codes, 0)

    def read(self, part: Path, first: int, last: int) -> None:
        """Takes rows [first, last) from their part, which an interrupted sweep left.

        Raises:
            OutputError: the part lacks columns.
        """
        here = slice(first, last)
        frame = pl.scan_parquet(part)
        names = frame.collect_schema().names()
        moments = [key if key in names else f".{key}" for key in rows.MOMENTS]
        sums, squares = rows.block_columns(self.blocks)
        lost = [name for name in (*moments, *sums, *squares, "status") if name not in names]
        if lost:
            raise OutputError(
                f"{part} lacks columns, such as {lost[0]}",
                hint="Another version began this sweep: start anew.",
            )
        whole = frame.select(*moments, *sums, *squares, "status").collect()
        for target, columns in ((self.moments, moments), (self.sums, sums), (self.squares, squares)):
            for k, name in enumerate(columns):
                target[here, k] = _floats(whole[name])
        known = {"ok": DONE, "skipped": rows.SKIPPED}
        self.codes[here] = [known.get(status, 0) for status in whole["status"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the end of a sweep says of its rows.

    Attributes:
        said: the content of ``selection.json``, but for the ledger and the reality check.
        dsr, plateau: (rows,) columns; NaN where undefined.
    """

    said: Plain
    dsr: Numbers
    plateau: Numbers


def conclude(
    folder: Path,
    gathered: Gathered | None,
    space: Space,
    worker: Worker,
    manifest: Mapping[str, object],
    asked: Asked,
    threads: int,
) -> Plain:
    """Writes ``rows.parquet`` of the folder's parts, then ``selection.json``, which is returned.

    Args:
        gathered: None where ``rows.parquet`` is whole: then it stays as it is, and so does what is said of it
            but for the ledger and the reality check.
    """
    verdict = None if gathered is None else judge(gathered, space, worker, exact=asked.exact, threads=threads)
    said = (stored(folder) or {}) if verdict is None else verdict.said
    if verdict is not None or asked.home is not None:
        said |= _entered(asked.home, worker.prepared.strategy, manifest, said)
    if asked.reality:
        ratios = _ratios_of(folder / rows.WHOLE) if gathered is None else gathered.ratios
        said |= _tested(worker, space, ratios, asked.reality)
    if gathered is not None and verdict is not None:
        gathered.forget_blocks()
        parts, _ = rows.scan(folder)
        write_parquet(rows.judged(parts, verdict.dsr, verdict.plateau), folder / rows.WHOLE)
    write_text(folder / FILE, to_json(said))
    return said


def judge(
    gathered: Gathered, space: Space, worker: Worker, *, exact: bool = False, threads: int = 1
) -> Verdict:
    """The columns and the statistics, from what was gathered of all rows.

    They depend on the rows alone. ``worker`` computes the returns of a sample of them again.
    """
    ratios, returns = gathered.ratios, gathered.returns
    counted = np.flatnonzero(np.isfinite(ratios))
    daily = ratios / math.sqrt(_YEAR)
    trials, variance = len(counted), _variance(daily[counted])
    dsr = _deflated(gathered, slice(None), trials, variance)
    flat = plateau(ratios, _places(space), [_is_ordered(values) for values in space.axes.values()])
    effective, sample = _effective(worker, space, counted)
    over = cscv.overfitting(
        gathered.sums, gathered.squares, gathered.lengths, exact=exact or None, threads=threads
    )
    said: Plain = {
        "rows": space.size,
        "trials": trials,
        "left_out": _left_out(gathered, trials),
        "effective_trials": effective,
        "effective_trials_sample": sample,
        "expected_max_sharpe": sharpe.expected_best_sharpe(trials, returns),
        "expected_max_sharpe_effective": sharpe.expected_best_sharpe(effective, returns),
        "sharpe_variance": variance * _YEAR,
        "sharpe_threshold": sharpe.threshold(variance, trials) * math.sqrt(_YEAR),
        "best": None,
        "min_backtest_years": None,
        **_overfitting(over),
        "note": _note(over, trials, effective, sample),
    }
    if trials:
        row = int(best_rows(ratios, 1)[0])
        said["best"] = {
            "row": row,
            "variables": space.assignment(row),
            "sharpe": ratios[row],
            "psr": gathered.moments[row, 3],
            "dsr": dsr[row],
            "dsr_effective": float(_deflated(gathered, row, effective, variance)),
            "plateau": flat[row],
        }
        said["min_backtest_years"] = sharpe.minimum_backtest_years(trials, float(ratios[row]))
    return Verdict(said={key: _plain(value) for key, value in said.items()}, dsr=dsr, plateau=flat)


def best_rows(ratios: Numbers, count: int) -> NDArray[np.int64]:
    """The rows with the highest of ``ratios``, best first, of equal ones the earlier; NaN is none of them."""
    order = np.argsort(-ratios, kind="stable")[:count]
    return order[np.isfinite(ratios[order])]


def stored(folder: Path) -> Plain | None:
    """What a finished sweep's ``selection.json`` says; None when it is not there or not whole."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "trials" in found else None


def _entered(
    home: Path | None, strategy: Strategy, manifest: Mapping[str, object], said: Mapping[str, object]
) -> Plain:
    """The keys ``lineage…`` of ``selection.json``, after the sweep was entered in the ledger.

    Args:
        manifest: the sweep's. said: the rest of ``selection.json``.
    """
    sessions = int(str(manifest["sessions"]))
    found = enter_trials(home, strategy, manifest, said["trials"])
    luck = None if found.trials is None else sharpe.expected_best_sharpe(found.trials, sessions - 1)
    return {
        "lineage": found.id,
        "lineage_trials": found.trials,
        "lineage_sweeps": found.sweeps,
        "lineage_expected_max_sharpe": luck,
        "lineage_note": found.note,
    }


def enter_trials(
    home: Path | None, strategy: Strategy, manifest: Mapping[str, object], trials: object
) -> Lineage:
    """Enters in the ledger that so many rows of a space were looked at, in a sweep or a walk-forward."""
    line = {
        "sweep": _identity(manifest),
        "trials": trials,
        "name": strategy.name[:_LONGEST_NAME],
        "start": manifest["start"],
        "end": manifest["end"],
    }
    return enter(home, strategy, line)


def _identity(manifest: Mapping[str, object]) -> str:
    """A hash of what was tried: the same combinations on the same prices are one sweep."""
    prices = manifest["prices"]
    assert isinstance(prices, Mapping)
    tried = {key: manifest.get(key) for key in TRIED} | {"prices": prices["snapshot"]}
    return hashlib.sha256(to_json(tried).encode()).hexdigest()


def _ratios_of(final: Path) -> Numbers:
    """(rows,) the Sharpe ratio of every row of a finished sweep; NaN where it has none.

    Raises:
        UsageError: the rows were made without it.
    """
    if "sharpe" not in pl.read_parquet_schema(final):
        raise UsageError("the rows have no Sharpe ratio to rank them by", hint="Make them with this metric.")
    return _floats(pl.read_parquet(final, columns=["sharpe"])["sharpe"])


def _tested(worker: Worker, space: Space, ratios: Numbers, count: int) -> Plain:
    """The keys ``reality…`` of ``selection.json``: is the best row better than the benchmark, after all?

    Args:
        ratios: (rows,) the Sharpe ratio of every row; the best ``count`` of them are tested together.
    """
    from treefolio.selection.reality import reality_check  # noqa: PLC0415 - only on request

    chosen = best_rows(ratios, count)
    if not len(chosen):
        return {"reality": None}
    rival = worker.prepared.benchmark
    against = np.zeros(worker.frame.returns) if rival is None else rival[1:] / rival[:-1] - 1.0
    found = reality_check(worker.returns(_choices(space, chosen)), against)
    name = worker.prepared.question.benchmark_name
    return {"reality": _plain({"against": name or "cash", **asdict(found)})}


def _choices(space: Space, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([space.choices(int(row), int(row) + 1) for row in chosen])


def _floats(column: pl.Series) -> Numbers:
    return column.fill_null(math.nan).to_numpy()


def _variance(values: Numbers) -> float:
    """Over n − 1; 0 for fewer than two. The sums are exact, so neither order nor blocks matter."""
    if len(values) < 2:
        return 0.0
    mean = math.fsum(values) / len(values)
    return math.fsum((values - mean) ** 2) / (len(values) - 1)


def _deflated(gathered: Gathered, part: slice | int, trials: float, variance: float) -> Numbers:
    """The deflated Sharpe ratio of some rows."""
    moments = gathered.moments[part]
    return sharpe.deflated(
        moments[..., 0] / math.sqrt(_YEAR),
        gathered.returns,
        moments[..., 1],
        moments[..., 2] + 3.0,
        trials=trials,
        variance=variance,
    )


def _is_ordered(values: Sequence[int | float | str]) -> bool:
    """Numbers have an order, words have none."""
    return not any(isinstance(value, str) for value in values)


def _places(space: Space) -> NDArray[np.int64]:
    """(rows, axes) the place of each row's value among its variable's, by size where they are numbers."""
    places = space.choices(0, space.size).copy()
    for v, values in enumerate(space.axes.values()):
        if _is_ordered(values):
            places[:, v] = np.argsort(np.argsort(np.array(values, dtype=np.float64)))[places[:, v]]
    return places


def _effective(worker: Worker, space: Space, counted: NDArray[np.int64]) -> tuple[float, int]:
    """The effective number of independent trials, and from how many rows it comes, spread over all."""
    picks = np.unique(np.linspace(0, len(counted) - 1, min(len(counted), SAMPLE)).astype(np.int64))
    if len(picks) < 2:
        return float(len(picks)), len(picks)
    found = effective_trials(worker.returns(_choices(space, counted[picks])))
    return float(f"{found:.{_DIGITS}g}"), len(picks)


def _left_out(gathered: Gathered, trials: int) -> Plain:
    """How many rows are no trials, by reason."""
    skipped = int(np.count_nonzero(gathered.codes == rows.SKIPPED))
    failed = int(np.count_nonzero(gathered.codes == 0))
    flat = len(gathered.codes) - skipped - failed - trials
    return {"failed": failed, "skipped": skipped, "no_sharpe": flat}


def _overfitting(over: cscv.Overfitting) -> Plain:
    """What ``selection.json`` says of overfitting. Sharpe ratios are annual there."""
    slope = over.degradation_slope
    return {
        "pbo": over.pbo,
        "pbo_error": over.pbo_error,
        "pbo_rows": over.rows,
        "pbo_blocks": over.blocks,
        "pbo_splits": over.splits,
        "pbo_splits_total": over.splits_total,
        "degradation_slope": None if slope is None else float(f"{slope:.{_DIGITS}g}"),
        "probability_of_loss": over.probability_of_loss,
        "logit": {
            "edges": over.logit_edges,
            "counts": over.logit_counts,
            "quantiles": dict(zip(map(str, cscv.QUANTILES), over.logit_quantiles, strict=False)),
        },
        "in_sample": [ratio * math.sqrt(_YEAR) for ratio in over.in_sample],
        "out_of_sample": [ratio * math.sqrt(_YEAR) for ratio in over.out_of_sample],
    }


def _note(over: cscv.Overfitting, trials: int, effective: float, sample: int) -> str | None:
    """What cannot be told, and why."""
    said = []
    if trials == 0:
        said.append("no row has a Sharpe ratio, so nothing can be said of the best")
    if trials == 1:
        said.append("only one row has a Sharpe ratio: nothing was chosen")
    if over.reason is not None:
        said.append(f"no probability of overfitting: {over.reason}")
    if sample < trials and effective > sample / 2:
        said.append(f"effective_trials is at most the {sample} rows of its sample, and may be more")
    return "; ".join(said) or None


def _plain(value: object) -> object:
    """The value as JSON can say it: what is not finite is None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
