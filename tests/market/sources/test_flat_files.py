"""Folders of Massive's flat files, imported into a real cache: what arrives, is left out, is resumed."""

from __future__ import annotations

import gzip
import itertools
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treefolio.errors import OutputError, SourceError
from treefolio.market import calendar
from treefolio.market.accepted import Accepted
from treefolio.market.actions import Dividend, Split
from treefolio.market.bars import Bars, days_of
from treefolio.market.cache.base import Key
from treefolio.market.cache.blocks import Block, decode, encode
from treefolio.market.cache.directory import Directory
from treefolio.market.panel import FIELDS
from treefolio.market.sift import sift
from treefolio.market.sources import flat_files, flat_runs
from treefolio.market.sources.flat_blocks import stretches_of
from treefolio.market.sources.flat_files import Imported, flat_shelf, import_folder, read_actions
from treefolio.market.sources.flat_rows import find_files, read_file
from treefolio.market.sources.flat_runs import doubtful, run_of
from treefolio.testing.flat_files import day_file, file_path, write_file, write_folder

FIRST, LAST = date(2015, 12, 21), date(2016, 1, 15)
SESSIONS = calendar.sessions(FIRST, LAST)
DAYS = SESSIONS.tolist()
TICKERS = ("AAA", "AAC.U", "BACpL", "BRK.B", "NA", "SPY", "TRUE", "ZVZZT")
GIGABYTE = 10**9
HOUR = 3_600 * 10**9


