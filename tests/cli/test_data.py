"""``treefolio data``, and runs on a vendor's prices, through a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cli_samples import Program, done
from treefolio.cli.data import check
from treefolio.market import calendar
from treefolio.market.bars import Bars
from treefolio.testing.flat_files import write_folder
from treefolio.testing.vendors.alpaca_wire import KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer

NAMES = ["SPY", "TLT", "QQQ", "BIL", "GLD"]
FIRST, LAST = date(2019, 1, 2), date(2021, 12, 31)
WINDOW = ["--start", "2019-01-02", "--end", "2021-12-31"]
SESSIONS = 757
TREE = """\
name: Hot or not
tree:
  if: rsi(QQQ, 10) > 79
  then: BIL
  else:
    equal: [SPY, TLT, QQQ]
"""


@pytest.fixture
def program(capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(capsys)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, and keys."""
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    return tmp_path / "home"


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    del home
    with VendorServer(AlpacaWire(made_up(NAMES, FIRST, LAST))) as server:
        monkeypatch.setenv("TREEFOLIO_ALPACA_DATA_URL", server.url)
        yield server


@pytest.fixture
def strategy(tmp_path: Path) -> Path:
    path = tmp_path / "hot.yaml"
    path.write_text(TREE)
    return path


def fetched(program: Program, *names: str) -> dict[str, object]:
    called = program("data", "fetch", *names, "--source", "alpaca", *WINDOW, "--json")
    return json.loads(called.out)


def test_fetch_once(program: Program, server: VendorServer) -> None:
    """The first time all is asked for, with actions; the second time nothing."""
    first, second = fetched(program, "SPY", "TLT"), fetched(program, "SPY", "TLT")
    assert (first["sessions"], first["hits"], first["misses"]) == (SESSIONS, 0, 2 * SESSIONS)
    assert first["requests"] == len(server.requests) == 2
    assert (second["hits"], second["misses"], second["requests"]) == (2 * SESSIONS, 0, 0)
    assert first["failed"] == second["failed"] == {}


def test_fetch_in_words(program: Program, server: VendorServer) -> None:
    """A line for each ticker, and what it took."""
    called = done(program("data", "fetch", "SPY", "--source", "alpaca", *WINDOW))
    assert "2019-01-02   2021-12-31" in called.out
    assert f"1 ticker × {SESSIONS} sessions: 0 % from cache, 2 requests" in called.out
    assert server.refused == 0


def test_fetch_of_an_unknown_ticker(program: Program, server: VendorServer) -> None:
    """It is named, with what was meant; the others are there; the status says that something failed."""
    called = program("data", "fetch", "SPY", "SPYY", "--source", "alpaca", *WINDOW)
    assert called.status == 1
    assert "SPYY: alpaca sip has no bars of it" in called.err
    assert "Did you mean SPY" in called.err
    assert "2019-01-02" in called.out
    assert server.refused == 0


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--start", "2021-01-04", "--end", "2020-01-02"], "--start 2021-01-04 is after --end 2020-01-02"),
        (["--end", "2999-01-02"], "2999-01-02 is in the future"),
        (["--start", "2.1.2020"], "is no date"),
        (["--feed", "opra"], "alpaca has no feed 'opra'"),
        (["--interval", "2m"], "alpaca has no interval '2m'"),
        (["--source", "alpacca"], "there is no source 'alpacca'"),
    ],
)
def test_misuse(program: Program, server: VendorServer, extra: list[str], said: str) -> None:
    """It is said before any request, and the status is 2."""
    called = program("data", "fetch", "SPY", "--source", "alpaca", *extra)
    assert called.status == 2
    assert said in called.err
    assert not server.requests


