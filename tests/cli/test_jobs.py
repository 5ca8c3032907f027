"""``treefolio jobs`` against a service that runs: submit, watch, rows, export, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest

from cli_samples import Called, Program, done, write_prices, write_strategy
from service_samples import Served, wait_for
from treefolio.jobs.states import Event, State
from treefolio.service.models import Job

SWEEP = ("--vary", "hot=60:80:5", "--vary", "c1.window=5,10")
SAME = ("manifest.json", "rows.parquet", "summary.json", "selection.json")
SAME_RUN = (
    "manifest.json",
    "metrics.json",
    "equity.parquet",
    "weights.parquet",
    "trades.parquet",
    "report.html",
)
LONG = ("--vary", "hot=1:98.9:0.1", "--vary", "c1.window=2:60:1", "--vary", "c2.right_window=5:60:1")
"""Three million combinations: it is still under way when it is stopped."""


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], served: Served, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    return Program(capsys)


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    return write_strategy(tmp_path)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    return write_prices(tmp_path)


def last_line(called: Called) -> str:
    return done(called).out.splitlines()[-1]


def same(ours: Path, theirs: Path, names: tuple[str, ...]) -> None:
    """The files of two folders are the same, byte for byte, without counts over other sweeps."""
    assert {each.name for each in ours.iterdir()} == {each.name for each in theirs.iterdir()}
    for name in names:
        left, right = (folder.joinpath(name).read_bytes() for folder in (ours, theirs))
        if name == "selection.json":
            left, right = (
                {key: value for key, value in json.loads(each).items() if not key.startswith("lineage")}
                for each in (left, right)
            )
        assert left == right, name


def running(job: str, served: Served) -> Job:
    """The job, as soon as some of its rows are there."""
    with served.client() as client:
        return wait_for(lambda: (found := client.job(UUID(job))).rows_done and found, "a row")


def test_a_sweep_is_the_command_line_s(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Submit prints the id alone on its last line; what is exported is what `sweep` writes."""
    asked = (strategy, *SWEEP, "--prices", prices, "--slippage-bps", "2", "--reality", "3")
    job = last_line(program("jobs", "submit", "sweep", *asked))
    assert UUID(job)
    assert "is done: 10 rows" in done(program("jobs", "watch", job)).out
    done(program("jobs", "export", job, "--out", tmp_path / "ours"))
    done(program("sweep", *asked, "--out", tmp_path / "theirs"))
    same(tmp_path / "ours", tmp_path / "theirs", SAME)


def test_listed_and_sampled_combinations(program: Program, prices: Path, tmp_path: Path) -> None:
    """A file of combinations is read here, a sample drawn there; both give what `sweep` gives."""
    strategy = write_strategy(tmp_path, name="other.yaml")
    (tmp_path / "some.csv").write_text("hot,c1.window\n65,5\n75,9\n60,7\n", encoding="utf-8")
    for number, select in enumerate(
        (("--space", tmp_path / "some.csv"), (*SWEEP, "--sample", "4", "--seed", "7"))
    ):
        asked = (strategy, *select, "--prices", prices, "--end", "2016-06-30")
        job = last_line(program("jobs", "submit", "sweep", *asked))
        done(program("jobs", "watch", job))
        ours, theirs = tmp_path / f"ours{number}", tmp_path / f"theirs{number}"
        done(program("jobs", "export", job, "--out", ours))
        done(program("sweep", *asked, "--out", theirs))
        same(ours, theirs, SAME)


