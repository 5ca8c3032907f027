"""``treefolio walkforward``: choose on some sessions, judge on others, over all combinations of a sweep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import fail, show
from treefolio.cli.asked import keep_snapshot, one_of, selection
from treefolio.cli.fail import clean
from treefolio.cli.flags import (
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
from treefolio.cli.progress import stoppable
from treefolio.cli.sweep import Latest, Varied, combinations, threads_of
from treefolio.cli.sweep import plan as plan_rows
from treefolio.cli.tables import Column, print_table
from treefolio.errors import RunError, UsageError

if TYPE_CHECKING:
    from treefolio.sweep.walkforward.folds import Scheme
    from treefolio.sweep.walkforward.plan import PlannedWalk
    from treefolio.sweep.walkforward.result import FoldResult, PathResult, WalkForward, Winner

SCHEMES = ("walkforward", "cpcv")
MOST_LINES = 40
"""Folds that are listed; the others are in folds.parquet."""
KERNEL = "best_rows"
HALF = 0.5
"""Efficiency from which on a strategy is worth a second look, by Pardo's rule of thumb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """Which sessions choose, which judge, and by what."""

    train: Annotated[
        str | None, Option("--train", metavar="LENGTH", help="Sessions that choose: 3y, 6m, 126d.")
    ] = None
    test: Annotated[
        str | None, Option("--test", metavar="LENGTH", help="Sessions that judge, after them.")
    ] = None
    step: Annotated[str | None, Option("--step", metavar="LENGTH", help="To the next fold [as --test].")] = (
        None
    )
    anchored: Annotated[bool, Option("--anchored", help="Every training begins at the start.")] = False
    by: Annotated[
        str, Option("--by", metavar="KEY", help="The metric that chooses, or -KEY for its other end.")
    ] = "sharpe"
    scheme: Annotated[
        str, Option(metavar="walkforward|cpcv", help="cpcv: combinatorial purged cross-validation.")
    ] = "walkforward"
    groups: Annotated[int | None, Option(metavar="N", help="Of cpcv: groups of sessions [10].")] = None
    test_groups: Annotated[
        int | None, Option(metavar="K", help="Of cpcv: groups that judge at a time [2].")
    ] = None
    purge: Annotated[
        str | None, Option(metavar="5d", help="Of cpcv: sessions left out around tests [0].")
    ] = None
    embargo: Annotated[str | None, Option(metavar="5d", help="Of cpcv: more of them after tests [0].")] = None


@spread
def verb(
    strategy: StrategyFile,
    out: Out,
    prices: Prices,
    period: Period,
    trading: Trading,
    selected: Selection,
    choosing: Choosing,
    vary: Varied = None,
    sets: Sets = None,
    threads: Threads = 0,
    latest_start: Latest = None,
) -> int:
    """Choose the best combination on some sessions, and judge it on those that follow."""
    threads = threads_of(threads)
    how = scheme_of(choosing)
    from treefolio.report.walk_page import walk_page, whole_sample  # noqa: PLC0415 - heavy
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy
    from treefolio.sweep.output import write_report  # noqa: PLC0415 - heavy
    from treefolio.sweep.walkforward.files import write_walk  # noqa: PLC0415 - heavy
    from treefolio.sweep.walkforward.plan import criterion, plan_walk  # noqa: PLC0415 - heavy

    criterion(choosing.by, how)
    require_free(out)
    planned, notes = plan_rows(
        strategy, prices, period, trading, vary or [], sets or [], latest_start, selection(selected)
    )
    if planned.supplied is not None:
        keep_snapshot(planned.supplied, planned.prepared.question.end)
    walk = plan_walk(planned, how, choosing.by)
    announce(walk, threads, notes)
    write_walk(result := work(walk, threads), out)
    report = write_report(out, walk_page(result, whole_sample(walk, result)))
    summarise(result, (*planned.prepared.notes, *walk.folds.notes))
    show.say(f"Files: {out}, to begin with {report} and {out / 'walkforward.json'}")
    _require_choice(result)
    return 0


def _require_choice(result: WalkForward) -> None:
    """Nothing, when some fold has a winner."""
    if all(fold.winner is None for fold in result.folds):
        raise RunError(
            f"no fold could choose: {result.by} is defined for no row on any training",
            hint="Take longer --train, another --by, or look at the rows with `treefolio sweep`.",
        )