@pytest.fixture
def cache(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "cache", GIGABYTE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Daily files over a change of the year."""
    write_folder(tmp_path / "files", TICKERS, SESSIONS)
    return tmp_path / "files"


def imported(folder: Path, cache: Directory, **options: object) -> Imported:
    return import_folder(folder, cache, journal=cache.path.parent / "journal.json", **options)  # type: ignore[arg-type]


def block(cache: Directory, ticker: str, year: int = 2016, interval: str = "1d") -> Block | None:
    key = Key(flat_shelf(interval), ticker, str(year))
    content = cache.load([key]).get(key)
    return None if content is None else decode(content)


def found(cache: Directory, ticker: str, year: int = 2016, interval: str = "1d") -> Block:
    there = block(cache, ticker, year, interval)
    assert there is not None
    return there


def row_of(day: date, ticker: str) -> Mapping[str, float]:
    return day_file(TICKERS, day).filter(pl.col("ticker") == ticker).row(0, named=True)


def assert_like_files(cache: Directory, ticker: str, vendors: str, days: list[date]) -> None:
    """The bars of both years are those of the files, bit for bit."""
    parts = [there for year in (2015, 2016) if (there := block(cache, ticker, year)) is not None]
    assert [day for part in parts for day in part.bars.at.tolist()] == days
    for name in FIELDS:
        got = np.concatenate([part.bars.fields[name] for part in parts])
        assert got.tolist() == [row_of(day, vendors)[name] for day in days]


class TestWhatArrives:
    """A folder without faults."""

    def test_every_row_arrives_as_it_is(self, folder: Path, cache: Directory) -> None:
        """Prices and volumes bit for bit, under our spelling, split by year; and the figures are right."""
        done = imported(folder, cache)
        for vendors, ticker in {**dict(zip(TICKERS, TICKERS, strict=True)), "BRK.B": "BRK-B"}.items():
            assert_like_files(cache, ticker, vendors, DAYS)
        assert (done.files, done.sessions, done.tickers) == (len(DAYS), len(DAYS), len(TICKERS))
        assert done.rows == len(DAYS) * len(TICKERS)
        assert (done.unchanged, done.failed, done.missing) == (0, {}, ())
        assert (done.withheld, done.evicted, done.stopped) == (0, 0, False)

    def test_what_is_known(self, folder: Path, cache: Directory) -> None:
        """The sessions of the year's files, as stretches; raw, and fetched now."""
        before = datetime.now(UTC)
        imported(folder, cache)
        there = found(cache, "SPY", 2015)
        assert there.known == ((FIRST, date(2015, 12, 31)),)
        assert found(cache, "SPY").known == ((date(2016, 1, 4), LAST),)
        assert there.adjusted_on is None
        assert before <= there.fetched_at <= datetime.now(UTC)

    def test_a_missing_file_leaves_its_session_unknown(self, folder: Path, cache: Directory) -> None:
        """It is reported, and the stretch has a hole."""
        file_path(folder, date(2016, 1, 7)).unlink()
        done = imported(folder, cache)
        assert done.missing == (date(2016, 1, 7),)
        assert found(cache, "SPY").known == (
            (date(2016, 1, 4), date(2016, 1, 6)),
            (date(2016, 1, 8), LAST),
        )

    def test_a_ticker_that_is_in_some_files_is_known_in_all(self, folder: Path, cache: Directory) -> None:
        """Listed within the year: the sessions before are known to have no bar."""
        late = [day for day in DAYS if day >= date(2016, 1, 11)]
        for day in late:
            write_file(folder, day, day_file([*TICKERS, "NEW"], day))
        imported(folder, cache)
        assert found(cache, "NEW").bars.at.tolist() == late
        assert found(cache, "NEW").known == ((date(2016, 1, 4), LAST),)
        assert block(cache, "NEW", 2015) is None

    @pytest.mark.parametrize("rows", [10, 1_000_000])
    def test_minutes(
        self, rows: int, tmp_path: Path, cache: Directory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Minute files are of their own shelf, month by month into the year's block; runs that wait on disk
        change nothing."""
        monkeypatch.setattr(flat_files, "RUN_ROWS", rows)
        write_folder(tmp_path / "files", TICKERS, SESSIONS)
        write_folder(tmp_path / "files", TICKERS, calendar.sessions(FIRST, date(2016, 3, 18)), interval="1m")
        done = imported(tmp_path / "files", cache, interval="1m")
        days = [day for day in calendar.sessions(FIRST, date(2016, 3, 18)).tolist() if day.year == 2016]
        there = found(cache, "BRK-B", interval="1m")
        wanted = [day_file(TICKERS, day, interval="1m").filter(pl.col("ticker") == "BRK.B") for day in days]
        assert there.bars.at.dtype == np.dtype("datetime64[s]")
        starts = [each // 10**9 for table in wanted for each in table["window_start"]]
        assert there.bars.at.astype(int).tolist() == starts
        assert there.bars.fields["close"].tolist() == [each for table in wanted for each in table["close"]]
        assert there.bars.at[0] == np.datetime64("2016-01-04T14:30:00")
        assert there.bars.at[-1] == np.datetime64("2016-03-18T13:32:00")  # daylight-saving time
        assert there.known == ((date(2016, 1, 4), date(2016, 3, 18)),)
        assert done.rows == 3 * len(TICKERS) * done.files
        assert block(cache, "BRK-B", interval="1d") is None

    def test_minutes_before_and_after_trading_hours(self, tmp_path: Path, cache: Directory) -> None:
        """From 4:00 to 20:00 in New York they are of the session, though UTC is on the next day."""
        day = date(2016, 1, 15)
        table = day_file(["SPY"], day, interval="1m")
        opening = table["window_start"][0]
        starts = [opening - 11 * HOUR // 2, opening, opening + 21 * HOUR // 2 - HOUR // 60]
        write_file(
            tmp_path, day, table.with_columns(window_start=pl.Series(starts, dtype=pl.Int64)), interval="1m"
        )
        imported(tmp_path, cache, interval="1m")
        there = found(cache, "SPY", interval="1m")
        assert [str(each) for each in there.bars.at[[0, -1]]] == [
            "2016-01-15T09:00:00",
            "2016-01-16T00:59:00",
        ]
        assert set(days_of(there.bars).tolist()) == {day}

    def test_files_that_are_not_packed(self, tmp_path: Path, cache: Directory) -> None:
        """Whoever unpacked them can import them too, wherever they lie; other tables do not matter."""
        for day in DAYS:
            (tmp_path / f"{day}.csv").write_text(day_file(TICKERS, day).write_csv())
        (tmp_path / "splits.csv").write_text("ticker,execution_date,split_from,split_to\n")
        done = imported(tmp_path, cache)
        assert done.files == len(DAYS)
        assert done.failed == {}
        assert_like_files(cache, "SPY", "SPY", DAYS)

    def test_lines_as_windows_ends_them(self, tmp_path: Path, cache: Directory) -> None:
        """And columns in another order, quoted, with one that nobody knows."""
        day = date(2016, 1, 4)
        table = day_file(TICKERS, day).select(
            "window_start", "close", "open", "high", "low", "ticker", "volume", otc=pl.lit("no")
        )
        path = file_path(tmp_path, day)
        path.parent.mkdir(parents=True)
        text = table.write_csv(quote_style="non_numeric", line_terminator="\r\n")
        path.write_bytes(gzip.compress(text.encode()))
        assert imported(tmp_path, cache).failed == {}
        assert found(cache, "NA").bars.fields["close"].tolist() == [row_of(day, "NA")["close"]]

    def test_other_folders_of_the_vendor_are_passed_over(self, folder: Path, cache: Directory) -> None:
        """Options have files of the same name."""
        path = folder / "us_options_opra" / "day_aggs_v1" / "2016" / "01" / "2016-01-19.csv.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(
            gzip.compress(day_file(["O:SPY160115C00190000"], date(2016, 1, 19)).write_csv().encode())
        )
        assert imported(folder, cache).files == len(DAYS)

    def test_progress(self, folder: Path, cache: Directory) -> None:
        """It is told after each file, and at last that all are done; again when nothing is new."""
        told: list[tuple[int, int]] = []
        imported(folder, cache, told=lambda done, total: told.append((done, total)))
        assert told == [(k, len(DAYS)) for k in range(len(DAYS) + 1)]
        told.clear()
        imported(folder, cache, told=lambda done, total: told.append((done, total)))
        assert told == [(len(DAYS), len(DAYS))]


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes([content[half] ^ 255]) + content[half + 1 :]


def _text(change: Callable[[str], str]) -> Callable[[bytes], bytes]:
    return lambda content: gzip.compress(change(gzip.decompress(content).decode()).encode())


BAD = date(2016, 1, 7)
BAD_FILE = "us_stocks_sip/day_aggs_v1/2016/01/2016-01-07.csv.gz"


def _instead(old: str, new: str) -> Callable[[bytes], bytes]:
    return _text(lambda text: text.replace(old, new, 1))


INFINITE = "\nNA,inf,1,1,1,1,1452142800000000000,1\nNB,"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, ["cut off", "Download"]),
        (_flip, ["damaged"]),
        (lambda content: content[:-1], ["cut off"]),
        (lambda _: b"", ["is empty"]),
        (lambda _: b"PAR1\x00\x00", ["no CSV"]),
        (lambda _: b"\xff\xfe\x00", ["no CSV"]),
        (lambda _: b"<html>not found</html>", ["has no column 'ticker'", "instead"]),
        (_instead("window_start", "window_starts"), ["'window_start'", "Did you mean window_starts?"]),
        (_instead("ticker,volume", "symbol,vol"), ["'ticker', 'volume'", "'symbol', 'vol'"]),
        (_text(lambda text: text.splitlines()[0] + "\n"), ["has no rows"]),
        (_instead("\nNA,", "\n,"), ["line 6", "there is no ticker"]),
        (_text(lambda text: text[: text.rindex(",", 0, len(text) - 20)] + "\n"), ["line 9"]),
        (_instead("\nNA,", "\nNA,many"), ["line 6", "volume is 'many"]),
        (_instead("\nNA,", INFINITE), ["line 6", "'inf'"]),
    ],
)
def test_one_bad_file_is_not_all(
    spoil: Callable[[bytes], bytes], said: list[str], folder: Path, cache: Directory
) -> None:
    """It is left out and reported with the reason; its session is unknown, the others arrive."""
    path = file_path(folder, BAD)
    path.write_bytes(spoil(path.read_bytes()))
    done = imported(folder, cache)
    assert set(done.failed) == {BAD_FILE}
    for words in said:
        assert words in done.failed[BAD_FILE]
    others = [day for day in DAYS if day != BAD]
    assert done.files == len(others)
    assert_like_files(cache, "SPY", "SPY", others)
    assert found(cache, "SPY").known == ((date(2016, 1, 4), date(2016, 1, 6)), (date(2016, 1, 8), LAST))


def test_a_file_with_another_days_rows(folder: Path, cache: Directory) -> None:
    """A file under the wrong name says which day it has."""
    write_file(folder, BAD, day_file(TICKERS, date(2016, 1, 8)))
    done = imported(folder, cache)
    assert "has rows of 2016-01-08" in done.failed[BAD_FILE]
    file = next(each for each in find_files(folder)[0] if each.session == BAD)
    with pytest.raises(SourceError) as caught:
        read_file(file)
    assert (caught.value.line, caught.value.ticker, caught.value.session) == (2, "AAA", "2016-01-08")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("2016-01-16.csv.gz", "the exchange was closed on 2016-01-16"),
        ("2016-01-18.csv.gz", "the exchange was closed on 2016-01-18"),
        ("2016-13-01.csv.gz", "its name is not a date such as 2016-01-04.csv.gz"),
        ("2016-01-04 (1).csv.gz", "its name is not a date such as 2016-01-04.csv.gz"),
    ],
)
def test_names_that_are_no_session(name: str, reason: str, folder: Path, cache: Directory) -> None:
    """Week-ends, holidays and odd names are reported, and the others arrive."""
    (folder / name).write_bytes(gzip.compress(b"ticker\n", mtime=0))
    done = imported(folder, cache)
    assert done.failed == {name: reason}
    assert done.files == len(DAYS)


def test_a_session_that_is_there_twice(folder: Path, cache: Directory) -> None:
    """The first by its path counts; the other is reported."""
    (folder / "a").mkdir()
    (folder / "a" / "2016-01-07.csv.gz").write_bytes(file_path(folder, BAD).read_bytes())
    done = imported(folder, cache)
    assert done.failed == {BAD_FILE: "a/2016-01-07.csv.gz has this session already"}
    assert done.files == len(DAYS)


def test_no_such_folder(folder: Path, cache: Directory) -> None:
    """The error offers what is beside it."""
    with pytest.raises(SourceError, match="no such folder") as caught:
        imported(folder.with_name("file"), cache)
    assert caught.value.hint == "Did you mean files?"


def test_a_folder_without_files(folder: Path, cache: Directory) -> None:
    """The error says how they are called."""
    with pytest.raises(SourceError, match="no flat files with bars of 1m") as caught:
        imported(folder, cache, interval="1m")
    assert "minute_aggs_v1" in str(caught.value.hint)


class TestAgain:
    """Imports after the first."""

    def test_nothing_new(self, folder: Path, cache: Directory) -> None:
        """Nothing is read, and nothing written."""
        imported(folder, cache)
        before = found(cache, "SPY")
        done = imported(folder, cache)
        assert (done.files, done.rows, done.unchanged) == (0, 0, len(DAYS))
        assert found(cache, "SPY").fetched_at == before.fetched_at

    def test_in_parts_as_at_once(self, tmp_path: Path, cache: Directory) -> None:
        """Whatever the parts and their order, the blocks say the same as after one import of all."""
        whole = Directory(tmp_path / "whole" / "cache", GIGABYTE)
        tickers = {day: [*TICKERS, "NEW"] if day >= date(2016, 1, 11) else TICKERS[:-1] for day in DAYS}
        for day in DAYS:
            write_file(tmp_path / "all", day, day_file(tickers[day], day))
        imported(tmp_path / "all", whole)
        for part in (DAYS[10:], DAYS[:4], DAYS[7:10], DAYS[4:7]):
            for day in part:
                write_file(tmp_path / "parts", day, day_file(tickers[day], day))
            imported(tmp_path / "parts", cache)
        for ticker in ("AAA", "BRK-B", "NEW", "ZVZZT"):
            for year in (2015, 2016):
                one, two = block(cache, ticker, year), block(whole, ticker, year)
                if one is None or two is None:
                    assert one is two
                    continue
                assert one.known == two.known
                assert one.bars.at.tolist() == two.bars.at.tolist()
                assert all(
                    one.bars.fields[name].tolist() == two.bars.fields[name].tolist() for name in FIELDS
                )

    def test_a_changed_file_is_imported_again(self, folder: Path, cache: Directory) -> None:
        """Its rows replace the session's; a ticker that it lost has no bar there any more."""
        imported(folder, cache)
        write_file(folder, BAD, day_file([*TICKERS[:-1], "NEW"], BAD, seed=1))
        done = imported(folder, cache)
        assert (done.files, done.unchanged) == (1, len(DAYS) - 1)
        there = found(cache, "SPY")
        place = there.bars.at.tolist().index(BAD)
        assert (
            there.bars.fields["close"][place]
            == day_file([*TICKERS[:-1], "NEW"], BAD, seed=1).filter(pl.col("ticker") == "SPY")["close"].item()
        )
        assert found(cache, "ZVZZT").bars.at.tolist() == [
            day for day in DAYS if day.year == 2016 and day != BAD
        ]
        assert found(cache, "ZVZZT").known == ((date(2016, 1, 4), LAST),)
        assert found(cache, "NEW").bars.at.tolist() == [BAD]
        assert found(cache, "NEW").known == ((date(2016, 1, 4), LAST),)

    def test_a_file_that_was_bad_is_tried_again(self, folder: Path, cache: Directory) -> None:
        """Downloaded anew, it fills its session."""
        path = file_path(folder, BAD)
        good = path.read_bytes()
        path.write_bytes(good[:50])
        imported(folder, cache)
        path.write_bytes(good)
        assert imported(folder, cache).files == 1
        assert_like_files(cache, "SPY", "SPY", DAYS)
        assert found(cache, "SPY").known == ((date(2016, 1, 4), LAST),)

    def test_a_file_that_turned_bad_keeps_its_session(self, folder: Path, cache: Directory) -> None:
        """What was imported stays."""
        imported(folder, cache)
        file_path(folder, BAD).write_bytes(b"")
        assert set(imported(folder, cache).failed) == {BAD_FILE}
        assert_like_files(cache, "SPY", "SPY", DAYS)

    def test_files_that_are_gone_keep_their_sessions(self, folder: Path, cache: Directory) -> None:
        """They are not missing: they were there."""
        imported(folder, cache)
        file_path(folder, BAD).unlink()
        write_file(folder, date(2016, 1, 19), day_file(TICKERS, date(2016, 1, 19)))
        assert imported(folder, cache).missing == ()
        assert_like_files(cache, "SPY", "SPY", [*DAYS, date(2016, 1, 19)])

    @pytest.mark.parametrize("lost", ["one", "all"])
    def test_blocks_that_are_lost_come_back(self, lost: str, folder: Path, cache: Directory) -> None:
        """What the cache evicted, or lost with its folder, is imported again."""
        imported(folder, cache)
        keys = [entry.key for entry in cache.entries() if entry.key.part == "2016"]
        cache.drop(keys if lost == "all" else [key for key in keys if key.ticker == "SPY"])
        done = imported(folder, cache)
        assert done.files == sum(day.year == 2016 for day in DAYS)
        assert_like_files(cache, "SPY", "SPY", DAYS)
        assert_like_files(cache, "AAA", "AAA", DAYS)

    def test_a_lost_block_is_not_taken_for_known(self, folder: Path, cache: Directory) -> None:
        """When the files of a lost block are gone too, its sessions are unknown again."""
        imported(folder, cache)
        cache.drop([Key(flat_shelf(), "SPY", "2016")])
        for day in DAYS:
            file_path(folder, day).unlink()
        write_file(folder, date(2016, 1, 19), day_file(TICKERS, date(2016, 1, 19)))
        imported(folder, cache)
        assert found(cache, "SPY").known == ((date(2016, 1, 19), date(2016, 1, 19)),)
        assert found(cache, "AAA").known == ((date(2016, 1, 4), date(2016, 1, 19)),)

    def test_what_a_vendor_delivered_stays(self, folder: Path, cache: Directory) -> None:
        """Blocks of the same shelf that were fetched are merged: the files' sessions are as the files say."""
        days = calendar.sessions(date(2016, 1, 13), date(2016, 1, 22))
        fields = {name: np.full(len(days), 1.0) for name in FIELDS}
        old = Block(
            bars=Bars(at=days, fields=fields),
            known=((date(2016, 1, 13), date(2016, 1, 24)),),
            fetched_at=datetime(2016, 2, 1, tzinfo=UTC),
        )
        cache.save({Key(flat_shelf(), "SPY", "2016"): encode(old)})
        imported(folder, cache)
        there = found(cache, "SPY")
        assert there.known == ((date(2016, 1, 4), date(2016, 1, 22)),)
        assert there.bars.at.tolist() == calendar.sessions(date(2016, 1, 4), date(2016, 1, 22)).tolist()
        assert there.bars.fields["close"].tolist()[-4:] == [1.0] * 4
        assert there.bars.fields["close"].tolist()[-5] == row_of(LAST, "SPY")["close"]

    @pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 0}', '{"version": 1, "files": 3}'])
    def test_a_damaged_journal(self, content: str, folder: Path, cache: Directory) -> None:
        """Everything is imported again, and the blocks are as before."""
        imported(folder, cache)
        (cache.path.parent / "journal.json").write_text(content)
        assert imported(folder, cache).files == len(DAYS)
        assert_like_files(cache, "SPY", "SPY", DAYS)


class TestInterrupted:
    """Imports that do not end."""

    @pytest.mark.parametrize("after", [0, 1, 5, len(DAYS) - 1])
    def test_stopped(self, after: int, folder: Path, cache: Directory) -> None:
        """It ends early and says so; the next one goes on, and the blocks are those of one import."""
        stop = threading.Event()

        def told(done: int, total: int) -> None:
            del total
            if done == after:
                stop.set()

        assert imported(folder, cache, stop=stop, told=told).stopped
        rest = imported(folder, cache)
        assert not rest.stopped
        assert_like_files(cache, "SPY", "SPY", DAYS)
        assert found(cache, "SPY").known == ((date(2016, 1, 4), LAST),)

    def test_it_goes_on_with_the_next_year(self, folder: Path, cache: Directory) -> None:
        """Years that are done are not read again."""
        stop = threading.Event()
        of_2015 = sum(day.year == 2015 for day in DAYS)
        imported(folder, cache, stop=stop, told=lambda done, _: stop.set() if done == of_2015 + 1 else None)
        rest = imported(folder, cache)
        assert (rest.unchanged, rest.files) == (of_2015, len(DAYS) - of_2015)

    def test_killed_in_between(self, folder: Path, cache: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
        """Blocks that were written before the journal do no harm."""
        with monkeypatch.context() as patched:
            patched.setattr(flat_runs.Journal, "write", _die)
            with pytest.raises(KeyboardInterrupt):
                imported(folder, cache)
        assert imported(folder, cache).files == len(DAYS)
        assert_like_files(cache, "SPY", "SPY", DAYS)

    def test_a_cache_that_keeps_nothing(self, folder: Path, tmp_path: Path) -> None:
        """Where nothing can be written, the import is an error, and nothing counts as imported."""
        (tmp_path / "file").write_text("in the way")
        cache = Directory(tmp_path / "file" / "cache", GIGABYTE)
        journal = tmp_path / "journal.json"
        with pytest.raises(OutputError):
            import_folder(folder, cache, journal=journal)
        assert not journal.exists()

    def test_a_journal_that_cannot_be_written(self, folder: Path, cache: Directory, tmp_path: Path) -> None:
        """It is an error that names the file."""
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(OutputError, match=r"journal\.json"):
            import_folder(folder, cache, journal=tmp_path / "file" / "journal.json")

    def test_a_cache_that_is_too_small(self, folder: Path, tmp_path: Path) -> None:
        """What had to make room is counted."""
        done = imported(folder, Directory(tmp_path / "cache", 10_000))
        assert done.evicted > 0


def _die(_: object) -> None:
    raise KeyboardInterrupt


class TestChecks:
    """Rows that do not make sense."""

    @pytest.fixture
    def spoilt(self, folder: Path) -> Path:
        """On BAD, SPY's high is below its low, AAA is there twice, and NA has no price."""
        table = day_file(TICKERS, BAD)
        spy = pl.col("ticker") == "SPY"
        table = table.with_columns(high=pl.when(spy).then(pl.col("low") / 2).otherwise("high"))
        table = table.with_columns(close=pl.when(pl.col("ticker") == "NA").then(0.0).otherwise("close"))
        again = table.filter(pl.col("ticker") == "AAA").with_columns(close=pl.col("low"))
        write_file(folder, BAD, pl.concat([table, again]).sort("ticker", maintain_order=True))
        return folder

    def test_they_are_set_aside(self, spoilt: Path, cache: Directory) -> None:
        """As `sift` says, with the finding in the block; other tickers do not notice."""
        done = imported(spoilt, cache)
        others = [day for day in DAYS if day.year == 2016 and day != BAD]
        for ticker in ("SPY", "AAA", "NA"):
            there = found(cache, ticker)
            assert there.bars.at.tolist() == others
            assert {session for session, *_ in there.findings} == {str(BAD)}
            assert BAD in there.set_aside.at.tolist()
        assert done.withheld == 4
        assert found(cache, "ZVZZT").findings == ()

    def test_accepted_ones_count(self, spoilt: Path, cache: Directory) -> None:
        """Whoever looked at them has the last word."""
        accepted = Accepted().also("massive sip", "SPY", [BAD])
        imported(spoilt, cache, accepted=accepted)
        assert BAD in found(cache, "SPY").bars.at.tolist()

    def test_a_replaced_file_takes_its_findings_along(self, spoilt: Path, cache: Directory) -> None:
        """A good file in place of a bad one leaves no trace of it."""
        imported(spoilt, cache)
        write_file(spoilt, BAD, day_file(TICKERS, BAD))
        imported(spoilt, cache)
        assert found(cache, "SPY").findings == ()
        assert len(found(cache, "SPY").set_aside) == 0
        assert_like_files(cache, "SPY", "SPY", DAYS)


prices = st.sampled_from([0.0, -1.0, 1.0, 1.0 + 1e-7, 2.0, 2.5, 3.0])
rows = st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 11), prices, prices, prices, prices, prices)


