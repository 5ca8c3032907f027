"""Checks on ingest: one ticker's bars as delivered → those that count, those set aside, and what was found.

Set aside is what would change a result wrongly: a close that is no price, a bar on a day without a session,
two bars of one time that disagree, a high below the low. Everything else is kept and said. Whoever looked at
a session and found it right *accepts* it: then its bars count as delivered, and of several the last one. Two
things cannot be accepted, because no panel could hold them: a close that is no price, and a day without a
session.

Open, high and low of 0 mean "not known", as vendors write it, and become NaN. Jumps that look like a split
need the whole history on one basis: see `suspicion`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from treefolio.market.bars import DAILY, Bars, days_of, joined
from treefolio.market.panel import Dates, Series

Flags = NDArray[np.bool_]

DAY = np.dtype("datetime64[D]")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NOISE = 1e-6
"""Prices that differ by less, relatively, are one price: some vendors store float32."""
STALE_SESSIONS = 5
"""As many equal bars in a row are more than a quiet week."""


class Kind(StrEnum):
    """What was found."""

    DUPLICATE = "duplicate"
    """Two bars of one time: alike (merged), or not (set aside)."""
    OFF_CALENDAR = "off_calendar"
    """A bar on a day without a session."""
    GAP = "gap"
    """Sessions without a bar between the first and the last bar."""
    PRICE_NOT_POSITIVE = "price_not_positive"
    """A price of 0 or below, or a volume below 0."""
    NOT_FINITE = "not_finite"
    """A close that is no number, or another value that is infinite."""
    HIGH_BELOW_LOW = "high_below_low"
    OUTSIDE_RANGE = "outside_range"
    """Open or close outside low to high."""
    STALE = "stale"
    """The same bar again and again."""
    SPLIT_SHAPED = "split_shaped"
    """A jump by the ratio of a split, without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a bar that a person should know.

    Attributes:
        session: the day; the first one when it is about several.
        message: what is the matter, as a plain sentence without ticker and day.
        quarantined: it is not used, until somebody accepts the session.
    """

    ticker: str
    session: date
    kind: Kind
    message: str
    quarantined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What became of the delivered bars. Of two that are alike one is in `kept`, and none in `set_aside`.

    Attributes:
        kept: by time, none twice. set_aside: by time, as delivered. findings: by session.
    """

    kept: Bars
    set_aside: Bars
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """The bars under inspection, by time: with the session of each, whether the exchange had it, and whether
    somebody accepted it."""

    ticker: str
    bars: Bars
    days: Dates
    known: Flags
    accepted: Flags

    def where(self, chosen: Flags) -> _Look:
        return _Look(
            self.ticker,
            self.bars.where(chosen),
            self.days[chosen],
            self.known[chosen],
            self.accepted[chosen],
        )

    def found(self, at: int, kind: Kind, message: str, *, quarantined: bool = False) -> Finding:
        """A finding about the bar at position `at`."""
        when = self.bars.at[at]
        return Finding(
            ticker=self.ticker,
            session=self.days[at].item(),
            kind=kind,
            message=message if when.dtype == DAY else f"at {when} UTC {message}",
            quarantined=quarantined,
        )


def sift(
    bars: Bars,
    *,
    sessions: Dates,
    interval: str,
    accepted: Collection[date] = (),
    ticker: str = "",
) -> Sifted:
    """`bars` sifted. They come in any order.

    Args:
        sessions: (T,) datetime64[D], ascending: all sessions of the exchange over the time of the bars.
        interval: stale bars are looked for in daily ones only: within a day quiet is normal.
        accepted: sessions whose bars somebody found right.
        ticker: is put on the findings.
    """
    look = _look(bars, sessions, accepted, ticker)
    findings = _gaps(look, sessions)
    aside = []
    for check in (_off_calendar, _unusable, _duplicate, _crossed):
        gone, bad, found = check(look)
        if found:
            findings += found
            aside.append(look.bars.where(bad))
            look = look.where(~gone)
    findings += _outside(look)
    if interval == DAILY:
        findings += _stale(look)
    kept, found = _repaired(look)
    findings += found
    return Sifted(
        kept=kept,
        set_aside=_in_order(joined(aside)) if aside else bars.where(np.zeros(len(bars), np.bool_)),
        findings=tuple(sorted(findings, key=lambda finding: finding.session)),
    )