def test_a_run_is_the_command_line_s(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """With its values and its trades."""
    asked = (strategy, "--prices", prices, "--set", "hot=75", "--fill", "next_close")
    job = last_line(program("jobs", "submit", "run", *asked))
    assert "is done: 1 row" in done(program("jobs", "watch", job[:8])).out
    done(program("jobs", "export", job[:8], "--out", tmp_path / "ours"))
    done(program("run", *asked, "--out", tmp_path / "theirs"))
    same(tmp_path / "ours", tmp_path / "theirs", SAME_RUN)
    called = program("jobs", "rows", job)
    assert (called.status, "a run has no rows" in called.err) == (1, True)


def test_the_same_prices_in_another_file(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Are the same snapshot; the manifest names the file that was given."""
    jobs = []
    for name in ("first.parquet", "second.parquet"):
        (tmp_path / name).write_bytes(prices.read_bytes())
        asked = (strategy, "--vary", "hot=60,70", "--prices", tmp_path / name)
        jobs.append(last_line(program("jobs", "submit", "sweep", *asked)))
    done(program("jobs", "watch", jobs[1]))
    done(program("jobs", "export", jobs[1], "--out", tmp_path / "ours"))
    done(program("sweep", *asked, "--out", tmp_path / "theirs"))
    same(tmp_path / "ours", tmp_path / "theirs", SAME)
    assert "second.parquet" in (tmp_path / "ours" / "manifest.json").read_text()


def test_rows(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """The best first, filtered, as JSON and as a file."""
    job = last_line(program("jobs", "submit", "sweep", strategy, *SWEEP, "--prices", prices))
    done(program("jobs", "watch", job))
    page = json.loads(done(program("jobs", "rows", job, "-n", "3", "--json")).out)
    assert (page["label"], page["matching"], len(page["rows"])) == ("final", 10, 3)
    place = [column["name"] for column in page["columns"]].index("sharpe")
    sharpe = [row[place] for row in page["rows"]]
    assert sharpe == sorted(sharpe, reverse=True)
    filtered = json.loads(done(program("jobs", "rows", job, "--where", "hot = 65", "--json")).out)
    assert [row[0] for row in filtered["rows"]] == [65, 65]
    for name in ("best.csv", "best.parquet"):
        done(program("jobs", "rows", job, "--save", tmp_path / name))
    table = pl.read_parquet(tmp_path / "best.parquet")
    assert table["sharpe"].to_list() == pl.read_csv(tmp_path / "best.csv")["sharpe"].to_list()
    assert table["sharpe"][:3].to_list() == sharpe
    assert "hot" in done(program("jobs", "rows", job)).out


def test_a_row_opens_as_a_run(program: Program, strategy: Path, prices: Path, tmp_path: Path) -> None:
    """The same as `run` writes for its combination; a row that there is not is said."""
    job = last_line(program("jobs", "submit", "sweep", strategy, *SWEEP, "--prices", prices))
    done(program("jobs", "watch", job))
    page = json.loads(done(program("jobs", "rows", job, "--by", "calmar", "-n", "2", "--json")).out)
    hot, window, start = page["rows"][1][:3]
    done(program("jobs", "open", job, "--by", "calmar", "--rank", "2", "--out", tmp_path / "ours"))
    asked = (strategy, "--prices", prices, "--set", f"hot={hot}", "--set", f"c1.window={window}")
    done(program("run", *asked, "--start", start, "--out", tmp_path / "theirs"))
    same(tmp_path / "ours", tmp_path / "theirs", SAME_RUN[:-1])
    assert "the first day out of sample" in (tmp_path / "ours" / "report.html").read_text()
    called = program("jobs", "open", job, "--rank", "11", "--out", tmp_path / "more")
    assert (called.status, "there is no row 11: 10 match" in called.err) == (2, True)
    assert not (tmp_path / "more").exists()


def test_while_it_runs(
    program: Program, served: Served, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """Rows are there, labelled as partial, and no export; it is paused, goes on, and is cancelled."""
    job = last_line(program("jobs", "submit", "sweep", strategy, *LONG, "--prices", prices))
    running(job, served)
    done(program("jobs", "pause", job))
    with served.client() as client:
        wait_for(lambda: client.job(UUID(job)).state == State.PAUSED, "the pause")
        total = client.job(UUID(job)).rows_total
    first = json.loads(done(program("jobs", "rows", job, "--json", "-n", "2")).out)
    assert first["label"] == f"partial {first['rows_done']:,}/{total:,}"
    assert first["complete"] is False
    assert first["label"] in done(program("jobs", "rows", job)).out
    saved = done(program("jobs", "rows", job, "--where", "hot < 2", "--save", tmp_path / "some.csv"))
    assert [each.name for each in tmp_path.glob("some*")] == [
        f"some-partial-{first['rows_done']}-of-{total}.csv"
    ]
    assert "partial" in saved.out
    refused = program("jobs", "export", job, "--out", tmp_path / "early")
    assert (refused.status, "its files are not there yet" in refused.err) == (1, True)
    assert not (tmp_path / "early").exists()
    done(program("jobs", "resume", job))
    with served.client() as client:
        wait_for(lambda: client.job(UUID(job)).rows_done > first["rows_done"], "another row")
    done(program("jobs", "cancel", job))
    called = program("jobs", "watch", job)
    assert (called.status, "is cancelled" in called.err) == (1, True)
    listed = json.loads(done(program("jobs", "list", "--state", "cancelled", "--json")).out)
    assert job in [each["id"] for each in listed["jobs"]]
    with served.client() as client, pytest.raises(Exception, match="cannot be asked to resume"):
        client.tell(UUID(job), Event.RESUME)


def test_what_goes_first(program: Program, served: Served, strategy: Path, prices: Path) -> None:
    """A run goes before sweeps of its owner's, and a sweep that is put first before those that wait."""
    first, second = (
        last_line(program("jobs", "submit", "sweep", strategy, *LONG, "--prices", prices)) for _ in "ab"
    )
    running(first, served)
    run = last_line(program("jobs", "submit", "run", strategy, "--prices", prices))
    assert "is done" in done(program("jobs", "watch", run)).out
    assert f"{second} goes before" in done(program("jobs", "first", second)).out
    assert running(second, served).state == State.RUNNING
    assert f"{second} goes behind" in done(program("jobs", "last", second)).out
    for job in (first, second):
        done(program("jobs", "cancel", job))
        program("jobs", "watch", job)
    called = program("jobs", "first", first)
    assert (called.status, "is cancelled has no place in the queue" in called.err) == (1, True)


def test_the_same_key_gives_the_same_job(program: Program, strategy: Path, prices: Path) -> None:
    """And is refused for another question."""
    asked = ("jobs", "submit", "sweep", strategy, "--prices", prices, "--key", "nightly")
    first, again = last_line(program(*asked, *SWEEP)), last_line(program(*asked, *SWEEP))
    assert first == again
    other = program(*asked, "--vary", "hot=60,70")
    assert (other.status, "was used for another job" in other.err) == (1, True)


def test_the_service_is_named_before_or_after_the_verb(program: Program, served: Served) -> None:
    """Or by the environment; the nearest to the verb counts."""
    nowhere = "http://127.0.0.1:1"
    for before, after in (((), ("--url", served.url)), (("--url", served.url, "--token", "t"), ())):
        done(program("jobs", *before, "list", *after))
    done(program("jobs", "--url", nowhere, "list", "--url", served.url))
    for url in ("http://[", "localhost:8000", "file:///etc/passwd", "http://", "http://a:b"):
        assert "is no address" in program("jobs", "list", "--url", url).err


def test_what_is_wrong_is_said_before_anything_is_sent(
    program: Program, strategy: Path, prices: Path, tmp_path: Path
) -> None:
    """As `sweep` and `run` say it, with their status."""
    for kind, *flags in (
        ("sweep", "--vary", "hott=1:3:1", "--prices", prices),
        ("sweep", "--vary", "hot=60,70"),
        ("sweep", "--set", "hot=60", "--prices", prices),
        ("run", "--set", "c1.window=0", "--prices", prices),
        ("run", "--prices", tmp_path / "none.parquet"),
        ("run", "--prices", prices, "--start", "2031-01-01"),
    ):
        ours = program("jobs", "submit", kind, strategy, *flags)
        theirs = program(kind, strategy, *flags, "--out", tmp_path / "out")
        assert (ours.status, ours.err) == (theirs.status, theirs.err)
        assert ours.status in (1, 2)


def test_an_unknown_id(program: Program) -> None:
    """Whole, or its beginning."""
    for text, status in (("0b2f6b52-6f2d-4a6f-9a38-6d5b1c7f2e11", 1), ("ffffff", 2), ("x", 2)):
        called = program("jobs", "watch", text)
        assert called.status == status
        assert "`treefolio jobs list` shows" in called.err