@given(st.lists(rows, min_size=1, max_size=40))
def test_what_the_checks_would_find_is_doubtful(drawn: list[tuple[str, int, *tuple[float, ...]]]) -> None:
    """Tickers that are taken for sound are those in which `sift` finds nothing."""
    columns = ("ticker", "at", "open", "high", "low", "close", "volume")
    table = pl.DataFrame(drawn, schema=columns, orient="row").sort("at", maintain_order=True)
    at = pl.Series(SESSIONS[table["at"].to_numpy()].astype(np.int64))
    run = run_of([table.select("ticker", *FIELDS, at=at)])
    suspects = doubtful(run, SESSIONS)
    for ticker in run.places:
        bars = run.bars(ticker, "1d")
        assert bars is not None
        sifted = sift(bars, sessions=SESSIONS, interval="1d")
        if ticker not in suspects:
            assert sifted.findings == ()
            assert sifted.kept.at.tolist() == bars.at.tolist()


def test_sound_tickers_are_not_doubtful(folder: Path) -> None:
    """Else the checks would be as slow as without looking first."""
    assert doubtful(run_of([day_file_table(day) for day in DAYS]), SESSIONS) == frozenset()
    del folder


def day_file_table(day: date) -> pl.DataFrame:
    ordinal = (day - date(1970, 1, 1)).days
    return day_file(TICKERS, day).select(
        "ticker", *(pl.col(name).cast(pl.Float64) for name in FIELDS), at=pl.lit(ordinal, pl.Int64)
    )


