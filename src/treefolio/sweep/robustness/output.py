"""The folder of a robustness report: written whole, or not at all.

``manifest.json``, ``robustness.json``, ``literals.parquet`` with ``literals.csv`` (a row for each number and
step), ``report.html`` and ``stats.json``. All but the last are byte-stable.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from treefolio.sweep.files import whole_folder, write_parquet, write_text
from treefolio.sweep.manifest import to_json
from treefolio.sweep.many import peak_memory
from treefolio.sweep.robustness.examine import Robustness
from treefolio.sweep.robustness.fragility import Literals, Sensitivity, table
from treefolio.sweep.robustness.monte_carlo import BANDS, MonteCarlo
from treefolio.sweep.robustness.random_picks import RandomPicks
from treefolio.sweep.robustness.spread import NUMBERS, QUANTILES, Spread
from treefolio.sweep.robustness.starts import Starts
from treefolio.sweep.spreadsheet import write_csv

JSON = "robustness.json"
POINTS = 120
"""Sessions at which the JSON gives the bands; all of them are on the page."""


def write_robustness(found: Robustness, report: str, out: Path) -> None:
    """Writes the folder; ``report`` is the page.

    Raises:
        OutputError: ``out`` holds something, or cannot be written; then nothing is left there.
    """
    stats = {"seconds": {**found.result.seconds, **found.seconds}, "peak_memory_bytes": peak_memory()}
    with whole_folder(out) as folder:
        write_text(folder / "manifest.json", to_json(manifest(found)))
        write_text(folder / JSON, to_json(plain(found)))
        write_text(folder / "stats.json", to_json(stats))
        if found.literals is not None:
            frame = table(found.literals)
            write_parquet(frame, folder / "literals.parquet")
            write_csv(frame, folder / "literals.csv")
        write_text(folder / "report.html", report)


def manifest(found: Robustness) -> Mapping[str, object]:
    """That of the run, and what was asked of it."""
    wish = found.wish
    asked = {
        "steps": wish.steps,
        "draws": wish.draws,
        "seed": wish.seed,
        "parts": sorted(wish.parts),
    }
    return {**found.result.manifest, "robustness": asked}


def plain(found: Robustness) -> dict[str, object]:
    """robustness.json: everything as plain data, the single draws left out."""
    return {
        "name": found.result.strategy.name,
        "start": str(found.result.run.sessions[0]),
        "end": str(found.result.run.sessions[-1]),
        "synthetic": found.result.synthetic,
        "metrics": {key: found.result.metrics[key] for key in NUMBERS},
        "monte_carlo": _monte_carlo(found.monte_carlo) if found.monte_carlo else None,
        "literals": _literals(found.literals) if found.literals else None,
        "starts": _starts(found.starts) if found.starts else None,
        "costs": dataclasses.asdict(found.costs) if found.costs else None,
        "timing": dataclasses.asdict(found.timing) if found.timing else None,
        "random_picks": _random_picks(found.random_picks) if found.random_picks else None,
        "reasons": dict(found.reasons),
        "notes": list(found.notes),
    }


def _spread(found: Spread) -> dict[str, object]:
    quantiles = dict(zip(map(str, QUANTILES), found.quantiles, strict=False))
    return {"real": found.real, "quantiles": quantiles, "share_below_real": found.below}


def _monte_carlo(found: MonteCarlo) -> dict[str, object]:
    last = len(found.sessions) - 1
    places = np.unique(np.linspace(0, last, min(last + 1, POINTS)).astype(np.int64))
    return {
        "draws": found.draws,
        "block": found.block,
        "share_of_losses": found.loss,
        "metrics": {key: _spread(each) for key, each in found.spreads.items()},
        "bands": {
            "session": [str(day) for day in found.sessions[places]],
            "real": found.values[places].tolist(),
            **{str(q): found.bands[k, places].tolist() for k, q in enumerate(BANDS)},
        },
    }


def _literals(found: Literals) -> dict[str, object]:
    return {
        "steps": found.steps,
        "start": found.start,
        "metrics": dict(found.base),
        "numbers": len(found.found),
        "rows": found.rows,
        "failed": found.failed,
        "share_worse": found.worse,
        "usual_step": found.usual,
        "cliffs": [each.ladder.id for each in found.cliffs],
        "fragile": [_sensitivity(each) for each in found.alive],
        "dead": [
            {"handle": each.ladder.id, "value": each.ladder.value, "text": each.ladder.text}
            for each in found.dead
        ],
        "left_out": dict(found.left_out),
    }


def _sensitivity(each: Sensitivity) -> dict[str, object]:
    ladder = each.ladder
    return {
        "handle": ladder.id,
        "kind": ladder.kind,
        "text": ladder.text,
        "uses": ladder.uses,
        "value": ladder.value,
        "step": ladder.step,
        "step_rule": ladder.rule,
        "drop": each.drop,
        "lowest_at": None if each.lowest is None else each.lowest.value,
        "fall": each.fall,
        "fall_between": None if each.edge is None else [point.value for point in each.edge],
        "cliff_score": each.cliff,
        "is_cliff": each.is_cliff,
        "moved_to": [point.value for point in each.moved],
        "sharpe": [point.sharpe for point in each.moved],
    }


def _starts(found: Starts) -> dict[str, object]:
    return {
        "caveat": found.caveat,
        "worst": found.worst.session,
        "best": found.best.session,
        "starts": [dataclasses.asdict(each) for each in found.found],
        "rolling": [dataclasses.asdict(each) for each in found.rolling],
    }


def _random_picks(found: RandomPicks) -> dict[str, object]:
    return {
        "draws": found.draws,
        "moves": found.moves,
        "lookback": found.lookback,
        "spells": found.spells,
        "portfolios": found.portfolios,
        "mean_length": found.mean_length,
        "reason": found.reason,
        "sharpe": _spread(found.sharpe),
        "cagr": _spread(found.cagr),
        "p_sharpe": found.p_sharpe,
        "p_cagr": found.p_cagr,
    }
