"""Reveal: what a chosen row did on the sessions that its result never saw, and a record of having looked.

1. `read_sealed` reads a result's manifest back into a strategy, its values and a question without prices.
2. `choose` picks the row: the best of a sweep, what a walk-forward would trade next, or one by its number.
3. `reveal` checks that the prices are those of the result up to its end, and runs the row over all of them.
   Sessions behind the end are what is revealed; those before are measured again, to stand beside them.
4. `record` adds a line to ``reveals.jsonl`` in the result's folder, before anything is shown, and `remember`
   one below the home folder, for other results of the same strategy.

An end can be looked at once as if it had never been seen. After that it is part of what one chooses by.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from treefolio.engine import window
from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.errors import OutputError, PriceError, TreefolioError, UsageError
from treefolio.indicators import SIGNATURES
from treefolio.market.panel import Panel
from treefolio.strategy.text import parse
from treefolio.strategy.tree import Strategy
from treefolio.sweep import lineage
from treefolio.sweep.ask import answer
from treefolio.sweep.files import explained
from treefolio.sweep.manifest import to_json, versions
from treefolio.sweep.ranking import top
from treefolio.sweep.rows import scan
from treefolio.sweep.single import run
from treefolio.sweep.space import Value
from treefolio.sweep.walkforward.files import JSON
from treefolio.sweep.walkforward.folds import Range
from treefolio.sweep.walkforward.plan import measured
from treefolio.sweep.walkforward.result import HEADLINE, Numbers

RECORD = "reveals.jsonl"
_NUMBER = "\0number"
"""Where a row's number stands: no column has this name."""
_CLOSE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A result whose prices end before others do.

    Attributes:
        strategy: with the variables of `axes` open.
        axes: each varied variable with its values; none for a run.
        end: the last session that the result saw. snapshot: the hash of the prices up to there.
        benchmark: the ticker, or name and hash of a strategy; None for none.
    """

    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)
    strategy: Strategy
    axes: Mapping[str, tuple[Value, ...]]
    start: dt.date
    end: dt.date
    snapshot: str
    benchmark: str | None
    execution: Execution


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The row that is revealed.

    Attributes:
        row: its number, from 0; None for a run.
        why: in words.
        known: metrics that the result has of it, over all that it saw.
    """

    row: int | None
    assignment: Mapping[str, Value]
    why: str
    known: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Revealed:
    """What was seen.

    Attributes:
        first, last, sessions: of what had been held out.
        in_sample, held_out: `treefolio.sweep.walkforward.result.HEADLINE` before and behind the end.
        benchmark: what the benchmark earned there; None without one.
        before: looks at this end before this one, as they were recorded.
        elsewhere: how often some of it was looked at before through other results of the strategy.
    """

    choice: Choice
    first: str
    last: str
    sessions: int
    in_sample: Numbers
    held_out: Numbers
    benchmark: float | None
    snapshot: str
    before: tuple[Mapping[str, Any], ...]
    elsewhere: int
    notes: tuple[str, ...]


