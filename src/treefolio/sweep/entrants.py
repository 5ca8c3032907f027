"""From what a user names to the curves that `treefolio.sweep.compare` takes, and its files.

A name is a strategy's file, the folder of an earlier run, or a ticker that is bought and held. What is run
anew is run on the common sessions of all, so that each begins with its capital and its first trades there;
an earlier run's curve is cut to them.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from treefolio.engine.question import Question
from treefolio.errors import FormatError
from treefolio.formats import Import
from treefolio.metrics import GROUPS, METRICS, Activity, frame, measure_one
from treefolio.strategy.tree import Asset, Strategy
from treefolio.sweep.compare import Comparison, Entrant, Estimate, common, compare, returns_of, span
from treefolio.sweep.files import whole_folder, write_parquet, write_text
from treefolio.sweep.manifest import to_json
from treefolio.sweep.output import REPORT
from treefolio.sweep.single import Result, run
from treefolio.sweep.spreadsheet import write_csv

Numbers = Mapping[str, float | None]
Curve = tuple[NDArray[np.datetime64], NDArray[np.float64]]
"""Sessions, and a value on each."""
MANIFEST, EQUITY, NUMBERS = "manifest.json", "equity.parquet", "metrics.json"
ACTIVITY = tuple(metric.key for metric in GROUPS["activity"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A strategy that is still to be run: what the user named it by, and the question."""

    source: str
    strategy: Strategy
    question: Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An earlier run.

    Attributes:
        entrant: its curve.
        benchmark: the benchmark's, if it has one.
        activity: the metrics of its trades, which no curve tells; none where its folder lacks them.
    """

    entrant: Entrant
    benchmark: Curve | None
    activity: Numbers


def is_run(path: Path) -> bool:
    """The path is the folder of an earlier run."""
    return path.is_dir() and (path / EQUITY).is_file()


def holding(ticker: str) -> Import:
    """A ticker, bought and held."""
    return Import(strategy=Strategy(name=ticker, root=Asset(ticker)), format="native")


def read_run(folder: Path) -> Found:
    """An earlier run.

    Raises:
        FormatError: its files are not what a run leaves.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        strategy = manifest["strategy"]
        equity = pl.read_parquet(folder / EQUITY, columns=["session", "value", "benchmark"])
        sessions = equity["session"].to_numpy().astype("datetime64[D]")
        entrant = Entrant(
            name=str(strategy["name"]),
            source=str(folder),
            sessions=sessions,
            values=equity["value"].to_numpy().astype(np.float64),
            text=strategy.get("text"),
            manifest=manifest,
        )
        path = folder / NUMBERS
        numbers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        activity = {key: numbers[key] for key in ACTIVITY if key in numbers}
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise FormatError(
            f"these are not the files of a run: {type(error).__name__}: {error}",
            source=str(folder),
            hint="Name the --out folder of `treefolio run`.",
        ) from error
    values = equity["benchmark"]
    return Found(
        entrant=entrant,
        benchmark=None if values.null_count() else (sessions, values.to_numpy().astype(np.float64)),
        activity=activity,
    )


def of_result(result: Result, source: str) -> Entrant:
    """A run's curve."""
    strategy = result.manifest["strategy"]
    return Entrant(
        name=result.strategy.name or source,
        source=source,
        sessions=result.run.sessions,
        values=result.run.values,
        text=strategy["text"] if isinstance(strategy, Mapping) else None,
        manifest=result.manifest,
    )


def together(
    asked: Sequence[Asked | Found], work: Callable[[Asked], Result] | None = None
) -> tuple[Comparison, tuple[Result, ...]]:
    """The comparison of all on their common sessions, and the runs that were made for it.

    Args:
        work: how a strategy is run; `run` by default.

    Raises:
        WindowError: there are no common sessions. TreefolioError: what `run` raises.
    """
    work = work or (lambda each: run(each.strategy, each.question))
    made: list[Result | Found] = [work(each) if isinstance(each, Asked) else each for each in asked]
    first, last = span([_entrant(each, name) for each, name in zip(made, asked, strict=True)])
    for k, (result, each) in enumerate(zip(made, asked, strict=True)):
        if isinstance(result, Result) and isinstance(each, Asked):
            sessions = result.run.sessions
            if sessions[0] != first or sessions[-1] != last:
                question = replace(result.prepared.question, start=_date(first), end=_date(last))
                made[k] = work(replace(each, question=question))
    entrants = common([_entrant(each, name) for each, name in zip(made, asked, strict=True)])
    return compare(_named_apart(entrants), _measured(entrants, made)), tuple(
        each for each in made if isinstance(each, Result)
    )


def _date(day: np.datetime64) -> dt.date:
    found: dt.date = day.astype("datetime64[D]").item()
    return found


def _entrant(made: Result | Found, asked: Asked | Found) -> Entrant:
    if isinstance(made, Found):
        return made.entrant
    return of_result(made, asked.source if isinstance(asked, Asked) else "")


def _named_apart(entrants: Sequence[Entrant]) -> list[Entrant]:
    """The entrants; namesakes have their source in brackets, or a number where that is the same too."""
    shared = Counter(each.name for each in entrants)
    taken: set[str] = set()
    found = []
    for each in entrants:
        alone = shared[each.name] == 1
        name, number = each.name if alone else f"{each.name} ({Path(each.source).name})", 2
        while name in taken:
            name, number = f"{each.name} ({number})", number + 1
        taken.add(name)
        found.append(replace(each, name=name))
    return found


