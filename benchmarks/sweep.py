"""How fast Treefolio is here: ``make bench``, or ``python benchmarks/sweep.py [NAME …]``.

Each line is a rate on this machine, now. Rates compare only within one run of this program; that is why
the floor (the metrics kernel alone) and vectorbt, where it is installed, are measured in the same run.

With the private reference data beside the checkout (or at ``TREEFOLIO_SHARED``) the big strategies are the
real ones; otherwise a generated tree of the same shape stands in, and says so.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from treefolio.engine.execution import Costs, Execution
from treefolio.engine.question import Question
from treefolio.formats import read
from treefolio.graph.build import build
from treefolio.graph.derive import tickers
from treefolio.indicators import SIGNATURES
from treefolio.market.files import read_panel
from treefolio.market.panel import Panel
from treefolio.market.synthetic import synthetic_panel, synthetic_tickers
from treefolio.metrics import METRICS, measure
from treefolio.strategy.handles import handles
from treefolio.strategy.tree import (
    Asset,
    Cash,
    Constraint,
    Equal,
    If,
    Node,
    Reading,
    Rebalance,
    Specified,
    Strategy,
    Term,
    Var,
    Variable,
)
from treefolio.sweep.block import Worker
from treefolio.sweep.many import Planned, plan_sweep
from treefolio.sweep.single import run

SHARED = Path(os.environ.get("TREEFOLIO_SHARED", Path(__file__).parents[2] / "shared"))
START, END = dt.date(2020, 1, 2), dt.date(2024, 12, 31)
THREADS = 2


def machine() -> str:
    """One line about where this runs."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}"


