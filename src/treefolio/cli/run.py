"""``treefolio run``: one backtest, its numbers on the screen and its files in a folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from typer import Option

from treefolio.cli import show
from treefolio.cli.asked import Asked, ask, blaming_values, day, first_seen_on, keep_snapshot, one_of
from treefolio.cli.flags import AsCsv, Out, Period, Prices, Sets, StrategyFile, Trading, spread

if TYPE_CHECKING:
    from treefolio.sweep.single import Result

ENGINES = ("compiled", "reference")
EngineName = Annotated[
    str, Option("--engine", metavar="compiled|reference", help="reference: plain loops, slow, the judge.")
]
Since = Annotated[
    str | None,
    Option(
        "--out-of-sample-from",
        metavar="DATE",
        help="From here on its author knew no price [the day on which it was first run like this].",
    ),
]
QuantStats = Annotated[
    bool, Option("--quantstats", help="QuantStats' own tear sheet too; needs the extra quantstats.")
]


@spread
def verb(
    strategy: StrategyFile,
    out: Out,
    prices: Prices,
    period: Period,
    trading: Trading,
    sets: Sets = None,
    engine: EngineName = "compiled",
    out_of_sample_from: Since = None,
    quantstats: QuantStats = False,
    csv: AsCsv = False,
) -> int:
    """Backtest one strategy."""
    from treefolio.sweep.files import require_free  # noqa: PLC0415 - heavy
    from treefolio.sweep.output import write_csvs, write_run  # noqa: PLC0415 - heavy

    one_of(engine, ENGINES, "--engine")
    since = day(out_of_sample_from, "--out-of-sample-from")
    if quantstats:
        from treefolio.report.quantstats_page import require_quantstats  # noqa: PLC0415 - only here

        require_quantstats()
    require_free(out)
    asked = ask(strategy, prices, period, trading, sets or [])
    keep_snapshot(asked.supplied, asked.question.end)
    show.compile_kernels()
    result = backtest(asked, engine)
    from treefolio.report import run_page  # noqa: PLC0415 - heavy

    write_run(result, run_page(result, since or first_seen_on(result.strategy)), out, asked.supplied)
    if csv:
        write_csvs({"equity": result.equity, "weights": result.weights, "trades": result.trades}, out)
    summarise(result)
    show.fetched(asked.supplied)
    show.say(f"Files: {out}, to begin with {out / 'report.html'}")
    if quantstats:
        from treefolio.report.quantstats_page import write_quantstats  # noqa: PLC0415 - heavy

        write_quantstats(result, out)
    return 0


def backtest(asked: Asked, engine: str) -> Result:
    """The result, without a benchmark where that was nobody's wish."""

    from treefolio.sweep.ask import answer  # noqa: PLC0415 - heavy
    from treefolio.sweep.single import run  # noqa: PLC0415 - heavy

    with blaming_values():
        result, notes = answer(
            asked.question,
            lambda question: run(asked.strategy, question, asked.values, engine),  # type: ignore[arg-type]
            wished=asked.wished,
        )
    return replace(result, notes=(*asked.supplied.notes, *result.notes, *notes))


def summarise(result: Result) -> None:
    """Name, window, headline metrics and notes, on standard output."""
    run, window = result.run, result.prepared.window
    show.say(result.strategy.name, style="bold")
    if result.synthetic:
        show.say(show.SYNTHETIC, style="bold yellow")
    show.say(
        f"{run.sessions[0]} to {run.sessions[-1]}, {window.sessions:,} sessions; "
        f"the start: {window.cause}; fills at {result.prepared.question.execution.fill}; "
        f"engine {result.engine}"
    )
    show.metrics(result.metrics)
    if later := if_later(result):
        show.say(later)
    show.notes(result.notes)


def if_later(result: Result) -> str | None:
    """What is left if it trades one close later than it decides, and that trading was free.

    None where it does not trade at that close, or cannot trade later.
    """
    from treefolio.sweep.single import filled_later  # noqa: PLC0415 - heavy

    execution = result.prepared.question.execution
    found = filled_later(result) if execution.fill == "close" else None
    if found is None:
        return None
    ratio, yearly = (show.number(key, found[key]) for key in ("sharpe", "annualized_return"))
    free = " No costs were assumed; --slippage-bps adds them." if execution.costs.free else ""
    return f"Filled at the next close instead: Sharpe ratio {ratio}, {yearly} a year.{free}"
