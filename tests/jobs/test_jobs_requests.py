"""What a job is asked: as JSON and back, and planned as the command line plans it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from jobs_cases import ROWS, STRATEGY, panel, sweep

from treefolio.cli import main
from treefolio.engine.execution import Costs, Execution
from treefolio.errors import SpaceError, UsageError
from treefolio.jobs import requests
from treefolio.jobs.chunks import ranges
from treefolio.jobs.requests import (
    FLAT_FILES,
    Asked,
    Fetch,
    ImportRequest,
    PurgeRequest,
    Request,
    RunRequest,
    WalkForwardRequest,
    WarmRequest,
)
from treefolio.service.callers import THE_USER, require_right
from treefolio.service.problems import Declined
from treefolio.service.submission import Submission
from treefolio.sweep.assignments import Listed, Sample
from treefolio.sweep.lengths import parse_length
from treefolio.sweep.manifest import to_json
from treefolio.sweep.walkforward.folds import Combinatorial, Rolling

HASH = "ab" * 32
FULL = Asked(
    snapshot=HASH,
    start=dt.date(2012, 1, 3),
    end=dt.date(2020, 1, 2),
    benchmark=None,
    rival=STRATEGY,
    wished=True,
    missing="skip",
    holdout="2y",
    execution=Execution(fill="next_open", capital=1e6, cash_rate=0.03, costs=Costs(us_fees=True)),
)


@pytest.mark.parametrize(
    "request_",
    [
        sweep(HASH),
        sweep(HASH, asked=FULL, vary={"z": "1:3:1", "a": [1.0, 2, "TQQQ"]}, fix={"b": 2.0, "c": "SPY"}),
        sweep(
            HASH, select=Sample(count=7, seed=3, method="latin"), metrics=("sharpe",), reality=4, exact=True
        ),
        sweep(HASH, select=Listed(name="x.csv", columns={"b": [1, 2], "a": [0.5, 0.25]})),
        sweep(HASH, latest_start=dt.date(2013, 5, 6)),
        RunRequest(strategy=STRATEGY, asked=FULL, values={"hot": 70.5}, engine="reference"),
        RunRequest(strategy=STRATEGY, asked=Asked(snapshot=HASH), out_of_sample_from=dt.date(2020, 1, 1)),
        RunRequest(
            strategy=STRATEGY, asked=Asked(fetch=Fetch(source="alpaca", feed="iex", adjustment="raw"))
        ),
        WalkForwardRequest(
            strategy=STRATEGY,
            asked=FULL,
            scheme=Rolling(
                train=parse_length("3y", ""), test=parse_length("126d", ""), step=parse_length("2w", "")
            ),
            by="-calmar",
            fix={"hot": 60},
        ),
        WalkForwardRequest(
            strategy=STRATEGY,
            asked=FULL,
            scheme=Combinatorial(groups=6, test_groups=1, purge=5),
            select=Sample(count=7),
        ),
        WarmRequest(source="alpaca"),
        WarmRequest(source="alpaca", tickers=("SPY", "BRK-B"), feed="iex", start=dt.date(2020, 1, 1)),
        ImportRequest(source=FLAT_FILES, end=dt.date(2020, 1, 1), interval="1m"),
        ImportRequest(source="massive", tickers=("SPY",)),
        PurgeRequest(source="yahoo"),
    ],
)
def test_requests_travel(request_: Request) -> None:
    """What comes out of JSON is what went in, the order of variables included; the service takes it."""
    found = requests.from_json(json.loads(json.dumps(requests.to_json(request_))))
    assert found == request_
    assert json.dumps(requests.to_json(found)) == json.dumps(requests.to_json(request_))
    body = Submission.model_validate(requests.to_json(request_))
    assert requests.from_json(body.model_dump(mode="json")) == request_


_FREE = {
    "fill": "close",
    "capital": 100000.0,
    "whole_shares": False,
    "cash_rate": 0.0,
    "costs": {
        "slippage_bps": 0.0,
        "commission_bps": 0.0,
        "commission_minimum": 0.0,
        "us_fees": False,
    },
}
_ASKED = {
    "snapshot": None,
    "fetch": {"source": "alpaca", "feed": None, "adjustment": "all"},
    "source": None,
    "synthetic": False,
    "start": "2012-01-03",
    "end": None,
    "benchmark": "SPY",
    "rival": None,
    "wished": False,
    "missing": "error",
    "holdout": None,
    "execution": _FREE,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"select": 5},
        {"select": {"name": "x.csv"}},
        {"scheme": "x"},
        {"scheme": None},
        {"asked": 5},
        {"vary": 5},
    ],
)
def test_a_field_of_another_type(wrong: dict[str, object]) -> None:
    """It is refused where it is read, not where it is used."""
    walk = WalkForwardRequest(strategy=STRATEGY, asked=FULL, scheme=Combinatorial(groups=6, test_groups=1))
    with pytest.raises(UsageError, match="the request cannot be read"):
        requests.from_json(requests.to_json(walk) | wrong)


def test_what_is_kept_is_kept_in_this_form() -> None:
    """Databases and clients of earlier versions have such requests: pairs in order, numbers as given."""
    kept = {
        "kind": "walkforward",
        "strategy": STRATEGY,
        "asked": _ASKED,
        "vary": [["z", "1:3:1"], ["a", [1.0, 2, "TQQQ"]]],
        "fix": [["b", 2.0]],
        "select": {"name": "x.csv", "columns": [["b", [1, 2]]]},
        "latest_start": None,
        "scheme": {
            "scheme": "walkforward",
            "train": "3y",
            "test": "126d",
            "step": "2w",
            "anchored": False,
        },
        "by": "sharpe",
    }
    found = requests.from_json(kept)
    assert found == WalkForwardRequest(
        strategy=STRATEGY,
        asked=Asked(fetch=Fetch(source="alpaca"), start=dt.date(2012, 1, 3)),
        vary={"z": "1:3:1", "a": [1.0, 2, "TQQQ"]},
        fix={"b": 2.0},
        select=Listed(name="x.csv", columns={"b": [1, 2]}),
        scheme=Rolling(
            train=parse_length("3y", ""), test=parse_length("126d", ""), step=parse_length("2w", "")
        ),
    )
    assert json.dumps(requests.to_json(found)) == json.dumps(kept)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Asked, "no prices are named"),
        (lambda: Asked(snapshot=HASH, fetch=Fetch(source="alpaca")), "exclude each other"),
        (lambda: ImportRequest(source="alpaca"), "no tickers are named"),
        (lambda: ImportRequest(source=FLAT_FILES, tickers=("SPY",)), "have all tickers"),
        (
            lambda: ImportRequest(source=FLAT_FILES, start=dt.date(2020, 1, 2), end=dt.date(2020, 1, 1)),
            "is after the end",
        ),
        (lambda: requests.check(WarmRequest(source="alpace")), "no source 'alpace'"),
        (lambda: requests.check(PurgeRequest(source="nasdaq")), "no source 'nasdaq'"),
        (lambda: requests.check(ImportRequest(source=FLAT_FILES, interval="5m")), "no interval '5m'"),
        (lambda: requests.check(sweep(HASH, asked=Asked(fetch=Fetch(source="yahuu")))), "no source 'yahuu'"),
        (
            lambda: requests.check(
                WalkForwardRequest(strategy=STRATEGY, asked=FULL, scheme=Combinatorial(), by="trades")
            ),
            "trades cannot choose",
        ),
    ],
)
def test_what_has_no_meaning(make: Callable[[], object], said: str) -> None:
    """It is said without prices, and before anything is kept."""
    with pytest.raises(UsageError, match=said):
        make()


@pytest.mark.parametrize(
    ("request_", "everybody"),
    [
        (WarmRequest(source="alpaca"), True),
        (sweep(HASH), True),
        (ImportRequest(source=FLAT_FILES), False),
        (PurgeRequest(), False),
    ],
)
def test_what_only_an_administrator_may_ask(request_: Request, everybody: bool) -> None:
    """What changes the prices of all users."""
    require_right(THE_USER, request_)
    visitor = replace(THE_USER, administrator=False)
    if everybody:
        require_right(visitor, request_)
        return
    with pytest.raises(Declined) as caught:
        require_right(visitor, request_)
    assert (caught.value.status, caught.value.code) == (403, "not_administrator")


def test_prices_that_were_fetched() -> None:
    """A request on the prices that its job had; one that named its prices stays as it is."""
    fetching = requests.to_json(sweep(HASH, asked=Asked(fetch=Fetch(source="alpaca"))))
    found = requests.from_json(requests.settled(fetching, HASH))
    assert requests.snapshot_of(found) == HASH
    assert requests.settled(fetching, None) is fetching
    warm = requests.to_json(WarmRequest(source="alpaca"))
    assert requests.settled(warm, HASH) is warm


@pytest.mark.parametrize("data", [{}, {"kind": "sweep"}, {"kind": "run", "strategy": 1, "asked": 3}])
def test_what_is_no_request(data: dict[str, object]) -> None:
    """It is said, whatever is missing."""
    with pytest.raises(UsageError):
        requests.from_json(data)


@pytest.mark.parametrize(
    ("flags", "changed"),
    [
        ((), {}),
        (("--sample", "50", "--seed", "9"), {"select": Sample(count=50, seed=9)}),
        (("--vary", "hot=70:72:1", "--set", "window=7"), {"vary": {"hot": "70:72:1"}, "fix": {"window": 7}}),
        (("--latest-start", "2012-06-01"), {"latest_start": dt.date(2012, 6, 1)}),
    ],
    ids=["all", "sample", "vary and set", "latest start"],
)
def test_the_manifest_is_that_of_the_command_line(
    tmp_path: Path, flags: tuple[str, ...], changed: dict[str, object]
) -> None:
    """The same question, asked with flags or as a request, is the same sweep."""
    path = tmp_path / "strategy.yaml"
    path.write_text(STRATEGY, encoding="utf-8")
    base = ("--synthetic", "--slippage-bps", "3", "--whole-shares", "--start", "2012-01-03")
    few = () if "--vary" in flags else ("--sample", "40") if "--sample" not in flags else ()
    arguments = ("sweep", str(path), *base, *flags, *few, "--out", str(tmp_path / "out"), "--threads", "1")
    assert main(arguments) == 0
    if few:
        changed = {"select": Sample(count=40), **changed}
    prices = panel()
    planned = requests.plan(sweep(prices.content_hash, **changed), prices)
    assert to_json(planned.identity) == (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")


def test_a_list_is_a_file_of_combinations(tmp_path: Path) -> None:
    """Combinations that travel in the request are those of the file that they were read from."""
    path = tmp_path / "few.csv"
    path.write_text("window,hot,slow\n5,70,16\n6,71,28\n", encoding="utf-8")
    prices = panel()
    listed = Listed(name="few.csv", columns={"window": [5, 6], "hot": [70, 71], "slow": [16, 28]})
    from_list = requests.plan(sweep(prices.content_hash, select=listed), prices)
    from_file = requests.plan(sweep(prices.content_hash, select=path), prices)
    assert to_json(from_list.identity) == to_json(from_file.identity)


def test_names_that_are_not_there() -> None:
    """A space is checked without prices."""
    with pytest.raises(SpaceError) as caught:
        requests.opened_space(sweep(HASH, vary={"windov": "5:9:1"}))
    assert "windov" in str(caught.value)
    assert requests.opened_space(sweep(HASH)).size == ROWS


@pytest.mark.parametrize(("size", "each"), [(1, 5), (10, 3), (10, 10), (4530, 64), (7, 0)])
def test_ranges_are_all_rows_once(size: int, each: int) -> None:
    """In order, without gaps, and none longer than wanted."""
    found = ranges(size, each)
    assert [first for first, _ in found] == [0, *(last for _, last in found[:-1])]
    assert found[-1][1] == size
    assert all(0 < last - first <= max(1, each) for first, last in found)