def say(what: str, figure: str) -> None:
    """One line of the table."""
    print(f"  {what:<66} {figure}", flush=True)


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """The median time of some repetitions."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def generated_tree(panel: Panel, rng: np.random.Generator) -> Strategy:
    """A tree of the shape of a real one: thousands of nodes, of which a tenth are distinct.

    About a hundred conditions; blocks of nested choices that stand in dozens of places, as people copy them.
    """
    funds = ("TQQQ", "SOXL", "UPRO", "TECL", "SQQQ", "UVXY", "TLT", "TMF", "BIL", "GLD", "UUP", "EDC", "SPXL")
    names = [name for name in funds if name in panel]
    windows = [Reading("price", (), "SPY") > Reading("sma", (n,), "SPY") for n in range(20, 200, 9)]
    levels = [Reading("rsi", (10,), name) > level for name in names for level in (31, 35, 70, 75, 79, 81)]
    gates = windows + levels

    def block(depth: int) -> Node:
        node: Node = Asset(str(rng.choice(names)))
        for _ in range(depth):
            other = Asset(str(rng.choice(names)))
            node = Equal((If(gates[int(rng.integers(len(gates)))], other, node),))
        return node

    pool = [block(9) for _ in range(12)]

    def group() -> Node:
        picks = rng.choice(len(pool), 14)
        return Equal(tuple(If(windows[int(k)], pool[int(k)], pool[int(k) - 1]) for k in picks))

    groups = tuple(group() for _ in range(6))
    return Strategy(name="generated", root=Specified(groups, (35, 25, 15, 10, 10, 5)))


def big_strategy() -> tuple[Strategy, Panel, str]:
    """Anansi on real prices, or what stands in for it."""
    if (SHARED / "strategies").exists():
        strategy = read(SHARED / "strategies" / "composer_json" / "anansi_strategy.json").strategy
        held, seen = tickers(build(strategy).graph, {})
        panel = read_panel([SHARED / "prices" / "etf_daily.parquet"], tickers=held | seen | {"SPY"})
        return strategy, panel, "Anansi"
    panel = synthetic_panel(tickers=synthetic_tickers())
    return generated_tree(panel, np.random.default_rng(1)), panel, "generated tree"


def four_handles(strategy: Strategy) -> dict[str, str]:
    """Four handles and 200,000 combinations: three thresholds and the most used window."""
    found = sorted(handles(strategy, SIGNATURES), key=lambda handle: -handle.uses)
    thresholds = [h for h in found if h.kind == "threshold"][:3]
    window = next(h for h in found if h.kind == "window" and isinstance(h.value, int) and h.value >= 15)
    vary = {h.id: f"{int(h.value) - 10}:{int(h.value) + 9}:1" for h in thresholds}
    return vary | {window.id: f"{int(window.value) - 10}:{int(window.value) + 14}:1"}


def rate(planned: Planned, rows: int, threads: int = 1) -> float:
    """Combinations per second, kernels alone, on so many threads."""
    workers = [Worker(planned.prepared, planned.frame) for _ in range(threads)]
    rows = min(rows, planned.space.size // threads)
    parts = [planned.space.choices(k * rows, (k + 1) * rows) for k in range(threads)]
    for worker, part in zip(workers, parts, strict=True):
        worker.measure(part[:2])

    def work() -> None:
        running = [threading.Thread(target=w.measure, args=(p,)) for w, p in zip(workers, parts, strict=True)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    return rows * threads / seconds(work, 3)


def floor(planned: Planned) -> float:
    """Rows per second of the metrics kernel alone, on one core."""
    worker = Worker(planned.prepared, planned.frame)
    worker.measure(planned.space.choices(0, 1))
    desk, out = worker.machine.desk, np.empty(len(METRICS))
    marks, scratch = planned.frame.marks, worker.scratch

    def work() -> None:
        for _ in range(2_000):
            measure(desk.returns, desk.activity, marks, scratch, out)

    return 2_000 / seconds(work)


def bench_big() -> None:
    """One run, and 200,000 combinations, of a strategy of thousands of nodes."""
    strategy, panel, name = big_strategy()
    question = Question(panel=panel, missing="skip", start=START, end=END)
    run(strategy, question)
    print(f"{name}: {len(METRICS)} metrics a row")
    say("one run again, in process", f"{seconds(lambda: run(strategy, question)) * 1e3:9.1f} ms")
    vary = four_handles(strategy)
    planned = plan_sweep(strategy, question, vary=vary)
    bars = planned.prepared.window.sessions
    say(f"combinations of {', '.join(vary)}", f"{planned.space.size:9,}")
    one, two = rate(planned, 20_000), rate(planned, 20_000, THREADS)
    say("floor: metrics alone, one core", f"{floor(planned):9,.0f} rows/s")
    say("kernels, one core", f"{one:9,.0f} rows/s = {one * bars / 1e6:,.0f} million bars/s")
    say(f"kernels, {THREADS} threads", f"{two:9,.0f} rows/s")
    whole_sweep(planned)
    weekly = replace(strategy, rebalance=Rebalance("weekly"))
    drift = replace(strategy, rebalance=Rebalance("threshold", 0.05))
    slippage = Execution(costs=Costs(slippage_bps=5))
    for label, variant in (("daily", strategy), ("weekly", weekly), ("threshold 5 %", drift)):
        costly = plan_sweep(variant, replace(question, execution=slippage), vary=vary)
        say(f"with slippage, {label}, {THREADS} threads", f"{rate(costly, 1_000, THREADS):9,.0f} rows/s")


def whole_sweep(planned: Planned) -> None:
    """The sweep with its files, and its memory."""
    folder = Path(tempfile.mkdtemp()) / "out"
    try:
        began = time.perf_counter()
        swept = planned.run(folder, threads=THREADS)
        took = time.perf_counter() - began
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    say("the whole sweep with its files", f"{took:9.1f} s = {planned.space.size / took:,.0f} rows/s")
    say("peak memory of the process so far", f"{int(str(swept.stats['peak_memory_bytes'])) / 1e6:9,.0f} MB")


def bench_filters() -> None:
    """Branches that depend on the variables and are ranked by their own value."""
    path = SHARED / "strategies" / "composer_clj" / "ftl_starburst.clj"
    if not path.exists():
        print("filters: skipped, the reference data is not there")
        return
    strategy = read(path).strategy
    held, seen = tickers(build(strategy).graph, {})
    files = [SHARED / "prices" / f"{name}.parquet" for name in ("etf_daily", "extra_daily_adj")]
    question = Question(
        panel=read_panel(files, tickers=held | seen | {"SPY"}),
        missing="skip",
        start=dt.date(2021, 7, 1),
        end=dt.date(2026, 6, 30),
    )
    found = sorted(handles(strategy, SIGNATURES), key=lambda handle: -handle.uses)
    windows = [h for h in found if h.kind == "window" and h.id.startswith("c")][:2]
    vary = {h.id: f"{int(h.value)}:{int(h.value) + 19}:1" for h in windows}
    planned = plan_sweep(strategy, question, vary=vary)
    print(f"ftl_starburst: {len(planned.prepared.plan.graph)} graph nodes, ranked branches are swept")
    say(f"kernels, {THREADS} threads", f"{rate(planned, 100, THREADS):9,.0f} rows/s")


def bench_crossover() -> None:
    """Moving-average crossovers, and vectorbt on the same prices where it is installed."""
    panel = synthetic_panel(tickers=["SPY"], start="2019-06-10", end="2024-12-31")
    windows = tuple(range(2, 143))
    fast, slow = Reading("sma", (Var("fast"),), "SPY"), Reading("sma", (Var("slow"),), "SPY")
    strategy = Strategy(
        name="crossover",
        root=If(fast > slow, Asset("SPY"), Cash()),
        variables=(Variable("fast", windows, 2), Variable("slow", windows, 2)),
        constraints=(Constraint(Term(Var("fast")), "<", Term(Var("slow"))),),
    )
    question = Question(panel=panel, benchmark=None)
    planned = plan_sweep(strategy, question)
    bars = planned.prepared.window.sessions
    print(f"crossover: {planned.space.size:,} window pairs, {bars:,} sessions")
    ours = rate(planned, planned.space.size)
    say(f"all {len(METRICS)} metrics, one core", f"{ours * bars / 1e6:9,.0f} million bars × combinations/s")
    four = plan_sweep(strategy, question, metrics=FOUR)
    ours = rate(four, planned.space.size)
    together = rate(four, planned.space.size // THREADS, THREADS)
    say("four metrics, one core", f"{ours * bars / 1e6:9,.0f} million bars × combinations/s")
    theirs = vectorbt_rate(panel.column("SPY")[-bars:], windows)
    if theirs is None:
        say("vectorbt", "not installed (pip install vectorbt)")
        return
    say("vectorbt, four metrics", f"{theirs * bars / 1e6:9,.2f} million bars × combinations/s")
    say("times vectorbt, four metrics on both sides, one core", f"{ours / theirs:9,.0f}")
    say(f"times vectorbt, {THREADS} threads", f"{together / theirs:9,.0f}")


FOUR = ("cumulative_return", "sharpe", "sortino", "max_drawdown")
"""What vectorbt's recipe is asked for, on both sides."""