def read_sealed(folder: Path) -> Sealed:
    """The result in a folder.

    Raises:
        OutputError: there is none, or its manifest is damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise OutputError(
            f"{folder} holds no result", hint="Give the --out folder of a run, a sweep or a walk-forward."
        )
    with explained(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
        execution = dict(found["execution"])
        execution["costs"] = Costs(**execution["costs"])
        return Sealed(
            folder=folder,
            manifest=found,
            strategy=parse(found["strategy"]["text"], SIGNATURES),
            axes={each["name"]: tuple(each["values"]) for each in found.get("space", _EMPTY)["variables"]},
            start=dt.date.fromisoformat(found["start"]),
            end=dt.date.fromisoformat(found["end"]),
            snapshot=found["prices"]["snapshot"],
            benchmark=found["benchmark"],
            execution=Execution(**execution),
        )
    except (ValueError, KeyError, TypeError, TreefolioError) as error:
        raise OutputError(
            f"{path} is damaged, or of another version: {error}",
            hint="Make the result again, in another --out folder.",
        ) from None


_EMPTY: Mapping[str, list[dict[str, Any]]] = {"variables": []}


def choose(sealed: Sealed, *, row: int | None = None, by: str | None = None) -> Choice:
    """The row with this number, or the best by a metric (sharpe, unless the result says otherwise).

    Raises:
        UsageError: both are given, there is no such row, or the result has no rows to choose from.
        OutputError: the result is not finished, or damaged.
    """
    if row is not None and by is not None:
        raise UsageError("--row and --by exclude each other", hint="Give one of them.")
    if (sealed.folder / JSON).exists():
        return _of_walk(sealed, row, by)
    if "space" in sealed.manifest:
        return _of_sweep(sealed, row, by or "sharpe")
    if row is not None or by is not None:
        raise UsageError(
            f"{sealed.folder} holds one run, so there are no rows to choose from",
            hint="Leave out --row and --by.",
        )
    return Choice(row=None, assignment=sealed.manifest["variables"], why="the run")


def _of_sweep(sealed: Sealed, row: int | None, by: str) -> Choice:
    rows, complete = scan(sealed.folder)
    if not complete:
        raise OutputError(
            f"the sweep in {sealed.folder} is not finished", hint="Finish it with --resume, then reveal."
        )
    numbered = rows.with_row_index(_NUMBER)
    if row is None:
        found, why = top(numbered, by=by, n=1), f"the best by {by}"
    else:
        found, why = numbered.filter(pl.col(_NUMBER) == row).collect(), f"row {row}"
    if not found.height:
        raise UsageError(
            "no row is ok" if row is None else f"there is no row {row}",
            hint="Rows count from 0; report.html says the numbers of the best.",
        )
    line = found.row(0, named=True)
    if line["status"] != "ok":
        raise UsageError(f"row {row} {line['status']}: {line['reason']}", hint="Choose another --row.")
    return Choice(row=int(line[_NUMBER]), assignment=combination(sealed, line), why=why, known=line)


def combination(sealed: Sealed, line: Mapping[str, object]) -> dict[str, Value]:
    """The values of a row's variables, as the manifest spells them."""
    return {
        name: next(value for value in values if value == line[name]) for name, values in sealed.axes.items()
    }