def scheme_of(flags: Choosing) -> Scheme:
    """The scheme that the flags ask for.

    Raises:
        UsageError: one is missing, is of the other scheme, or has no meaning.
    """
    one_of(flags.scheme, SCHEMES, "--scheme")
    rolling = {
        "--train": flags.train,
        "--test": flags.test,
        "--step": flags.step,
        "--anchored": flags.anchored or None,
    }
    combined = {
        "--groups": flags.groups,
        "--test-groups": flags.test_groups,
        "--purge": flags.purge,
        "--embargo": flags.embargo,
    }
    if flags.scheme == "walkforward":
        _none_of(combined, flags.scheme)
        return _rolling(flags.train, flags.test, flags.step, anchored=flags.anchored)
    _none_of(rolling, flags.scheme)
    return _combinatorial(flags.groups, flags.test_groups, flags.purge, flags.embargo)


def _none_of(flags: Mapping[str, object], scheme: str) -> None:
    """Nothing, when none of the other scheme's flags is given."""
    for flag, given in flags.items():
        if given is not None:
            other = next(name for name in SCHEMES if name != scheme)
            raise UsageError(f"{flag} is of --scheme {other}", hint=f"Leave it out, or add --scheme {other}.")


def _rolling(train: str | None, test: str | None, step: str | None, *, anchored: bool) -> Scheme:
    from treefolio.sweep.lengths import parse_length  # noqa: PLC0415 - heavy
    from treefolio.sweep.walkforward.folds import Rolling  # noqa: PLC0415 - heavy

    if train is None or test is None:
        missing = "--train" if train is None else "--test"
        raise UsageError(
            f"{missing} is not given", hint="Such as --train 3y --test 6m; --step is as long as --test."
        )
    return Rolling(
        train=parse_length(train, "--train"),
        test=parse_length(test, "--test"),
        step=parse_length(test if step is None else step, "--step"),
        anchored=anchored,
    )


def _combinatorial(
    groups: int | None, test_groups: int | None, purge: str | None, embargo: str | None
) -> Scheme:
    from treefolio.sweep.lengths import parse_sessions  # noqa: PLC0415 - heavy
    from treefolio.sweep.walkforward.folds import Combinatorial  # noqa: PLC0415 - heavy

    return Combinatorial(
        groups=10 if groups is None else groups,
        test_groups=2 if test_groups is None else test_groups,
        purge=parse_sessions(purge or "0", "--purge"),
        embargo=parse_sessions(embargo or "0", "--embargo"),
    )


def announce(walk: PlannedWalk, threads: int, notes: tuple[str, ...]) -> None:
    """What is about to be done and what it will take, before it is done."""
    from treefolio import kernels  # noqa: PLC0415 - it says where the cache is

    prepared, folds = walk.planned.prepared, walk.folds
    show.say(prepared.strategy.name, style="bold")
    if prepared.panel.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.say(combinations(walk.planned.space))
    show.say(
        f"{prepared.sessions[0]} to {prepared.sessions[-1]}, {prepared.window.sessions:,} sessions; "
        f"the start: {prepared.window.cause}"
    )
    if not kernels.is_cached(KERNEL):
        show.tell("Compiling the kernel of walk-forward, once: about 20 s.")
    seconds = walk.search.estimate(threads)
    count = len(folds.folds)
    show.say(
        f"{count} fold{'s' if count > 1 else ''}, chosen by {walk.by}; estimate: "
        f"{show.duration(seconds)} on {threads} thread{'s' if threads > 1 else ''}"
    )
    show.notes((*prepared.notes, *folds.notes, *notes))


def work(walk: PlannedWalk, threads: int) -> WalkForward:
    """The finished walk-forward.

    Raises:
        Halted: Ctrl-C; nothing is kept.
    """
    from treefolio.settings import home  # noqa: PLC0415 - with the others
    from treefolio.sweep.many import Stopped  # noqa: PLC0415 - heavy

    with stoppable(walk.planned.space.size) as (progress, stop):
        try:
            return walk.run(threads=threads, progress=progress, stop=stop, home=home())
        except Stopped as error:
            raise fail.Halted(error.message, hint=error.hint) from None