def _look(bars: Bars, sessions: Dates, accepted: Collection[date], ticker: str) -> _Look:
    bars = _in_order(bars)
    days = days_of(bars)
    chosen = np.array(sorted(accepted), dtype=DAY)
    return _Look(ticker, bars, days, _known(days, sessions), _member(days, chosen))


def _in_order(bars: Bars) -> Bars:
    """By time; bars of one time stay in the order of delivery."""
    if (bars.at[1:] >= bars.at[:-1]).all():
        return bars
    return bars.where(np.argsort(bars.at, kind="stable"))


def _between(days: Dates, sessions: Dates) -> Dates:
    """The sessions from the first to the last day."""
    if not len(days):
        return sessions[:0]
    return sessions[np.searchsorted(sessions, days[0]) : np.searchsorted(sessions, days[-1], side="right")]


def _known(days: Dates, sessions: Dates) -> Flags:
    """(R,) whether each day is a session."""
    between = _between(days, sessions)
    if np.array_equal(between, days):
        return np.ones(len(days), np.bool_)
    return _member(days, between)


def _gaps(look: _Look, sessions: Dates) -> list[Finding]:
    """Stretches of sessions without a bar, between the first and the last one."""
    between = _between(look.days, sessions)
    if np.array_equal(between, look.days):
        return []
    return [
        Finding(
            ticker=look.ticker,
            session=between[begin].item(),
            kind=Kind.GAP,
            message=f"no bar{_lasting(between[begin:end])}",
            quarantined=False,
        )
        for begin, end in _stretches(~_member(between, look.days))
    ]


def _lasting(days: Dates) -> str:
    """How long a stretch is, when it is longer than its first day."""
    return "" if len(days) == 1 else f" on {len(days)} sessions, up to {days[-1]}"


