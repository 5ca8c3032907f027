"""The funds of the synthetic market: two tables.

Names, listing dates and the kind of exposure are those of real funds, so that real strategies run on them;
every price is made up. `FUNDS` load on the factors of `weather`, `GEARED` multiply the daily return of a
fund.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

Loads = tuple[tuple[str, float], ...]

EVER = "2007-01-03"


@dataclass(frozen=True, slots=True)
class Fund:
    """A fund that loads on factors.

    Attributes:
        ticker: its name.
        listed: its first session.
        price: its close on that session, USD.
        loads: factor and loading, in the order of addition.
        own: standard deviation of what it alone does a day.
        drift: what it alone earns a year, as a fraction.
        volume: shares on an ordinary day.
    """

    ticker: str
    listed: date
    price: float
    loads: Loads
    own: float
    drift: float
    volume: float


@dataclass(frozen=True, slots=True)
class Geared:
    """A fund that earns `leverage` times the daily return of the fund `of`, less financing and fee.

    `fee` is per year, as a fraction; the others are as in `Fund`.
    """

    ticker: str
    listed: date
    price: float
    of: str
    leverage: float
    fee: float
    volume: float


def _fund(
    ticker: str, listed: str, price: float, loads: str, own: float, *, drift: float = 0.0, volume: float = 5e6
) -> Fund:
    """A row of FUNDS; loads are written ``market 1.1, tech 0.5``."""
    pairs = [each.split() for each in loads.split(",")]
    parsed = tuple((name, float(loading)) for name, loading in pairs)
    return Fund(ticker, date.fromisoformat(listed), price, parsed, own, drift, volume)


def _geared(line: str) -> Geared:
    """A row of GEARED: ticker, fund, leverage, listing date, first price."""
    ticker, of, leverage, listed, price = line.split()
    factor = float(leverage)
    return Geared(ticker, date.fromisoformat(listed), float(price), of, factor, 0.0095, 8e6)


FUNDS: tuple[Fund, ...] = (
    # Markets and styles.
    _fund("SPY", EVER, 100, "market 1", 0.0002, volume=80e6),
    _fund("VOO", "2010-09-09", 85, "market 1", 0.0003),
    _fund("VTI", EVER, 50, "market 1.01, small 0.1", 0.0004),
    _fund("DIA", EVER, 85, "market 0.94, tech -0.25, value 0.2", 0.0015),
    _fund("RSP", EVER, 35, "market 1.03, small 0.25, value 0.3", 0.0012),
    _fund("QQQ", EVER, 38, "market 1.08, tech 1", 0.0015, drift=0.035, volume=50e6),
    _fund("QQQE", "2012-03-21", 25, "market 1.06, tech 0.75", 0.002, drift=0.015),
    _fund("IWM", EVER, 65, "market 1.12, small 1, banks 0.15", 0.002, drift=-0.01, volume=30e6),
    _fund("MDY", EVER, 125, "market 1.07, small 0.7", 0.002),
    _fund("VTV", EVER, 45, "market 0.95, value 0.6, tech -0.25", 0.001),
    _fund("VOOV", "2010-09-09", 42, "market 0.97, value 0.5, tech -0.3", 0.001),
    _fund("VOOG", "2010-09-09", 43, "market 1.02, tech 0.5", 0.001, drift=0.015),
    _fund("SPHB", "2011-05-05", 20, "market 1.4, small 0.5, semis 0.2", 0.0035),
    _fund("SPLV", "2011-05-05", 20, "market 0.68, defensive 0.7, duration 1", 0.0018),
    # Sectors and industries.
    _fund("XLK", EVER, 19, "market 1.08, tech 1.1, semis 0.15", 0.002, drift=0.03, volume=9e6),
    _fund("XLE", EVER, 38, "market 0.95, oil 0.45", 0.006, drift=-0.03, volume=15e6),
    _fund("XLF", EVER, 17, "market 1.1, banks 1, duration -2", 0.003, drift=-0.01, volume=40e6),
    _fund("XLV", EVER, 26, "market 0.82, health 1, defensive 0.3", 0.002),
    _fund("XLU", EVER, 22, "market 0.6, defensive 1.2, duration 4", 0.0045, volume=12e6),
    _fund("XLP", EVER, 17, "market 0.62, defensive 1.1, duration 1", 0.002, volume=10e6),
    _fund("XLI", EVER, 26, "market 1.05, value 0.5, small 0.15", 0.0025),
    _fund("XLB", EVER, 25, "market 1.06, value 0.5, gold 0.1, oil 0.06", 0.0035),
    _fund("XLY", EVER, 30, "market 1.08, tech 0.35, homes 0.2", 0.003, drift=0.015),
    _fund("XLC", "2018-06-19", 48, "market 1.05, tech 0.7", 0.004),
    _fund("XLRE", "2015-10-08", 23, "market 0.9, defensive 0.7, duration 5", 0.005, drift=-0.03),
    _fund("IYR", EVER, 48, "market 0.95, defensive 0.6, duration 5", 0.0055, drift=-0.03),
    _fund("VOX", EVER, 50, "market 0.98, tech 0.5", 0.004),
    _fund("VDE", EVER, 60, "market 0.96, oil 0.46", 0.006, drift=-0.03),
    _fund("SMH", EVER, 13, "market 1.25, tech 1, semis 1.05", 0.004, drift=0.05),
    _fund("SOXX", EVER, 17, "market 1.25, tech 1, semis 1", 0.004, drift=0.045),
    _fund("XBI", EVER, 16, "market 1.1, health 0.6, biotech 1, small 0.4", 0.006, drift=0.02),
    _fund("IBB", EVER, 25, "market 1, health 0.8, biotech 0.7", 0.004, drift=0.02),
    _fund("XHB", EVER, 30, "market 1.2, homes 1, small 0.4", 0.004),
    _fund("KRE", EVER, 40, "market 1.15, banks 1.7, small 0.5, duration -3", 0.005, drift=-0.03),
    # Abroad.
    _fund("EFA", EVER, 50, "market 0.95, abroad 1, dollar -0.5", 0.002, drift=-0.05, volume=20e6),
    _fund(
        "EEM", EVER, 28, "market 1.05, emerging 1, dollar -0.6, china 0.25", 0.003, drift=-0.07, volume=35e6
    ),
    _fund("FXI", EVER, 27, "market 0.95, emerging 0.6, china 1.1", 0.005, drift=-0.08, volume=25e6),
    _fund(
        "EWZ", EVER, 30, "market 1.15, emerging 1.1, oil 0.2, dollar -0.9", 0.009, drift=-0.09, volume=20e6
    ),
    _fund("IOO", EVER, 55, "market 0.99, abroad 0.3, tech 0.15", 0.001),
    # Bonds and cash.
    _fund("TLT", EVER, 60, "duration 16.5, carry 1", 0.0008, volume=12e6),
    _fund("TLH", "2007-01-11", 70, "duration 12, carry 1", 0.0008),
    _fund("EDV", "2008-01-29", 55, "duration 23, carry 1", 0.0015),
    _fund("IEF", EVER, 62, "duration 7.5, carry 0.8, cash 0.2", 0.0004),
    _fund("IEI", "2007-01-11", 75, "duration 4.4, carry 0.6, cash 0.4", 0.0003),
    _fund("SHY", EVER, 65, "duration 1.2, carry 0.2, cash 0.8", 0.00015),
    _fund("SHV", "2007-01-11", 90, "duration 0.1, cash 1", 0.00005),
    _fund("BIL", "2007-05-30", 75, "cash 0.97", 0.00003),
    _fund("AGG", EVER, 65, "duration 5.8, carry 0.9, credit 0.2", 0.0005),
    _fund("BND", "2007-04-10", 48, "duration 6, carry 0.9, credit 0.2", 0.0005),
    _fund("BSV", "2007-04-10", 55, "duration 2.5, carry 0.5, cash 0.5", 0.0003),
    _fund("TIP", EVER, 65, "duration 6.3, carry 0.8, oil 0.02", 0.0012),
    _fund("STIP", "2010-12-03", 78, "duration 2.3, carry 0.5, cash 0.4, oil 0.02", 0.0006),
    _fund("LQD", EVER, 55, "duration 8, carry 1.2, credit 1, market 0.08", 0.0008),
    _fund("CORP", "2010-09-20", 62, "duration 7, carry 1.2, credit 0.9, market 0.06", 0.0009),
    _fund("IGIB", "2007-01-11", 30, "duration 5.5, carry 1.1, credit 0.8, market 0.06", 0.0008),
    _fund("HYG", "2007-04-11", 38, "duration 2.5, carry 1.1, credit 1.5, market 0.36", 0.001, volume=25e6),
    # Commodities, the dollar, crypto.
    _fund("GLD", EVER, 62, "gold 1, dollar -0.6, duration 2", 0.002, drift=0.06, volume=9e6),
    _fund("SLV", EVER, 12.5, "gold 1.4, market 0.25, dollar -0.5", 0.009, drift=0.03, volume=15e6),
    _fund("GDX", EVER, 35, "gold 1.3, miners 1, market 0.4", 0.006, drift=0.02, volume=25e6),
    _fund("USO", EVER, 350, "oil 1, market 0.35, dollar -0.4", 0.004, drift=-0.05),
    _fund("DBO", "2007-01-05", 22, "oil 0.9, market 0.3, dollar -0.4", 0.004, drift=-0.03),
    _fund("DBC", EVER, 22, "oil 0.5, gold 0.12, market 0.25, dollar -0.4", 0.003, drift=-0.02),
    _fund("PDBC", "2014-11-07", 17, "oil 0.5, gold 0.12, market 0.25, dollar -0.4", 0.003, drift=-0.01),
    _fund("UNG", "2007-04-18", 9_000, "gas 1, oil 0.1", 0.006, drift=-0.2),
    _fund("UUP", "2007-03-01", 22, "dollar 1, market -0.08, cash 0.6", 0.0005),
    _fund("BITO", "2021-10-19", 30, "crypto 1, market 1, tech 0.8", 0.006, drift=0.1),
    # Volatility and alternatives.
    _fund("VIXY", "2011-01-04", 900_000, "volatility 1", 0.002),
    _fund("VXX", "2009-01-30", 2_000_000, "volatility 1", 0.002, volume=20e6),
    _fund("VIXM", "2011-01-04", 600, "volatility 0.45", 0.004, drift=0.08),
    _fund(
        "BTAL",
        "2011-09-13",
        23,
        "market -0.42, small -0.45, tech -0.2, defensive 0.5, cash 0.8",
        0.004,
        drift=0.05,
    ),
    _fund(
        "KMLM", "2020-12-02", 24, "trend 1, duration -2, oil 0.06, market -0.06, cash 1", 0.003, drift=0.03
    ),
    _fund("DBMF", "2019-05-08", 22, "trend 1, market 0.1, duration -2, cash 1", 0.003, drift=0.03),
    # Companies.
    _fund("AAPL", EVER, 2.6, "market 1.1, tech 1.1", 0.011, drift=0.12, volume=90e6),
    _fund("MSFT", EVER, 22, "market 1.05, tech 1", 0.009, drift=0.07, volume=30e6),
    _fund("NVDA", EVER, 0.55, "market 1.4, tech 1.2, semis 1.3", 0.018, drift=0.28, volume=200e6),
    _fund("AMD", EVER, 19, "market 1.5, tech 1, semis 1.4", 0.024, drift=0.15, volume=50e6),
    _fund("AMZN", EVER, 2, "market 1.1, tech 1.1", 0.014, drift=0.12, volume=60e6),
    _fund("GOOG", EVER, 11.5, "market 1.05, tech 1", 0.01, drift=0.06, volume=25e6),
    _fund("META", "2012-05-18", 38, "market 1.1, tech 1.1", 0.016, drift=0.1, volume=20e6),
    _fund("TSLA", "2010-06-29", 1.6, "market 1.5, tech 1.1", 0.028, drift=0.3, volume=100e6),
    _fund("LLY", EVER, 30, "market 0.7, health 1, defensive 0.4", 0.011, drift=0.1),
    _fund("COST", EVER, 38, "market 0.8, defensive 0.5", 0.009, drift=0.08),
    _fund("JPM", EVER, 30, "market 1.15, banks 1.1, duration -2", 0.008, drift=0.03),
    _fund("XOM", EVER, 38, "market 0.8, oil 0.35, value 0.4", 0.006),
)

GEARED: tuple[Geared, ...] = tuple(
    map(
        _geared,
        """\
        QLD   QQQ  2    2007-01-03 1.5
        TQQQ  QQQ  3    2010-02-11 0.5
        PSQ   QQQ  -1   2007-01-03 250
        QID   QQQ  -2   2007-01-03 9000
        SQQQ  QQQ  -3   2010-02-11 90000
        SSO   SPY  2    2007-01-03 10
        UPRO  SPY  3    2009-06-25 1.5
        SPXL  SPY  3    2008-11-05 2.5
        SH    SPY  -1   2007-01-03 180
        SDS   SPY  -2   2007-01-03 3000
        SPXU  SPY  -3   2009-06-25 20000
        SPXS  SPY  -3   2008-11-05 30000
        DDM   DIA  2    2007-01-03 10
        UDOW  DIA  3    2010-02-11 3
        DOG   DIA  -1   2007-01-03 120
        DXD   DIA  -2   2007-01-03 2500
        SDOW  DIA  -3   2010-02-11 15000
        UWM   IWM  2    2007-01-25 12
        TNA   IWM  3    2008-11-05 12
        URTY  IWM  3    2010-02-11 15
        RWM   IWM  -1   2007-01-25 100
        TZA   IWM  -3   2008-11-05 60000
        SRTY  IWM  -3   2010-02-11 60000
        MVV   MDY  2    2007-01-03 12
        USD   SOXX 2    2007-02-01 1.5
        SOXL  SOXX 3    2010-03-11 1
        SOXS  SOXX -3   2010-03-11 9000000
        ROM   XLK  2    2007-02-01 3
        TECL  XLK  3    2008-12-17 0.7
        TECS  XLK  -3   2008-12-17 200000
        UYG   XLF  2    2007-02-01 40
        FAS   XLF  3    2008-11-06 20
        FAZ   XLF  -3   2008-11-06 60000
        ERX   XLE  2    2008-11-06 60
        ERY   XLE  -2   2008-11-06 8000
        CURE  XLV  3    2011-06-15 6
        LABU  XBI  3    2015-05-28 400
        LABD  XBI  -3   2015-05-28 20000
        UTSL  XLU  3    2017-05-03 25
        NAIL  XHB  3    2015-08-19 20
        DRN   IYR  3    2009-07-16 8
        DRV   IYR  -3   2009-07-16 20000
        EDC   EEM  3    2008-12-17 60
        EDZ   EEM  -3   2008-12-17 20000
        YINN  FXI  3    2009-12-03 300
        YANG  FXI  -3   2009-12-03 20000
        HIBL  SPHB 3    2019-11-07 25
        TBF   TLT  -1   2009-08-20 50
        UBT   TLT  2    2010-01-21 20
        TBT   TLT  -2   2008-05-01 200
        TMF   TLT  3    2009-04-16 60
        TMV   TLT  -3   2009-04-16 600
        TYD   IEF  3    2009-04-16 20
        TYO   IEF  -3   2009-04-16 60
        UGL   GLD  2    2008-12-03 25
        GLL   GLD  -2   2008-12-03 150
        NUGT  GDX  2    2010-12-08 1000
        DUST  GDX  -2   2010-12-08 20000
        UCO   USO  2    2008-11-25 900
        SCO   USO  -2   2008-11-25 2000
        BOIL  UNG  2    2011-10-04 900000
        KOLD  UNG  -2   2011-10-04 500
        UVXY  VIXY 1.5  2011-10-04 9000000000
        SVXY  VIXY -0.5 2011-10-04 15
        UVIX  VIXY 2    2022-03-30 90000
        SVIX  VIXY -1   2022-03-30 15
        """.strip().splitlines(),
    )
)