def test_missing_key(program: Program, server: VendorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named before any request."""
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    called = program("data", "fetch", "SPY", "--source", "alpaca", *WINDOW)
    assert called.status == 1
    assert "APCA_API_SECRET_KEY" in called.err
    assert not server.requests


def test_wrong_key(program: Program, server: VendorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said to be refused, and stands in no message."""
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong-and-private")
    called = program("data", "fetch", "SPY", "--source", "alpaca", *WINDOW)
    assert called.status == 1
    assert "APCA_API_KEY_ID" in called.err
    assert "wrong-and-private" not in called.err + called.out
    assert len(server.requests) == 1


def test_wrong_setting(program: Program, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, and what it is for."""
    monkeypatch.setenv("TREEFOLIO_TRIES", "many")
    called = program("data", "list")
    assert called.status == 2
    assert "TREEFOLIO_TRIES" in called.err
    assert not home.exists()


def test_run_on_a_vendor_s_prices(
    program: Program, server: VendorServer, strategy: Path, tmp_path: Path
) -> None:
    """The line at the end, the figures in stats.json, and the same bytes from the cache and the snapshot."""
    flags = ["--source", "alpaca", "--end", "2021-12-31", "--out"]
    called = done(program("run", str(strategy), *flags, str(tmp_path / "a")))
    assert "4 tickers × 1,511 sessions: 0 % from cache, 2 requests" in called.out
    stats = json.loads((tmp_path / "a" / "stats.json").read_text())
    assert (stats["hits"], stats["misses"], stats["requests"]) == (0, 4 * 1_511, 2)
    assert {"analysis", "data", "indicator", "execution"} <= set(stats["seconds"])
    again = done(program("run", str(strategy), *flags, str(tmp_path / "b")))
    assert "100 % from cache, 0 requests" in again.out
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert manifest["prices"]["basis"].endswith(
        "adjusted for splits and dividends as of 2021-12-31 (alpaca sip)"
    )
    snapshot = manifest["prices"]["snapshot"]
    done(program("run", str(strategy), "--snapshot", snapshot[:12], "--out", str(tmp_path / "c")))
    for name in ("manifest.json", "metrics.json", "equity.parquet", "weights.parquet", "trades.parquet"):
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes() == (tmp_path / "c" / name).read_bytes(), name
    assert len(server.requests) == 2


def test_adjustment_is_part_of_the_identity(
    program: Program, server: VendorServer, strategy: Path, tmp_path: Path
) -> None:
    """The same bars on another basis are other prices; what is known is not asked for again."""
    found = {}
    for adjustment in ("all", "split", "raw"):
        out = tmp_path / adjustment
        flags = ["--source", "alpaca", "--adjustment", adjustment, "--end", "2021-12-31", "--out", str(out)]
        done(program("run", str(strategy), *flags))
        found[adjustment] = json.loads((out / "manifest.json").read_text())["prices"]
    assert (
        len({each["snapshot"] for each in found.values()}) == len({e["basis"] for e in found.values()}) == 3
    )
    assert len(server.requests) == 2


def test_sweep_asks_once(program: Program, server: VendorServer, strategy: Path, tmp_path: Path) -> None:
    """One request for the union over all combinations, tickers that only some of them hold included."""
    called = program(
        "sweep",
        str(strategy),
        *("--source", "alpaca", "--end", "2021-12-31", "--out", str(tmp_path / "s")),
        *("--vary", "c1.threshold=70:80:5", "--vary", "a1.ticker=BIL,GLD"),
    )
    if called.status == 2:  # the handle's name, as `inspect` says it
        pytest.fail(called.err)
    assert sum("bars" in path for path in server.paths()) == 1
    assert "5 tickers" in called.out
    stats = json.loads((tmp_path / "s" / "stats.json").read_text())
    assert stats["requests"] == 2


def test_inspect_says_what_is_needed(program: Program, server: VendorServer, strategy: Path) -> None:
    """Before anything is fetched: tickers, fields, and how much of it the cache has."""
    fetched(program, "SPY", "TLT", "QQQ", "BIL")
    before = len(server.requests)
    facts = json.loads(done(program("inspect", str(strategy), "--source", "alpaca", "--json")).out)["prices"]
    assert facts["held"] == ["BIL", "QQQ", "SPY", "TLT"]
    assert facts["read"] == ["QQQ"]
    assert facts["fields"] == ["close"]
    assert facts["hits"] == 4 * SESSIONS
    assert facts["misses"] > 0
    assert len(server.requests) == before


def test_partial_results(program: Program, server: VendorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was delivered before the vendor went down is kept, and the rest is named."""
    monkeypatch.setenv("TREEFOLIO_TRIES", "1")
    server.fault("down", times=1, after=0, path="/v2/stocks/bars")
    failed = fetched(program, "SPY", "TLT")
    assert set(failed["failed"]) == {"SPY", "TLT"}  # type: ignore[call-overload]
    assert fetched(program, "SPY", "TLT")["failed"] == {}


def test_list_and_purge(program: Program, server: VendorServer) -> None:
    """Bytes, hits and evictions; actions are forgotten by a purge, raw bars only by --all."""
    fetched(program, "SPY", "TLT")
    fetched(program, "SPY", "TLT")
    listed = json.loads(done(program("data", "list", "--json")).out)
    assert (listed["hits"], listed["misses"], listed["evictions"]) == (2 * SESSIONS, 2 * SESSIONS, 0)
    assert listed["bytes"] > 0
    assert listed["shelves"][0]["tickers"] == 2
    assert "alpaca sip" in done(program("data", "list")).out
    assert "2 blocks forgotten" in done(program("data", "purge")).out
    assert (fetched(program, "SPY", "TLT")["misses"], len(server.requests)) == (0, 3)
    assert "8 blocks forgotten" in done(program("data", "purge", "--all")).out
    assert "nothing to forget" in done(program("data", "purge")).out


def test_check_and_accept(program: Program, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A split that nobody told is found; prices before it are withheld until it is accepted."""
    served = made_up(["SPY"], FIRST, LAST)  # it splits 4 for 1
    untold = type(served)(bars=served.bars)
    with VendorServer(AlpacaWire(untold)) as server:
        monkeypatch.setenv("TREEFOLIO_ALPACA_DATA_URL", server.url)
        fetched(program, "SPY")
        called = program("data", "check", "SPY", "--json")
        found = json.loads(called.out)
        assert called.status == 1
        assert [(each["kind"], each["withheld"]) for each in found] == [("split_shaped", True)]
        day = found[0]["session"]
        assert "split of 4 for 1" in program("data", "check").out
        done(program("data", "check", "SPY", "--accept", day))
        assert program("data", "check", "SPY").status == 0
    assert (home / "accepted.json").exists()


def crossed(day: date) -> Served:
    """SPY, whose high is below its low on one day."""
    served = made_up(["SPY"], FIRST, LAST, with_actions=False)
    bars = served.of("1d")["SPY"]
    fields = {name: values.copy() for name, values in bars.fields.items()}
    fields["high"][bars.at == np.datetime64(day)] = 1.0
    return Served(bars={"1d": {"SPY": Bars(at=bars.at, fields=fields)}})


def test_accepted_bars_are_used_at_once(
    program: Program, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what the cache has, without a request; `check` lists them as used from then on."""
    day = date(2020, 5, 5)
    with VendorServer(AlpacaWire(crossed(day))) as server:
        monkeypatch.setenv("TREEFOLIO_ALPACA_DATA_URL", server.url)
        first = fetched(program, "SPY")
        assert [each[1] for each in first["withheld"]] == [str(day)]  # type: ignore[attr-defined]
        assert program("data", "check").status == 1
        done(program("data", "check", "SPY", "--accept", str(day)))
        found = json.loads(done(program("data", "check", "--json")).out)
        assert [(each["session"], each["withheld"]) for each in found] == [(str(day), False)]
        second = fetched(program, "SPY")
        assert second["withheld"] == []
        assert second["tickers"]["SPY"]["bars"] == SESSIONS  # type: ignore[index]
        assert second["requests"] == 0
    assert home.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SPYX", "--accept", "2020-05-05"], "SPYX is not in the cache"),
        (["SPYX"], "Did you mean SPY?"),
        (["SPY", "TLT", "--accept", "2020-05-05"], "--accept is of one ticker"),
        (["SPY", "--source", "alpacca"], "--source 'alpacca' is unknown"),
        (["SPY", "--accept", "5.5.2020"], "is no date"),
        (["SPY", "--accept", "2020-05-05", "--json"], "--accept lists nothing"),
    ],
)
def test_check_of_what_is_not_there(
    program: Program, server: VendorServer, home: Path, arguments: list[str], said: str
) -> None:
    """It is misuse, and nothing is accepted."""
    fetched(program, "SPY", "TLT")
    called = program("data", "check", *arguments)
    assert called.status == 2
    assert said in called.err
    assert not (home / "accepted.json").exists()
    assert server.refused == 0


def test_accepting_a_quiet_day(program: Program, server: VendorServer) -> None:
    """It is kept, and said that there was nothing to accept."""
    fetched(program, "SPY")
    called = done(program("data", "check", "SPY", "--accept", "2020-05-05"))
    assert "nothing was found on 2020-05-05" in called.out
    assert server.refused == 0


def test_many_accept_at_once(program: Program, server: VendorServer, home: Path) -> None:
    """Nobody's word is lost."""
    fetched(program, "SPY")
    days = [f"2020-01-{day:02d}" for day in (2, 3, 6, 7, 8, 9, 10, 13)]
    with ThreadPoolExecutor(len(days)) as pool:
        assert set(pool.map(lambda day: check.verb(["SPY"], accept=[day]), days)) == {0}
    assert json.loads((home / "accepted.json").read_text()) == {"alpaca sip": {"SPY": days}}
    assert server.refused == 0


def test_what_no_panel_can_hold_is_not_accepted(
    program: Program, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A close of 0 stays withheld, whoever accepts it."""
    served = made_up(["SPY"], FIRST, LAST, with_actions=False)
    served.of("1d")["SPY"].fields["close"][100] = 0.0
    day = str(served.of("1d")["SPY"].at[100])
    with VendorServer(AlpacaWire(served)) as server:
        monkeypatch.setenv("TREEFOLIO_ALPACA_DATA_URL", server.url)
        fetched(program, "SPY")
        called = program("data", "check", "SPY", "--accept", day)
    assert called.status == 2
    assert "the close is 0: that cannot be used" in called.err
    assert not (home / "accepted.json").exists()


def test_diff(program: Program, server: VendorServer, tmp_path: Path) -> None:
    """A source against itself is alike; against a snapshot on another basis it is not."""
    flags = ["--tickers", "SPY,TLT", "--end", "2021-12-31"]
    called = done(program("data", "diff", "alpaca", "alpaca:sip", *flags))
    assert "2 of 2 tickers are alike" in called.out
    tree = tmp_path / "hold.yaml"
    tree.write_text("name: Hold\ntree:\n  equal: [SPY, TLT]\n")
    out = tmp_path / "out"
    raw = ["--source", "alpaca", "--adjustment", "raw", "--end", "2021-12-31", "--out", str(out)]
    done(program("run", str(tree), *raw))
    snapshot = json.loads((out / "manifest.json").read_text())["prices"]["snapshot"]
    for side in (snapshot, str(out)):
        called = program("data", "diff", "alpaca", side, "--end", "2021-12-31")
        assert called.status == 1
        assert "SPY" in called.out
    assert server.refused == 0


def test_diff_of_what_neither_has(program: Program, server: VendorServer) -> None:
    """A ticker that neither side has is named, with what the source said, and the status says that it was not
    compared."""
    called = program("data", "diff", "alpaca", "alpaca:sip", "--tickers", "SPY,SPYX", "--end", "2021-12-31")
    assert called.status == 1
    assert "SPYX: it is in neither of the two" in called.err
    assert "SPYX: alpaca sip has no bars of it" in called.err
    assert "1 of 1 tickers are alike" in called.out
    assert server.refused == 0


def test_snapshots_travel(
    program: Program, server: VendorServer, strategy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot's file is exported here, imported there, and the run is the same."""
    flags = ["--source", "alpaca", "--end", "2021-12-31", "--out", str(tmp_path / "a")]
    done(program("run", str(strategy), *flags))
    snapshot = json.loads((tmp_path / "a" / "manifest.json").read_text())["prices"]["snapshot"]
    done(program("data", "snapshot", "export", snapshot[:8], "--out", str(tmp_path / "prices.npz")))
    monkeypatch.setenv("TREEFOLIO_HOME", str(tmp_path / "elsewhere"))
    assert done(program("data", "snapshot", "import", str(tmp_path / "prices.npz"))).out.strip() == snapshot
    assert json.loads(done(program("data", "snapshot", "list", "--json")).out)[0]["hash"] == snapshot
    before = len(server.requests)
    done(program("run", str(strategy), "--snapshot", snapshot, "--out", str(tmp_path / "b")))
    assert (tmp_path / "a" / "equity.parquet").read_bytes() == (
        tmp_path / "b" / "equity.parquet"
    ).read_bytes()
    assert len(server.requests) == before
    done(program("data", "snapshot", "remove", snapshot))
    called = program("run", str(strategy), "--snapshot", snapshot, "--out", str(tmp_path / "c"))
    assert called.status == 1
    assert "is not here" in called.err


def test_damaged_snapshot(program: Program, home: Path, strategy: Path, tmp_path: Path) -> None:
    """One wrong byte, and it is refused."""
    done(program("run", str(strategy), "--synthetic", "--out", str(tmp_path / "a")))
    (path,) = (home / "snapshots").glob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    called = program("run", str(strategy), "--snapshot", path.stem, "--out", str(tmp_path / "b"))
    assert called.status == 1
    assert "damaged" in called.err
    (home / "snapshots" / f"{'0' * 64}.npz").write_bytes(content[:1000])
    called = done(program("data", "snapshot", "list", "--json"))
    assert [each["hash"] for each in json.loads(called.out)] == [path.stem]
    assert "0000.npz: is no snapshot, or it is damaged" in called.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--source", "alpaca", "--synthetic"], "exclude each other"),
        (["--source", "alpaca", "--snapshot", "abcdef"], "exclude each other"),
        (["--synthetic", "--feed", "sip"], "--feed is of a vendor's prices"),
        (["--source", "alpaca", "--adjustment", "total"], "adjustment 'total' is unknown"),
        (["--source", "files"], "--source files needs files"),
        ([], "no prices are named"),
    ],
)
def test_prices_are_named_once(
    program: Program, home: Path, strategy: Path, tmp_path: Path, flags: list[str], said: str
) -> None:
    """Files, a vendor, a snapshot or the made-up market: one of them."""
    del home
    called = program("run", str(strategy), *flags, "--out", str(tmp_path / "out"))
    assert called.status == 2
    assert said in called.err