def _measured(entrants: Sequence[Entrant], made: Sequence[Result | Found]) -> Sequence[Numbers]:
    """Metrics over the common sessions, against the first benchmark that covers them."""
    sessions = entrants[0].sessions
    rival = next((found for found in (_rival(each, sessions) for each in made) if found is not None), None)
    shared = frame(sessions, rival)
    found = []
    for entrant, each in zip(entrants, made, strict=True):
        whole = isinstance(each, Result) and len(each.run.sessions) == len(sessions)
        activity = Activity.of(each.run.activity) if isinstance(each, Result) and whole else Activity()
        returns = each.run.returns if isinstance(each, Result) and whole else returns_of(entrant.values)
        numbers = measure_one(returns, shared, activity)
        known = each.activity if isinstance(each, Found) and _is_whole(each, sessions) else {}
        found.append({**numbers, **known})
    return found


def _is_whole(each: Found, sessions: NDArray[np.datetime64]) -> bool:
    """The sessions are those of the earlier run."""
    return len(each.entrant.sessions) == len(sessions)


def unknown(comparison: Comparison, asked: Sequence[Asked | Found]) -> list[str]:
    """A note for each earlier run whose trades nothing is said about, and why."""
    notes = []
    for entrant, each in zip(comparison.entrants, asked, strict=True):
        if not isinstance(each, Found):
            continue
        whole = each.entrant.sessions
        if not each.activity:
            notes.append(f"{entrant.name}: its folder has no {NUMBERS}, so nothing is known of its trades")
        elif not _is_whole(each, comparison.sessions):
            notes.append(
                f"{entrant.name}: turnover, costs and trades are known of its whole run alone, {whole[0]} to "
                f"{whole[-1]}; named by its strategy's file it is run on these sessions"
            )
    return notes


def _rival(made: Result | Found, sessions: NDArray[np.datetime64]) -> NDArray[np.float64] | None:
    """(N − 1,) the benchmark's returns over the sessions; None where it does not cover them."""
    if isinstance(made, Found):
        curve = made.benchmark
    else:
        curve = None if made.benchmark is None else (made.run.sessions, made.benchmark)
    if curve is None or not np.isin(sessions, curve[0]).all():
        return None
    return returns_of(curve[1][np.searchsorted(curve[0], sessions)])


def write_comparison(comparison: Comparison, report: str, out: Path) -> None:
    """Writes a comparison's folder. ``report`` is its page.

    Raises:
        OutputError: ``out`` holds something, or cannot be written; then nothing is left there.
    """
    names = [each.name for each in comparison.entrants]
    numbers = dict(zip(names, comparison.metrics, strict=True))
    with whole_folder(out) as folder:
        write_text(folder / MANIFEST, to_json([each.manifest for each in comparison.entrants]))
        write_text(folder / "metrics.json", to_json(numbers))
        write_csv(_metrics_frame(names, comparison.metrics), folder / "metrics.csv")
        write_text(folder / "comparison.json", to_json(plain(comparison)))
        write_csv(_correlations_frame(comparison), folder / "correlations.csv")
        write_csv(_differences_frame(comparison), folder / "differences.csv")
        write_parquet(_equity_frame(comparison), folder / EQUITY)
        write_text(folder / REPORT, report)


def plain(comparison: Comparison) -> dict[str, object]:
    """Correlations and differences as plain data, for JSON."""
    names = [each.name for each in comparison.entrants]
    rows = [[_number(value) for value in line] for line in comparison.correlations.tolist()]
    return {
        "names": names,
        "sources": [each.source for each in comparison.entrants],
        "start": str(comparison.sessions[0]),
        "end": str(comparison.sessions[-1]),
        "sessions": len(comparison.sessions),
        "correlations": {
            name: dict(zip(names, row, strict=True)) for name, row in zip(names, rows, strict=True)
        },
        "lags": comparison.lags,
        "differences": _difference_rows(comparison),
    }


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _metrics_frame(names: Sequence[str], metrics: Sequence[Numbers]) -> pl.DataFrame:
    columns: dict[str, list[float | None]] = {
        name: [numbers[key] for key in METRICS] for name, numbers in zip(names, metrics, strict=True)
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.Float64))
    return frame.insert_column(0, pl.Series(_heading(names, "metric"), list(METRICS)))


def _correlations_frame(comparison: Comparison) -> pl.DataFrame:
    names = [each.name for each in comparison.entrants]
    found = {name: comparison.correlations[:, k] for k, name in enumerate(names)}
    return pl.DataFrame(found).fill_nan(None).insert_column(0, pl.Series(_heading(names, "name"), names))


def _heading(names: Sequence[str], wanted: str) -> str:
    """A heading for the first column that no curve has as its name."""
    return wanted if wanted not in names else f"{wanted}_"


def _equity_frame(comparison: Comparison) -> pl.DataFrame:
    values = {each.name: each.values for each in comparison.entrants}
    heading = _heading(list(values), "session")
    return pl.DataFrame(values).insert_column(
        0, pl.Series(heading, comparison.sessions.astype("datetime64[D]"))
    )


def _difference_rows(comparison: Comparison) -> list[dict[str, str | float | None]]:
    names = [each.name for each in comparison.entrants]
    rows = []
    for each in comparison.differences:
        row: dict[str, str | float | None] = {"a": names[each.a], "b": names[each.b]}
        row |= _estimate_cells("return", each.mean) | _estimate_cells("sharpe", each.sharpe)
        rows.append(row)
    return rows


def _estimate_cells(name: str, found: Estimate | None) -> dict[str, str | float | None]:
    parts = ("value", "error", "low", "high", "p", "holm")
    return {f"{name}_{part}": None if found is None else float(getattr(found, part)) for part in parts}


def _differences_frame(comparison: Comparison) -> pl.DataFrame:
    rows = _difference_rows(comparison)
    schema = {name: pl.String if name in ("a", "b") else pl.Float64 for name in rows[0]}
    return pl.DataFrame(rows, schema=schema)
