"""``treefolio jobs submit`` of the kinds beside sweep and run, and prices that the service fetches."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from cli_samples import Called, Program, done, write_prices, write_strategy
from service_samples import Served

VARY = ("--vary", "hot=60:80:5", "--vary", "c1.window=5,10")
FOLDS = ("--train", "9m", "--test", "4m", "--by", "-volatility")


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str], served: Served, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setenv("TREEFOLIO_URL", served.url)
    return Program(capsys)


def exported(program: Program, submitted: Called, out: Path) -> Path:
    """The folder of a job that was submitted, as soon as it is done."""
    job = done(submitted).out.splitlines()[-1]
    done(program("jobs", "watch", job))
    done(program("jobs", "export", job, "--out", out))
    return out


def test_a_walkforward_is_the_command_line_s(program: Program, tmp_path: Path) -> None:
    """What is exported is what `walkforward` writes; it has no rows to look at."""
    strategy, prices = write_strategy(tmp_path), write_prices(tmp_path)
    asked = (strategy, *VARY, "--prices", prices, "--slippage-bps", "2", *FOLDS)
    submitted = program("jobs", "submit", "walkforward", *asked)
    ours = exported(program, submitted, tmp_path / "ours")
    done(program("walkforward", *asked, "--out", tmp_path / "theirs"))
    theirs = {each.name: each.read_bytes() for each in (tmp_path / "theirs").iterdir()}
    assert {each.name for each in ours.iterdir()} == set(theirs)
    for name in set(theirs) - {"stats.json"}:
        assert (ours / name).read_bytes() == theirs[name], name
    refused = program("jobs", "rows", submitted.out.splitlines()[-1])
    assert refused.status == 1
    assert "a walkforward has no rows" in refused.err


def test_prices_that_the_service_fetches(program: Program, served: Served, tmp_path: Path) -> None:
    """The result is that of the prices fetched here; the request names the snapshot that it became."""
    strategy = write_strategy(tmp_path)
    asked = (strategy, *VARY, "--source", "synthetic", "--start", "2020-01-02", "--benchmark", "QQQ")
    submitted = program("jobs", "submit", "sweep", *asked, "--on-service")
    ours = exported(program, submitted, tmp_path / "ours")
    done(program("sweep", *asked, "--out", tmp_path / "theirs"))
    for name in ("manifest.json", "rows.parquet"):
        assert (ours / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes(), name
    job = submitted.out.splitlines()[-1]
    found = httpx.get(f"{served.url}/api/v1/jobs/{job}/request").json()
    manifest = json.loads((ours / "manifest.json").read_text(encoding="utf-8"))
    assert found["asked"]["snapshot"] == manifest["prices"]["snapshot"]
    assert found["asked"]["fetch"] is None
    run = program("jobs", "submit", "run", strategy, *asked[5:], "--set", "hot=75", "--on-service")
    exported(program, run, tmp_path / "run")
    done(program("run", strategy, *asked[5:], "--set", "hot=75", "--out", tmp_path / "theirs-run"))
    for name in ("manifest.json", "equity.parquet", "report.html"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "theirs-run" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--prices", "prices.parquet"), "--on-service fetches prices from a vendor"),
        (("--source", "alpaca", "--offline"), "--on-service fetches prices from a vendor"),
        (("--synthetic", "--market-seed", "9"), "synthetic has no feed 'seed-9'"),
    ],
)
def test_prices_that_no_service_fetches(
    program: Program, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    """Files, what is here already, and markets that nobody has."""
    write_prices(tmp_path)
    called = program("jobs", "submit", "sweep", write_strategy(tmp_path), *VARY, *flags, "--on-service")
    assert called.status in (1, 2)
    assert said in called.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "no prices are named"),
        ({"snapshot": "ab" * 32, "fetch": {"source": "alpaca"}}, "exclude each other"),
        ({"fetch": {"source": "nasdaq"}}, "there is no source 'nasdaq'"),
        ({"fetch": {"source": "http://169.254.169.254/"}}, ""),
    ],
)
def test_prices_that_have_no_meaning(served: Served, asked: dict[str, object], said: str) -> None:
    """They are refused over HTTP before a job is made of them."""
    body = {"kind": "run", "strategy": "tree: SPY\n", "asked": asked}
    answer = httpx.post(f"{served.url}/api/v1/jobs", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["message"]


def test_warm(program: Program, tmp_path: Path) -> None:
    """Its result says what came; progress counts tickers, and the name says the source."""
    submitted = program("jobs", "submit", "warm", "SPY", "NONE", "--source", "synthetic")
    found = json.loads((exported(program, submitted, tmp_path / "out") / "warm.json").read_text())
    assert (found["tickers"], list(found["failed"])) == (2, ["NONE"])
    listed = json.loads(done(program("jobs", "list", "--json")).out)["jobs"]
    [job] = [each for each in listed if each["id"] == submitted.out.splitlines()[-1]]
    assert (job["kind"], job["name"], job["rows_done"]) == ("warm", "Prices of synthetic", 2)


def test_import(program: Program, tmp_path: Path) -> None:
    """A stretch of a source's bars."""
    asked = ("SPY", "--source", "synthetic", "--start", "2020-03-02", "--end", "2020-03-31")
    submitted = program("jobs", "submit", "import", *asked)
    found = json.loads((exported(program, submitted, tmp_path / "out") / "import.json").read_text())
    assert (found["rows"], found["first"], found["last"]) == (22, "2020-03-02", "2020-03-31")


def test_the_commands_of_the_page(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is taken, as it stands in docs/service.md."""
    page = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")
    block = page.partition("## Kinds of jobs")[2].partition("```sh\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    write_strategy(tmp_path, name="strategy.yaml")
    write_prices(tmp_path)
    lines = block.splitlines()
    assert len(lines) == 4
    for line in lines:
        _, *arguments = shlex.split(line)
        assert UUID(done(program(*arguments)).out.splitlines()[-1])