def test_rows_in_any_order(tmp_path: Path, cache: Directory) -> None:
    """A file that is not sorted is imported like one that is."""
    for day in DAYS:
        table = day_file(TICKERS, day, interval="1m").sample(fraction=1.0, shuffle=True, seed=1)
        write_file(tmp_path, day, table, interval="1m")
    imported(tmp_path, cache, interval="1m")
    there = found(cache, "SPY", interval="1m").bars.at
    assert (np.diff(there.astype(int)) > 0).all()
    assert len(there) == 3 * sum(day.year == 2016 for day in DAYS)


@given(st.sets(st.sampled_from(DAYS)))
def test_stretches(days: set[date]) -> None:
    """They hold exactly the sessions, and no two of them touch."""
    stretches = stretches_of(days)
    held = [calendar.sessions(*each).tolist() for each in stretches]
    assert [day for stretch in held for day in stretch] == sorted(days)
    for (_, end), (begin, _) in itertools.pairwise(stretches):
        assert len(calendar.sessions(end, begin)) > 2


class TestActions:
    """Tables of the vendor's reference data."""

    SPLIT_ROWS = (
        "id,execution_date,split_from,split_to,ticker\nE1,2020-08-31,1,4,AAPL\nE2,2010-01-21,1,50,BRK.B\n"
    )
    DIVIDEND_ROWS = (
        "ticker,ex_dividend_date,cash_amount,dividend_type,currency\n"
        "SPY,2024-03-15,1.5949,CD,USD\nCOST,2023-12-27,15,SC,USD\nRY,2024-01-24,1.38,CD,CAD\n"
    )

    @pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
    def test_splits(self, kind: str, tmp_path: Path) -> None:
        """New shares for old ones, in our spelling."""
        path = write_table(tmp_path / f"splits.{kind}", self.SPLIT_ROWS)
        assert read_actions(path) == [
            Split(ticker="AAPL", ex_date=date(2020, 8, 31), new=4.0, old=1.0),
            Split(ticker="BRK-B", ex_date=date(2010, 1, 21), new=50.0, old=1.0),
        ]

    @pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
    def test_dividends(self, kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Special ones are said to be; those in another currency are left out, and that is logged."""
        path = write_table(tmp_path / f"dividends.{kind}", self.DIVIDEND_ROWS)
        assert read_actions(path) == [
            Dividend(ticker="COST", ex_date=date(2023, 12, 27), amount=15.0, special=True),
            Dividend(ticker="SPY", ex_date=date(2024, 3, 15), amount=1.5949),
        ]
        assert [record.action for record in caplog.records] == ["dividends_foreign"]

    @pytest.mark.parametrize(
        ("text", "line", "ticker", "words"),
        [
            (SPLIT_ROWS.replace("2010-01-21", "2010-01-32"), 3, "BRK.B", "'2010-01-32'"),
            (SPLIT_ROWS.replace(",4,", ",0,"), 2, "AAPL", "split_to"),
            (SPLIT_ROWS.replace(",4,", ",,"), 2, "AAPL", "split_to"),
            (DIVIDEND_ROWS.replace("15,SC", "x,SC"), 3, "COST", "cash_amount"),
            (DIVIDEND_ROWS.replace("SPY", ""), 2, None, "ticker"),
        ],
    )
    def test_rows_that_make_no_sense(
        self, text: str, line: int, ticker: str | None, words: str, tmp_path: Path
    ) -> None:
        """The error has the file, the line and the ticker."""
        path = write_table(tmp_path / "table.csv", text)
        with pytest.raises(SourceError) as caught:
            read_actions(path)
        assert (caught.value.source, caught.value.line, caught.value.ticker) == ("table.csv", line, ticker)
        assert words in caught.value.message

    def test_another_table(self, tmp_path: Path) -> None:
        """The error says what is missing, and what could be meant."""
        path = write_table(tmp_path / "table.csv", self.SPLIT_ROWS.replace("execution_date", "execution_day"))
        with pytest.raises(SourceError, match="no column 'execution_date'") as caught:
            read_actions(path)
        assert caught.value.hint == "Did you mean execution_day?"

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        """The error offers what is beside it."""
        write_table(tmp_path / "splits.csv", self.SPLIT_ROWS)
        with pytest.raises(SourceError, match="no such file") as caught:
            read_actions(tmp_path / "split.csv")
        assert caught.value.hint == "Did you mean splits.csv?"

    @pytest.mark.parametrize(
        "content", [b"", b"\x00\x01", gzip.compress(b"ticker\n" * 100, mtime=0)[:20], b"PAR1xxxx"]
    )
    def test_files_that_are_no_tables(self, content: bytes, tmp_path: Path) -> None:
        """Whatever it is, it is an error about the file."""
        path = tmp_path / "table.csv"
        path.write_bytes(content)
        with pytest.raises(SourceError) as caught:
            read_actions(path)
        assert caught.value.source == "table.csv"


def write_table(path: Path, text: str) -> Path:
    """The CSV text as a file of the kind that the name says."""
    if path.suffix == ".parquet":
        pl.read_csv(text.encode(), try_parse_dates=True).write_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)
    return path


def test_a_file_that_cannot_be_read(folder: Path, cache: Directory) -> None:
    """It is left out like any other bad one."""
    file_path(folder, BAD).unlink()
    file_path(folder, BAD).mkdir()
    assert "cannot be read" in imported(folder, cache).failed[BAD_FILE]