def test_before_the_vendor_begins(program: Program, server: VendorServer) -> None:
    """It is said, and nothing is asked for before its first session."""
    flags = ["--start", "2012-01-03", "--end", "2021-12-31"]
    called = done(program("data", "fetch", "SPY", "--source", "alpaca", *flags))
    assert "alpaca sip has no prices before 2016-01-04" in called.err
    bars = next(each for each in server.requests if "bars" in each.path)
    assert bars.query["start"].startswith("2016-01-04")


def test_all_before_the_vendor_begins(program: Program, server: VendorServer, strategy: Path) -> None:
    """There is nothing to ask for: that is misuse."""
    for verb in (["data", "fetch", "SPY"], ["run", str(strategy), "--out", str(strategy.parent / "out")]):
        called = program(*verb, "--source", "alpaca", "--end", "2015-12-31")
        assert called.status == 2
        assert "alpaca sip has no prices before 2016-01-04, and the end is 2015-12-31" in called.err
    assert not server.requests


def test_flat_files_run_offline(
    program: Program, home: Path, strategy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Imported with their actions, they give a run without a key, and without any request."""
    monkeypatch.delenv("MASSIVE_API_KEY", raising=False)
    monkeypatch.setenv("TREEFOLIO_MASSIVE_URL", "http://127.0.0.1:9")
    write_folder(tmp_path / "flat", ["SPY", "TLT", "QQQ", "BIL"], calendar.sessions(FIRST, date(2019, 6, 28)))
    splits = tmp_path / "splits.csv"
    splits.write_text("ticker,execution_date,split_from,split_to\nGLD,2019-03-01,1,2\n")
    called = done(program("data", "import", str(tmp_path / "flat"), "--actions", str(splits)))
    assert "124 files, 124 sessions × 4 tickers: 496 bars" in called.out
    assert "no dividend among the actions" in called.err
    again = done(program("data", "import", str(tmp_path / "flat"), "--actions", str(splits), "--json"))
    assert json.loads(again.out)["files"] == 0
    flags = ["--source", "massive", "--end", "2019-06-28", "--out", str(tmp_path / "a")]
    assert "MASSIVE_API_KEY" in program("run", str(strategy), *flags).err
    called = done(program("run", str(strategy), *flags, "--offline"))
    assert ", 0 requests" in called.out
    assert "sessions of tickers are not in the cache, and were not asked for" in called.out
    assert " to 2019-06-28" in called.out
    other = ["--source", "alpaca", "--offline", "--end", "2019-06-28", "--out", str(tmp_path / "b")]
    called = program("run", str(strategy), *other)
    assert called.status == 1
    assert "nothing of it is in the cache; without --offline it is asked for" in called.err
    assert home.exists()


def test_import_says_what_is_amiss(program: Program, home: Path, tmp_path: Path) -> None:
    """Sessions without a file, and bars that are withheld."""
    days = calendar.sessions(FIRST, date(2019, 1, 31))
    write_folder(tmp_path / "flat", ["SPY"], days)
    for path in (tmp_path / "flat").rglob("2019-01-1*.csv.gz"):
        path.unlink()
    called = done(program("data", "import", str(tmp_path / "flat")))
    assert "no file of 7 sessions between the first and the last: 2019-01-10, 2019-01-11" in called.out
    assert home.exists()


def test_not_listed_yet(program: Program, home: Path) -> None:
    """A ticker that was listed later is named with its day."""
    del home
    flags = ["--start", "2008-01-02", "--end", "2009-12-31"]
    called = program("data", "fetch", "SPY", "TQQQ", "--source", "synthetic", *flags)
    assert called.status == 1
    assert (
        "TQQQ: synthetic seed-7 has no bars of it from 2008-01-02 to 2009-12-31. It was listed on 2010"
        in called.err
    )


def test_a_run_from_before_the_vendor_begins(
    program: Program, server: VendorServer, strategy: Path, tmp_path: Path
) -> None:
    """The run says so too."""
    flags = ["--source", "alpaca", "--start", "2012-01-03", "--end", "2021-12-31"]
    called = done(program("run", str(strategy), *flags, "--out", str(tmp_path / "a")))
    assert "alpaca sip has no prices before 2016-01-04" in called.out
    assert server.refused == 0