def _of_walk(sealed: Sealed, row: int | None, by: str | None) -> Choice:
    if by is not None:
        raise UsageError(
            "a walk-forward has chosen by its own metric already",
            hint="Leave out --by, or name one of its winners with --row.",
        )
    path = sealed.folder / JSON
    with explained(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        found = json.loads(text)
        winners = [found["current"], found["whole"], *(fold["winner"] for fold in found["folds"])]
        known = [winner for winner in winners if winner is not None]
    except (ValueError, KeyError, TypeError):
        raise OutputError(f"{path} is damaged", hint="Make it again, in another --out folder.") from None
    if row is None and found["current"] is None:
        raise UsageError("the walk-forward chooses no row", hint="Run it again by another metric.")
    wanted = found["current"]["row"] if row is None else row
    for winner in known:
        if winner["row"] == wanted:
            why = "what the walk-forward would trade next" if row is None else f"row {row}"
            return Choice(row=wanted, assignment=winner["assignment"], why=why)
    numbers = ", ".join(str(number) for number in sorted({winner["row"] for winner in known}))
    raise UsageError(f"row {row} won no fold of the walk-forward", hint=f"It knows these: {numbers}.")


def reveal(
    sealed: Sealed,
    choice: Choice,
    panel: Panel,
    benchmark: str | Strategy | None = None,
    home: Path | None = None,
) -> Revealed:
    """What the chosen row did behind the result's end.

    Args:
        panel: prices of exactly the tickers that the result had, as far as there are any.
        benchmark: as the result had it.
        home: the folder that knows of looks through other results; None for none.

    Raises:
        PriceError: up to the end they are other prices. WindowError, MissingPrices, RunError: as a run.
    """
    require_same(sealed, panel)
    question = Question(
        panel=panel,
        start=sealed.start,
        benchmark=benchmark,
        missing=sealed.manifest["missing"],
        execution=sealed.execution,
    )
    open_names = {variable.name for variable in sealed.strategy.variables}  # none: a run's are bound
    chosen = {name: value for name, value in choice.assignment.items() if name in open_names}
    result, notes = answer(question, lambda asked: run(sealed.strategy, asked, chosen), wished=False)
    days, returns = result.run.sessions, result.run.returns
    seen = int(np.searchsorted(days, np.datetime64(sealed.end), side="right")) - 1
    before, behind = (Range(0, seen),), (Range(seen, len(returns)),)
    in_sample = measured(returns, result.prepared, before, HEADLINE)
    rival = result.benchmark
    return Revealed(
        choice=choice,
        first=str(days[seen + 1]),
        last=str(days[-1]),
        sessions=len(returns) - seen,
        in_sample=in_sample,
        held_out=measured(returns, result.prepared, behind, HEADLINE),
        benchmark=None if rival is None else float(rival[-1] / rival[seen]) - 1.0,
        snapshot=panel.content_hash,
        before=looks(sealed.folder),
        elsewhere=0 if home is None else _elsewhere(home, sealed, str(days[seen + 1]), str(days[-1])),
        notes=(*notes, *_other_prices(sealed, panel), *differences(choice, in_sample)),
    )


def require_same(sealed: Sealed, panel: Panel) -> None:
    """Nothing, when the prices are those of the result up to its end, and go further.

    Raises:
        PriceError: they are others, or go no further.
    """
    require_prices(sealed, panel)
    if panel.sessions[-1] <= np.datetime64(sealed.end):
        raise PriceError(
            f"the prices end on {panel.sessions[-1]}, as the result does: nothing was held out",
            session=str(panel.sessions[-1]),
            hint="Keep the end out with --holdout 2y, or give prices that go further.",
        )


def require_prices(sealed: Sealed, panel: Panel) -> None:
    """Nothing, when the prices are those of the result up to its end.

    Raises:
        PriceError: they are others.
    """
    same = sealed.manifest["prices"]
    if window.until(panel, sealed.end).content_hash != sealed.snapshot:
        raise PriceError(
            f"these are not the prices of {sealed.folder}: up to {sealed.end} they differ from its snapshot",
            hint=f"It was made with {same['source']} ({same['basis']}): give the same, with the same flags.",
        )


def _other_prices(sealed: Sealed, panel: Panel) -> tuple[str, ...]:
    """A note when the prices behind the end are not those that were held out then."""
    kept = sealed.manifest.get("holdout")
    if not isinstance(kept, dict) or kept.get("snapshot") == panel.content_hash:
        return ()
    return ("the prices behind the end are others, or go further, than when they were held out",)


def differences(choice: Choice, in_sample: Numbers) -> tuple[str, ...]:
    """A note when the result's own numbers are not found again."""
    for key, value in in_sample.items():
        known = choice.known.get(key)
        if value is None or not isinstance(known, float):
            continue
        if abs(known - value) > _CLOSE * max(1.0, abs(known)):
            return (f"{key} was {known:.6g} in the result and is {value:.6g} now: was it another version?",)
    return ()


def looks(folder: Path) -> tuple[Mapping[str, Any], ...]:
    """Every look that was recorded, in order.

    Raises:
        OutputError: the record is damaged.
    """
    path = folder / RECORD
    if not path.exists():
        return ()
    with explained(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        found = tuple(json.loads(line) for line in lines if line.strip())
    except ValueError:
        found = (None,)
    if not all(isinstance(each, dict) for each in found):
        raise OutputError(f"{path} is damaged", hint="Restore it: it is the only record of what was seen.")
    return found


def _elsewhere(home: Path, sealed: Sealed, first: str, last: str) -> int:
    """How often some of the sessions from first to last were looked at through other results."""
    here = str(sealed.folder.resolve())
    return sum(
        look.get("folder") != here and str(look.get("first")) <= last and str(look.get("last")) >= first
        for look in lineage.looks(home, sealed.strategy)
    )


def record(sealed: Sealed, seen: Revealed, at: dt.datetime) -> dict[str, object]:
    """Adds what was seen to the record; returns the entry.

    Raises:
        OutputError: it cannot be written.
    """
    entry: dict[str, object] = {
        "at": at.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "look": len(seen.before) + 1,
        "looks_elsewhere": seen.elsewhere,
        "row": seen.choice.row,
        "why": seen.choice.why,
        "assignment": dict(seen.choice.assignment),
        "first": seen.first,
        "last": seen.last,
        "sessions": seen.sessions,
        "in_sample": dict(seen.in_sample),
        "held_out": dict(seen.held_out),
        "benchmark": seen.benchmark,
        "snapshot": seen.snapshot,
        "versions": versions(),
    }
    line = json.dumps(json.loads(to_json(entry)), sort_keys=True, ensure_ascii=False)
    path = sealed.folder / RECORD
    with explained(path), path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(line + "\n")
    return entry


def remember(sealed: Sealed, entry: Mapping[str, object], home: Path) -> None:
    """Keeps below ``home``, for other results of the strategy, that this was looked at.

    Raises:
        OutputError: it cannot be written.
    """
    look = {key: entry[key] for key in ("at", "row", "first", "last")}
    with explained(home):
        lineage.enter_look(home, sealed.strategy, look | {"folder": str(sealed.folder.resolve())})
