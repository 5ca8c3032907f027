"""``treefolio sweep``: every combination of some variables' values, to a folder of rows."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Option

from treefolio.cli import fail, show
from treefolio.cli.asked import Asker, blaming_values, day, imported, keep_snapshot, note_import, selection
from treefolio.cli.flags import (
    AsCsv,
    Out,
    Period,
    Prices,
    Selection,
    Sets,
    StrategyFile,
    Threads,
    Trading,
    spread,
)
from treefolio.cli.progress import resumable, stoppable
from treefolio.cli.run import EngineName
from treefolio.errors import RunError, SpaceError, TreefolioError, UsageError

if TYPE_CHECKING:
    from treefolio.sweep.assignments import Sample
    from treefolio.sweep.many import Planned, Swept
    from treefolio.sweep.space import Space

BEST = 5
REALITY = {"White": "white", "Hansen": "spa_consistent"}
"""Tests of the best rows, and where their p-values stand."""
Varied = Annotated[
    list[str] | None,
    Option("--vary", metavar="NAME=SPEC", help="70:85:1, 5,10,14 or TQQQ,SOXL; repeatable."),
]
Latest = Annotated[str | None, Option(metavar="DATE", help="Skip combinations that need a later start.")]
Reality = Annotated[
    int, Option("--reality", metavar="K", help="Test the best K rows together, as White and Hansen do.")
]
ExactPbo = Annotated[
    bool, Option("--exact-pbo", help="All splits behind the probability of overfitting, not a sample.")
]


@spread
def verb(
    strategy: StrategyFile,
    out: Out,
    prices: Prices,
    period: Period,
    trading: Trading,
    selected: Selection,
    vary: Varied = None,
    sets: Sets = None,
    engine: EngineName = "compiled",
    threads: Threads = 0,
    processes: Annotated[
        bool, Option("--processes", help="As many processes as --threads says, instead of threads.")
    ] = False,
    resume: Annotated[bool, Option("--resume", help="Go on with an interrupted sweep.")] = False,
    latest_start: Latest = None,
    csv: AsCsv = False,
    reality: Reality = 0,
    exact_pbo: ExactPbo = False,
) -> int:
    """Backtest every combination of some values."""
    if engine != "compiled":
        raise UsageError(f"a sweep cannot use the engine {engine!r}", hint="Leave --engine out.")
    require_some(reality)
    threads = threads_of(threads)
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy

    if not resume:
        require_free(out, resumable=True)
    with resumable(out):
        planned, notes = plan(
            strategy, prices, period, trading, vary or [], sets or [], latest_start, selection(selected)
        )
        if planned.supplied is not None:
            keep_snapshot(planned.supplied, planned.prepared.question.end)
        announce(planned, threads, (*planned.prepared.notes, *notes), processes)
        swept = work(
            planned,
            out,
            threads=threads,
            resume=resume,
            processes=processes,
            reality=reality,
            exact=exact_pbo,
        )
        if csv:
            from treefolio.sweep.output import write_csvs  # noqa: PLC0415 - heavy

            write_csvs({"rows": swept.rows.collect()}, out)
        return finish(swept, planned, out)


def threads_of(asked: int) -> int:
    """As many as were asked for; 0 stands for one for each processor.

    Raises:
        UsageError: fewer than none.
    """
    if asked < 0:
        raise UsageError(f"--threads {asked} is below 1", hint="Leave it out for one per processor.")
    return asked or os.cpu_count() or 1


def _of_ours(specs: dict[str, str]) -> dict[str, str]:
    """The specifications. Raises UsageError: one is the name of a list that a service keeps."""
    for name, spec in specs.items():
        if spec.startswith("@"):
            raise UsageError(
                f"--vary {name}={spec}: a service keeps such lists, for `treefolio jobs submit`",
                hint=f"`treefolio lists show {shlex.quote(spec[1:])}` prints the values to write here.",
            )
    return specs


def plan(
    path: Path,
    prices: Prices,
    period: Period,
    trading: Trading,
    vary: list[str],
    sets: list[str],
    latest_start: str | None = None,
    select: Path | Sample | None = None,
) -> tuple[Planned, tuple[str, ...]]:
    """The sweep that the flags ask for, ready to begin, and notes on it."""
    from treefolio.sweep.ask import answer, pairs, values  # noqa: PLC0415 - heavy
    from treefolio.sweep.assignments import open_selection  # noqa: PLC0415 - heavy
    from treefolio.sweep.constants import constants_note  # noqa: PLC0415 - heavy
    from treefolio.sweep.many import plan_sweep  # noqa: PLC0415 - heavy

    asker = Asker(prices, period, trading)
    latest = day(latest_start, "--latest-start")
    specs, fixed = _of_ours(pairs(vary, "--vary")), values(sets)
    tree = imported(path, period.empty).strategy
    note_import(tree)
    opened, space = open_selection(tree, specs, fixed, select)
    if not space.axes:
        raise SpaceError(
            "nothing varies", hint="Add --vary NAME=SPEC; `treefolio inspect` lists variables and handles."
        )
    show.compile_kernels()
    question = asker(opened, {**space.axes, **{name: (value,) for name, value in space.fixed.items()}})
    with blaming_values():
        planned, notes = answer(
            question,
            lambda asked: plan_sweep(tree, asked, vary=specs, fix=fixed, select=select, latest_start=latest),
            wished=asker.wished,
        )
    assert asker.supplied is not None
    alike = constants_note(planned.prepared.strategy, planned.space.axes)
    return replace(planned, supplied=asker.supplied), (*asker.supplied.notes, *notes, *alike)


def announce(planned: Planned, threads: int, notes: tuple[str, ...], processes: bool = False) -> None:
    """What is about to be done and what it will take, before it is done."""
    estimate = planned.estimate(threads)
    worker = ("process" if processes else "thread") + ("" if threads == 1 else "es" if processes else "s")
    prepared = planned.prepared
    show.say(prepared.strategy.name, style="bold")
    if prepared.panel.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    window = prepared.window
    show.say(combinations(planned.space))
    show.say(
        f"{prepared.sessions[0]} to {prepared.sessions[-1]}, {window.sessions:,} sessions; "
        f"the start: {window.cause}"
    )
    show.say(
        f"Estimate: {show.duration(estimate.seconds)} on {threads} {worker}, "
        f"{show.megabytes(estimate.bytes)} of memory"
    )
    show.notes(notes)


def combinations(space: Space) -> str:
    """How many there are, of which grid, and how they were chosen."""
    sizes = " × ".join(f"{name} {len(values):,}" for name, values in space.axes.items())
    if space.origin is None:
        return f"{space.size:,} combinations: {sizes}"
    from treefolio.sweep.assignments import described  # noqa: PLC0415 - heavy

    return f"{space.size:,} of {space.grid:,} combinations, {described(space.origin)}: {sizes}"


def work(
    planned: Planned,
    out: Path,
    *,
    threads: int,
    resume: bool,
    processes: bool = False,
    reality: int = 0,
    exact: bool = False,
) -> Swept:
    """The finished sweep.

    Raises:
        Halted: Ctrl-C; what is done is kept.
        TreefolioError: a process of the sweep ended before its time; what is done is kept.
    """
    from treefolio.settings import home  # noqa: PLC0415 - with the others
    from treefolio.sweep.many import Stopped  # noqa: PLC0415 - heavy
    from treefolio.sweep.remote import processes as pool  # noqa: PLC0415 - heavy

    with ExitStack() as stack:
        progress, stop = stack.enter_context(stoppable(planned.space.size))
        executor = stack.enter_context(pool(threads)) if processes else None
        try:
            return planned.run(
                out,
                threads=threads,
                resume=resume,
                progress=progress,
                stop=stop,
                executor=executor,
                reality=reality,
                exact=exact,
                home=home(),
            )
        except Stopped as error:
            raise fail.Halted(error.message, hint=error.hint) from None
        except BrokenExecutor:
            raise TreefolioError(
                "a process of the sweep ended before its time",
                hint=f"What is done is kept in {out}: --resume goes on; fewer --threads need less memory.",
            ) from None


def require_some(reality: int) -> None:
    """Nothing, when so many rows can be tested. Raises UsageError."""
    if reality < 0:
        raise UsageError(f"--reality {reality} is below 1", hint="Say how many of the best rows to test.")


def finish(swept: Swept, planned: Planned, out: Path) -> int:
    """Writes the report, and prints the best rows, failures and where the files are."""
    from treefolio.report import SweepSummary, sweep_page  # noqa: PLC0415 - heavy
    from treefolio.sweep.output import write_report  # noqa: PLC0415 - heavy

    summary = SweepSummary.of(planned, swept)
    counts = summary.counts
    report = write_report(out, sweep_page(summary))
    rate = float(str(swept.stats["rows_per_second"]))
    seconds = dict(swept.stats["seconds"])["execution"]  # type: ignore[call-overload]
    show.say(f"Done in {show.duration(seconds)}: {rate:,.0f} combinations a second")
    if counts["ok"]:
        show.say(f"The best {min(BEST, counts['ok'])} by sharpe:")
        show.rows(swept.top("sharpe", BEST), "sharpe", list(swept.space.axes))
    show_selection(swept.selection, planned.prepared.window.sessions)
    show_reasons(swept, counts)
    if planned.supplied is not None:
        show.fetched(planned.supplied)
    show.say(f"Files: {out}, to begin with {report}")
    if counts["ok"]:
        return 0
    raise RunError("no combination could be run", hint="The reasons are above, and in rows.parquet.")


def show_selection(said: Mapping[str, Any], sessions: int) -> None:
    """Whether the best row is more than luck, as ``selection.json`` of so many sessions says."""
    from treefolio.report.luck import read_luck  # noqa: PLC0415 - heavy
    from treefolio.report.verdict import findings, verdict  # noqa: PLC0415 - heavy

    best, trials = said["best"], said["trials"]
    if best is not None:
        show.say(
            f"Luck: the best of {trials:,} independent trials without skill shows a Sharpe ratio of "
            f"{said['expected_max_sharpe']:.2f} on average; the best here has {best['sharpe']:.2f}."
        )
        overfit = _percent(said["pbo"]) + (f" ± {_percent(said['pbo_error'])}" if said["pbo_error"] else "")
        if best["dsr"] is not None:
            show.say(
                f"Of trials that scatter as these do it is {said['sharpe_threshold']:.2f}. The deflated "
                f"Sharpe ratio, the probability that the best is truly above that: {_percent(best['dsr'])}."
            )
        show.say(f"Probability of overfitting: {overfit}.")
        show.say(verdict(findings(read_luck(said), sessions)))
    if said["lineage_sweeps"] is not None and said["lineage_trials"] > trials:
        show.say(
            f"Over {said['lineage_sweeps']:,} sweeps of this strategy: {said['lineage_trials']:,} trials, of "
            f"which the best is expected to show {said['lineage_expected_max_sharpe']:.2f} without skill."
        )
    if tested := said.get("reality"):
        values = (
            f"{name} {_p_value(tested[key], tested['draws'])}"
            for name, key in REALITY.items()
            if tested[key] is not None
        )
        show.say(
            f"The best {tested['models']:,} against {tested['against']}, p-values: "
            + (", ".join(values) or f"none, for {tested['reason']}")
        )
    show.notes(note for note in (said["note"], said["lineage_note"]) if note)


def _p_value(p: float, draws: int) -> str:
    """A p-value; 0 means that it is less than one draw can tell."""
    return f"{p:.3f}" if p else f"below {1 / draws:.3g}"


def _percent(share: float | None) -> str:
    return "unknown" if share is None else f"{100 * share:.1f} %"


def show_reasons(swept: Swept, counts: Mapping[str, int]) -> None:
    """How many rows are not ok, with the commonest reasons."""
    import polars as pl  # noqa: PLC0415 - heavy

    for status in ("failed", "skipped"):
        if not counts[status]:
            continue
        show.say(f"{counts[status]:,} {status}, as the column reason of rows.parquet says:", style="yellow")
        reasons = swept.rows.filter(pl.col("status") == status).group_by("reason").len()
        commonest = reasons.sort("len", "reason", descending=[True, False]).head(3).collect()
        for reason, count in commonest.iter_rows():
            show.say(f"  {count:,} × {reason}", style="yellow")
