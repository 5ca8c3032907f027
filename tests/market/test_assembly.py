"""From bars and actions to a panel: bases, spin-offs, jumps, closures, and a batch that asks at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import treefolio as tf
from treefolio.errors import MissingPrices, UsageError
from treefolio.market import calendar
from treefolio.market.actions import Split
from treefolio.market.adjust import adjusted
from treefolio.market.bars import DAILY, Bars
from treefolio.market.cache.directory import Directory
from treefolio.market.settings import MarketSettings
from treefolio.market.snapshots import keep, load
from treefolio.market.sources.alpaca import Alpaca
from treefolio.market.store import Store
from treefolio.market.supply import VendorSupply
from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.alpaca_wire import KEY, SECRET, AlpacaWire
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer

NAMES = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"]
FIRST, LAST = date(2019, 1, 2), date(2023, 12, 29)
NIGHT = datetime(2024, 3, 15, 23, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def served() -> Served:
    """The first splits 4 for 1, the second 1 for 10, the third spins off the fourth."""
    return made_up(NAMES, FIRST, LAST)


def settings_for(server: VendorServer, home: Path) -> MarketSettings:
    return MarketSettings(home=home, alpaca_data_url=server.url, alpaca_key=KEY, alpaca_secret=SECRET)


def supply_of(settings: MarketSettings, **details: object) -> VendorSupply:
    source = Alpaca(settings, watch=FakeClock(NIGHT))
    source.earliest = FIRST
    store = Store(source, Directory(settings.home / "cache", 10**9), watch=FakeClock(NIGHT))
    return VendorSupply(store=store, **details)  # type: ignore[arg-type]


@pytest.fixture
def server(served: Served) -> Iterator[VendorServer]:
    with VendorServer(AlpacaWire(served)) as server:
        yield server


@pytest.mark.parametrize("adjustment", ["raw", "split", "all"])
def test_each_basis(server: VendorServer, served: Served, tmp_path: Path, adjustment: str) -> None:
    """A panel's closes are the adjusted raw bars, spun-off children included; the basis is said."""
    supply = supply_of(settings_for(server, tmp_path), adjustment=adjustment)
    supplied = supply.supply(NAMES[:3], LAST)
    bars = served.of(DAILY)
    for name in NAMES[:3]:
        actions = [each for each in served.actions if each.ticker == name]
        expected = adjusted(bars[name], actions, basis=adjustment, as_of=LAST, child=bars.get)
        np.testing.assert_allclose(supplied.panel.column(name), expected.fields["close"], rtol=1e-12)
    assert supplied.notes == ()
    assert "alpaca sip" in supplied.panel.basis
    assert ("as of 2023-12-29" in supplied.panel.basis) == (adjustment != "raw")


def test_the_end_sets_the_basis(server: VendorServer, tmp_path: Path) -> None:
    """A panel to an earlier end is the same before and after later bars and actions are known."""
    before = supply_of(settings_for(server, tmp_path / "a")).supply(NAMES[:3], date(2021, 6, 30)).panel
    later = supply_of(settings_for(server, tmp_path / "b"))
    later.supply(NAMES[:3], LAST)
    assert later.supply(NAMES[:3], date(2021, 6, 30)).panel.content_hash == before.content_hash


def test_untold_split(served: Served, tmp_path: Path) -> None:
    """What lies before a jump by the ratio of a split is withheld, and said, until it is accepted."""
    split = next(each for each in served.actions if isinstance(each, Split) and each.ticker == "AAA")
    untold = replace(served, actions=tuple(each for each in served.actions if each is not split))
    with VendorServer(AlpacaWire(untold)) as server:
        supply = supply_of(settings_for(server, tmp_path))
        supplied = supply.supply(["AAA", "BBB"], LAST)
        close = supplied.panel.column("AAA")
        at = int(np.searchsorted(supplied.panel.sessions, np.datetime64(split.ex_date)))
        assert np.isnan(close[:at]).all()
        assert np.isfinite(close[at:]).all()
        assert any("AAA" in note and "--accept" in note for note in supplied.notes)
        supply.store.accepted = supply.store.accepted.also("alpaca sip", "AAA", [split.ex_date])
        assert np.isfinite(supply.supply(["AAA", "BBB"], LAST).panel.column("AAA")).all()


@pytest.mark.parametrize(("witnesses", "closed"), [(4, False), (6, True)])
def test_unscheduled_closure(served: Served, tmp_path: Path, witnesses: int, closed: bool) -> None:
    """A session on which nobody traded is none, when enough tickers say so; of few it is a gap."""
    day = np.datetime64("2022-05-11")
    bars = {name: each.where(each.at != day) for name, each in served.of(DAILY).items()}
    with VendorServer(AlpacaWire(Served(bars={DAILY: bars}, actions=served.actions))) as server:
        supplied = supply_of(settings_for(server, tmp_path)).supply(NAMES[:witnesses], LAST)
    assert (day in supplied.panel.sessions) == (not closed)
    assert any("2022-05-11" in note and "closure" in note for note in supplied.notes) == closed, (
        supplied.notes
    )