def summarise(result: WalkForward, told: Collection[str]) -> None:
    """The folds, the stitched curve, efficiency, stability, and notes that were not told before."""
    show_folds(result)
    show.notes(note for note in result.notes if note not in told)
    if result.failed or result.skipped:
        show.say(
            f"{result.failed:,} of {result.rows:,} combinations failed, {result.skipped:,} were skipped; "
            "`treefolio sweep` says why",
            style="yellow",
        )
    if len(result.paths) == 1:
        show.say(f"Out of sample, stitched: {_path(result.paths[0], result)}")
    else:
        show_paths(result)
    show.say(_efficiency(result))
    for each in result.stability:
        wins = sorted(zip(each.wins, each.values, strict=True), key=lambda pair: -pair[0])
        shown = ", ".join(f"{value} {count}×" for count, value in wins[:3] if count)
        more = sum(count > 0 for count, _ in wins) - 3
        moved = "" if each.changed is None else f"; changed in {_percent(each.changed)} of the steps"
        steps = "" if each.mean_step is None else f", by {each.mean_step:.1f} positions on average"
        show.say(f"  {each.variable}: {shown or 'none'}{_others(more)}{moved}{steps}")
    if result.whole is not None:
        show.say(f"Best of the whole sample, which has seen every test: {_winner(result.whole, result)}")
    if result.current is not None:
        show.say(f"To trade next, by the same rule: {_winner(result.current, result)}")


def _others(count: int) -> str:
    return "" if count < 1 else " and 1 other" if count == 1 else f" and {count} others"


def show_folds(result: WalkForward) -> None:
    """A line for each fold."""
    variables = list(result.space.axes)
    needed = ["fold", "test", *variables, f"{result.by} in", f"{result.by} out"]
    heads = [*needed, "a year in", "a year out", "efficiency"]
    lines = [_cells(fold, variables, result.by) for fold in result.folds[:MOST_LINES]]
    columns = [
        Column(head=clean(head), cells=cells, optional=k >= len(needed))
        for k, (head, cells) in enumerate(zip(heads, zip(*lines, strict=True), strict=True))
    ]
    print_table(show.out(), columns, "folds.csv")
    if (more := len(result.folds) - MOST_LINES) > 0:
        show.say(f"… and {more} more in folds.parquet")


def _cells(fold: FoldResult, variables: list[str], by: str) -> list[str]:
    spans = [f"{span.first} to {span.last}" for span in fold.test]
    test = spans[0] if len(spans) == 1 else f"{spans[0]} and {len(spans) - 1} more"
    test += "" if fold.complete else " (short)"
    winner, outside = fold.winner, fold.out_of_sample
    if winner is None or outside is None:
        return [str(fold.number), test, *("–" for _ in variables), *("–" for _ in range(5))]
    chosen = [clean(str(winner.assignment[name])) for name in variables]
    pairs = [show.number(key, found[key]) for key in (by, "cagr") for found in (winner.metrics, outside)]
    return [str(fold.number), test, *chosen, *pairs, _percent(fold.efficiency)]


def _path(path: PathResult, result: WalkForward) -> str:
    if path.metrics is None:
        return "nothing, because no fold could choose"
    shown = dict.fromkeys(("cagr", result.by, "sharpe", "max_drawdown"))
    numbers = ", ".join(f"{key} {show.number(key, path.metrics[key])}" for key in shown)
    return f"{path.sessions:,} sessions, {numbers}"


def show_paths(result: WalkForward) -> None:
    """A line for each path of combinatorial cross-validation."""
    for path in result.paths[:MOST_LINES]:
        show.say(f"Path {path.number}: {_path(path, result)}")
    if (more := len(result.paths) - MOST_LINES) > 0:
        show.say(f"… and {more} more in walkforward.json")


def _efficiency(result: WalkForward) -> str:
    found = result.efficiency
    if found.in_sample is None:
        return "Efficiency: none, because no fold could choose"
    both = f"{show.number('cagr', found.out_of_sample)} a year out of sample"
    both += f" against {show.number('cagr', found.in_sample)} in sample"
    if found.ratio is None:
        return f"Efficiency: none, because the winners earn nothing in sample: {both}"
    verdict = "at least half, as the rule of thumb wants" if found.ratio >= HALF else "less than half"
    return f"Efficiency: {_percent(found.ratio)}, {verdict}: {both}"


def _winner(winner: Winner, result: WalkForward) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in winner.assignment.items())
    return f"row {winner.row:,} ({values}), {result.by} {show.number(result.by, winner.value)} there"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:,.0f} %"