def _stretches(flags: Flags) -> Iterator[tuple[int, int]]:
    """Begin and end of each run of true ones, the end not included."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))).tolist()
    return zip(edges[::2], edges[1::2], strict=True)


def _places(flags: Flags) -> list[int]:
    """Where it is true."""
    places: list[int] = np.flatnonzero(flags).tolist()
    return places


def _member(days: Dates, among: Dates) -> Flags:
    """Whether each day is one of those in `among`, which ascend."""
    if not len(among):
        return np.zeros(len(days), np.bool_)
    known, asked = among.astype(DAY).view(np.int64), days.astype(DAY).view(np.int64)
    found: Flags = known[np.searchsorted(known, asked).clip(max=len(known) - 1)] == asked
    return found


Verdict = tuple[Flags, Flags, list[Finding]]
"""Of each bar: whether it goes, whether it goes aside, and what was found. Nothing goes without a finding."""


def _off_calendar(look: _Look) -> Verdict:
    off = ~look.known
    found = [
        look.found(
            at,
            Kind.OFF_CALENDAR,
            f"no session on that {WEEKDAYS[look.days[at].item().weekday()]}",
            quarantined=True,
        )
        for at in _places(off)
    ]
    return off, off, found


def _unusable(look: _Look) -> Verdict:
    close = look.bars.fields["close"]
    bad = ~((close > 0) & (close < np.inf))
    found = [
        look.found(
            at,
            Kind.PRICE_NOT_POSITIVE if np.isfinite(close[at]) else Kind.NOT_FINITE,
            f"the close is {close[at]:g}",
            quarantined=True,
        )
        for at in _places(bad)
    ]
    return bad, bad, found


def _duplicate(look: _Look) -> Verdict:
    """Bars of one time: of equal ones the first stays, of accepted ones the last, of others none."""
    again = look.bars.at[1:] == look.bars.at[:-1]
    gone, bad = np.zeros(len(look.days), np.bool_), np.zeros(len(look.days), np.bool_)
    found = []
    for begin, last in _stretches(again):
        end = last + 1
        differs = [name for name, each in look.bars.fields.items() if not _equal(each[begin:end])]
        if not differs:
            gone[begin + 1 : end] = True
            found.append(look.found(begin, Kind.DUPLICATE, f"delivered {end - begin} times, alike"))
            continue
        values = ", ".join(f"{each:g}" for each in look.bars.fields[differs[0]][begin:end])
        message = f"delivered {end - begin} times, with different values: {differs[0]} {values}"
        accepted = bool(look.accepted[begin])
        bad[begin : end - accepted] = True
        found.append(look.found(begin, Kind.DUPLICATE, message, quarantined=not accepted))
    return gone | bad, bad, found


def _equal(values: Series) -> bool:
    """Whether all values are one, or all are not known."""
    return bool((values == values[0]).all() or np.isnan(values).all())


def _crossed(look: _Look) -> Verdict:
    high, low = look.bars.fields["high"], look.bars.fields["low"]
    crossed = (high < low * (1 - NOISE)) & (high > 0) & (low < np.inf)
    bad = crossed & ~look.accepted
    found = [
        look.found(
            at,
            Kind.HIGH_BELOW_LOW,
            f"the high of {high[at]:g} is below the low of {low[at]:g}",
            quarantined=bool(bad[at]),
        )
        for at in _places(crossed)
    ]
    return bad, bad, found


def _outside(look: _Look) -> list[Finding]:
    """Open or close outside low to high, where high and low are known and not crossed."""
    fields = look.bars.fields
    open_, close = fields["open"], fields["close"]
    bottom, top = fields["low"] * (1 - NOISE), fields["high"] * (1 + NOISE)
    early = ((open_ < bottom) & (open_ > 0)) | (open_ > top)
    late = (close < bottom) | (close > top)
    outside = (early | late) & (bottom > 0) & (top >= bottom)
    return [
        look.found(
            at,
            Kind.OUTSIDE_RANGE,
            f"{' and '.join(name for name, is_out in (('open', early[at]), ('close', late[at])) if is_out)} "
            f"outside low to high, {fields['low'][at]:g} to {fields['high'][at]:g}",
        )
        for at in _places(outside)
    ]


def _stale(look: _Look) -> list[Finding]:
    """Runs of equal bars; a volume that is not known both times counts as equal."""
    fields = look.bars.fields
    volume = fields["volume"]
    same = (volume[1:] == volume[:-1]) | (np.isnan(volume[1:]) & np.isnan(volume[:-1]))
    for name in ("open", "high", "low", "close"):
        same &= fields[name][1:] == fields[name][:-1]
    return [
        look.found(begin, Kind.STALE, f"the same bar{_lasting(look.days[begin : end + 1])}")
        for begin, end in _stretches(same)
        if end + 1 - begin >= STALE_SESSIONS
    ]


def _repaired(look: _Look) -> tuple[Bars, list[Finding]]:
    """Open, high and low of 0 as NaN; likewise what is below 0 or infinite, and that is said."""
    fields, found = dict(look.bars.fields), []
    for name in fields.keys() - {"close"}:
        values = fields[name]
        least = values >= 0 if name == "volume" else values > 0
        if (least & (values < np.inf)).all():
            continue
        wrong = (values < 0) | np.isinf(values)
        found += [
            look.found(
                at,
                Kind.NOT_FINITE if np.isinf(values[at]) else Kind.PRICE_NOT_POSITIVE,
                f"the {name} is {values[at]:g}: taken as not known",
            )
            for at in _places(wrong)
        ]
        fields[name] = np.where(least & ~wrong, values, np.nan)
    return Bars(at=look.bars.at, fields=fields), found
