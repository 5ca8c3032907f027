"""What the tests of one vendor share: a served market, a clock, and a server that speaks the vendor's wire.

A module brings its own `wire`, or its own of any of these.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from source_cases import FIRST, LAST, NOW, TICKERS

from treefolio.testing.clock import FakeClock
from treefolio.testing.vendors.served import Served, made_up
from treefolio.testing.vendors.server import VendorServer, Wire


@pytest.fixture(scope="session")
def served() -> Served:
    return made_up(TICKERS, FIRST, LAST)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def server(wire: Wire) -> Iterator[VendorServer]:
    with VendorServer(wire) as listening:
        yield listening