def test_nothing_at_all(server: VendorServer, tmp_path: Path) -> None:
    """It is an error that names the ticker and what was asked."""
    with pytest.raises(MissingPrices, match="no price of NOSUCH") as caught:
        supply_of(settings_for(server, tmp_path)).supply(["NOSUCH"], LAST)
    assert caught.value.ticker == "NOSUCH"
    assert "has no bars" in str(caught.value.hint)


def test_listed_later(served: Served, tmp_path: Path) -> None:
    """A ticker that was not listed yet has no price before; its earlier days are no misses later on."""
    listed = np.datetime64("2021-03-01")
    bars = dict(served.of(DAILY))
    bars["BBB"] = bars["BBB"].where(bars["BBB"].at >= listed)
    with VendorServer(AlpacaWire(Served(bars={DAILY: bars}))) as server:
        supply = supply_of(settings_for(server, tmp_path), adjustment="raw")
        panel = supply.supply(["AAA", "BBB"], LAST).panel
        again = supply.supply(["AAA", "BBB"], LAST)
    assert panel.sessions[np.isfinite(panel.column("BBB"))][0] == listed
    assert again.figures is not None
    assert again.figures.misses == 0


def test_the_end_is_the_last_session_that_is_over(server: VendorServer, tmp_path: Path) -> None:
    """During a session its bar is still growing; a day to come is refused."""
    supply = supply_of(settings_for(server, tmp_path))
    noon = datetime(2024, 11, 29, 17, 0, tzinfo=UTC)  # the half day after Thanksgiving, 12:00 in New York
    assert supply.last(None, noon) == date(2024, 11, 27)
    assert supply.last(None, noon.replace(hour=18)) == date(2024, 11, 29)  # it closes at 13:00
    assert supply.last(date(2024, 11, 29), noon) == date(2024, 11, 29)
    with pytest.raises(UsageError, match="2024-11-30 is in the future"):
        supply.last(date(2024, 11, 30), noon)


def test_a_batch_asks_once(server: VendorServer, served: Served, tmp_path: Path) -> None:
    """Forty backtests at once, each with its own client and store: as many requests as one, one result."""
    settings = settings_for(server, tmp_path)
    tree = tf.define("All", tf.If(tf.rsi("AAA", 10) > 50, "BBB", tf.equal(*NAMES[2:])))
    barrier = threading.Barrier(40)
    found: list[str] = []

    def work() -> None:
        asked_at = datetime.now(UTC)
        barrier.wait()
        prices = tf.vendor("alpaca", settings=settings, asked_at=asked_at)
        result = tf.run(tree, prices, end=LAST, benchmark=None)
        found.append(result.prepared.panel.content_hash)

    threads = [threading.Thread(target=work) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert len(set(found)) == 1
    bars = sum(len(each) for each in served.of(DAILY).values())
    assert sum("bars" in path for path in server.paths()) <= -(-bars // 10_000) + 2
    assert sum("corporate" in path for path in server.paths()) == 1
    assert server.refused == 0


SCRIPT = """
import sys
from datetime import date
from pathlib import Path
import treefolio as tf
from treefolio.market.settings import MarketSettings
home, url = sys.argv[1:]
keys = dict(alpaca_key="{key}", alpaca_secret="{secret}")
settings = MarketSettings(home=Path(home), alpaca_data_url=url, **keys)
print(tf.vendor("alpaca", settings=settings).supply({names}, date(2023, 12, 29)).panel.content_hash)
"""


def test_processes_fill_the_same_blocks(server: VendorServer, tmp_path: Path) -> None:
    """Four processes at once come to the same panel, and none is refused."""
    script = SCRIPT.format(key=KEY, secret=SECRET, names=NAMES[:3])
    command = [sys.executable, "-c", script, str(tmp_path), server.url]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({each.communicate()[0] for each in running}) == 1
    assert [each.returncode for each in running] == [0] * 4
    assert sum("bars" in path for path in server.paths()) == 2  # theirs, and the child that CCC spun off


def test_snapshot_is_the_panel(server: VendorServer, tmp_path: Path) -> None:
    """What was kept is what is loaded: prices, basis, source, and the hash; twice kept is kept once."""
    panel = supply_of(settings_for(server, tmp_path)).supply(NAMES, LAST).panel
    name = keep(panel, tmp_path)
    assert keep(panel, tmp_path) == name == panel.content_hash
    loaded = load(name[:10], tmp_path)
    assert (loaded.basis, loaded.source, loaded.tickers) == (panel.basis, panel.source, panel.tickers)
    for field, values in panel.fields.items():
        np.testing.assert_array_equal(loaded.fields[field], values)
    assert len(list((tmp_path / "snapshots").iterdir())) == 1


def test_bars_of_a_gap_stay_a_gap(served: Served, tmp_path: Path) -> None:
    """A session without a bar of one ticker is NaN there, and said by nobody: the run decides."""
    day = np.datetime64("2022-05-11")
    bars: dict[str, Bars] = dict(served.of(DAILY))
    bars["AAA"] = bars["AAA"].where(bars["AAA"].at != day)
    with VendorServer(AlpacaWire(Served(bars={DAILY: bars}))) as server:
        panel = supply_of(settings_for(server, tmp_path), adjustment="raw").supply(NAMES, LAST).panel
    assert len(panel.sessions) == len(calendar.sessions(FIRST, LAST))
    assert np.isnan(panel.column("AAA")[np.searchsorted(panel.sessions, day)])
