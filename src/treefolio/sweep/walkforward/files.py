"""The files of a walk-forward: written whole, or not at all.

``manifest.json``, ``walkforward.json``, ``folds.parquet`` (a row for each fold), ``oos.parquet`` (the
stitched curve, a row for each path and session), both as CSV too, and ``stats.json``. All but the last are
byte-stable.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from treefolio.sweep.files import whole_folder, write_parquet, write_text
from treefolio.sweep.manifest import to_json
from treefolio.sweep.rows import schema as sweep_schema
from treefolio.sweep.spreadsheet import write_csv
from treefolio.sweep.walkforward.result import FoldResult, Span, WalkForward, Winner

JSON = "walkforward.json"


def write_walk(result: WalkForward, out: Path) -> None:
    """Writes the folder of a walk-forward.

    Raises:
        OutputError: ``out`` holds something, or cannot be written; then nothing is left there.
    """
    with whole_folder(out) as folder:
        write_text(folder / "manifest.json", to_json(result.manifest))
        write_text(folder / JSON, to_json(plain(result)))
        write_text(folder / "stats.json", to_json(result.stats))
        for name, table in (("folds", fold_table(result)), ("oos", result.curve)):
            write_parquet(table, folder / f"{name}.parquet")
            write_csv(table, folder / f"{name}.csv")


def plain(result: WalkForward) -> dict[str, object]:
    """walkforward.json: everything but the curve, as plain data."""
    return {
        "name": result.name,
        "scheme": result.scheme.describe(),
        "by": result.by,
        "lowest": result.lowest,
        "rows": result.rows,
        "failed": result.failed,
        "skipped": result.skipped,
        "synthetic": result.synthetic,
        "folds": [_fold(fold) for fold in result.folds],
        "paths": [
            {
                "path": path.number,
                "sessions": path.sessions,
                "metrics": None if path.metrics is None else dict(path.metrics),
            }
            for path in result.paths
        ],
        "efficiency": dataclasses.asdict(result.efficiency),
        "changed": result.changed,
        "stability": [dataclasses.asdict(each) for each in result.stability],
        "whole": _winner(result.whole),
        "current": _winner(result.current),
        "notes": list(result.notes),
    }


def _fold(fold: FoldResult) -> dict[str, object]:
    return {
        "fold": fold.number,
        "train": [dataclasses.asdict(span) for span in fold.train],
        "test": [dataclasses.asdict(span) for span in fold.test],
        "complete": fold.complete,
        "winner": _winner(fold.winner),
        "undefined": fold.undefined,
        "out_of_sample": None if fold.out_of_sample is None else dict(fold.out_of_sample),
        "efficiency": fold.efficiency,
    }


def _winner(winner: Winner | None) -> dict[str, object] | None:
    if winner is None:
        return None
    return {
        "row": winner.row,
        "assignment": dict(winner.assignment),
        "value": winner.value,
        "metrics": dict(winner.metrics),
    }


def fold_table(result: WalkForward) -> pl.DataFrame:
    """folds.parquet: number, training and test, the winner's variables, metrics in and out of sample.

    Training and test of a combinatorial split have gaps; their first and last session and their number stand
    here, the ranges in walkforward.json.
    """
    types: dict[str, type[pl.DataType]] = {"fold": pl.Int64}
    for part in ("train", "test"):
        types |= {f"{part}_first": pl.Date, f"{part}_last": pl.Date, f"{part}_sessions": pl.Int64}
    types |= {"complete": pl.Boolean, "row": pl.Int64}
    columns = sweep_schema(result.space, ())
    types |= {name: columns[name] for name in result.space.axes}
    keys = _keys(result)
    types |= {f"{part}_{key}": pl.Float64 for part in ("in_sample", "out_of_sample") for key in keys}
    types |= {"efficiency": pl.Float64, "undefined": pl.Int64}
    lines = [_line(fold) for fold in result.folds]
    return pl.DataFrame(
        [
            pl.Series(name, [line.get(name) for line in lines], dtype=kind, strict=False)
            for name, kind in types.items()
        ]
    )


def _keys(result: WalkForward) -> tuple[str, ...]:
    """The metrics that folds have."""
    found = next((fold.winner for fold in result.folds if fold.winner is not None), None)
    return () if found is None else tuple(found.metrics)


def _line(fold: FoldResult) -> dict[str, object]:
    line: dict[str, object] = {
        "fold": fold.number,
        **_extent("train", fold.train),
        **_extent("test", fold.test),
        "complete": fold.complete,
        "efficiency": fold.efficiency,
        "undefined": fold.undefined,
    }
    if fold.winner is None:
        return line
    outside: Mapping[str, float | None] = fold.out_of_sample or {}
    return (
        line
        | {"row": fold.winner.row, **fold.winner.assignment}
        | {f"in_sample_{key}": value for key, value in fold.winner.metrics.items()}
        | {f"out_of_sample_{key}": value for key, value in outside.items()}
    )


def _extent(part: str, spans: tuple[Span, ...]) -> dict[str, object]:
    return {
        f"{part}_first": dt.date.fromisoformat(spans[0].first),
        f"{part}_last": dt.date.fromisoformat(spans[-1].last),
        f"{part}_sessions": sum(span.sessions for span in spans),
    }