def vectorbt_rate(close: np.ndarray, windows: tuple[int, ...]) -> float | None:
    """Combinations per second of vectorbt's own crossover recipe, with four of its metrics."""
    try:
        import pandas as pd  # noqa: PLC0415 - for this benchmark only
        import vectorbt as vbt  # noqa: PLC0415
    except ImportError:
        return None
    prices = pd.Series(close, index=pd.bdate_range("2020-01-02", periods=len(close)))

    def work() -> None:
        fast, slow = vbt.MA.run_combs(prices, window=list(windows), r=2, short_names=["fast", "slow"])
        portfolio = vbt.Portfolio.from_signals(
            prices, fast.ma_crossed_above(slow), fast.ma_crossed_below(slow), freq="1D"
        )
        portfolio.total_return()
        portfolio.sharpe_ratio()
        portfolio.sortino_ratio()
        portfolio.max_drawdown()

    work()
    return len(windows) * (len(windows) - 1) / 2 / seconds(work, 1)


def bench_command() -> None:
    """The command line: help, and the first import."""
    print("command line")
    for label, code in (
        ("treefolio --help", "from treefolio.cli import main; main(['--help'])"),
        ("import treefolio", "import treefolio"),
        ("an empty Python", "pass"),
    ):
        command = [sys.executable, "-c", code]
        took = seconds(lambda c=command: subprocess.run(c, capture_output=True, check=False), 5)
        say(label, f"{took * 1e3:9.0f} ms")


BENCHES: Mapping[str, Callable[[], None]] = {
    "big": bench_big,
    "filters": bench_filters,
    "crossover": bench_crossover,
    "command": bench_command,
}


def main() -> None:
    """Runs the benchmarks named on the command line, or all of them."""
    print(machine())
    for name in sys.argv[1:] or BENCHES:
        BENCHES[name]()


if __name__ == "__main__":
    main()
