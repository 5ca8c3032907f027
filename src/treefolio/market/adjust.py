"""Adjustment: raw bars and corporate actions → prices on one basis, as of a date.

Backward, by the ratio method: the newest price stays as it was traded, and every action multiplies all prices
before its ex-date. Of an action's session, with C the raw close of the bar before it:

* **a split** of `new` for `old`: prices by old/new, volume by new/old;
* **cash**: prices by 1 − ΣD/C, over all dividends and spin-offs of that session. What was held through it
  then earned close/(C − ΣD): the payout is re-invested at the price that the payout alone leaves;
* **a spin-off** is cash of D = rate × the child's raw close on its first session from the ex-date on.

Cash comes before a split of the same ex-date: it is paid on the shares held the evening before, so its amount
and C are both in old shares, and 1 − ΣD/C needs no conversion. (Where a split's ex-date is earlier, yet no
bar lies between, the amount is in new shares and is converted.) An ex-date without a bar counts from the next
bar. Actions after the date of adjustment do not exist.

What cannot be right is not applied, and a note says so: nothing here raises for a vendor's error.
`factors` computes, `apply` multiplies, `adjusted` is both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.errors import UsageError
from treefolio.market import calendar
from treefolio.market.actions import Action, Dividend, SpinOff, Split
from treefolio.market.bars import ADJUSTMENTS, RAW, SPLIT, TOTAL, Bars, days_of
from treefolio.market.panel import Dates, Series

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
PricesOf = Callable[[str], Bars | None]

MOST_SHARES = 1_000.0
"""A split of more for one, or of one for more, is a vendor's error."""
CHILD_SESSIONS = 10
"""A spun-off child must have a price within as many sessions from the ex-date on."""
RECENT_DAYS = 15
"""A dividend after the last bar needs a last bar at most as many days before it."""
EPOCH = date(1970, 1, 1).toordinal()
PAYMENT = attrgetter("ex_date", "amount", "special")
"""What makes two dividends of a ticker one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What the delivered prices and volumes are multiplied by.

    Attributes:
        price: (R,) float64 above 0: for open, high, low and close. volume: (R,) float64 above 0.
        notes: what was not applied, and why; whole sentences that name the ticker.
    """

    price: Series
    volume: Series
    notes: tuple[str, ...] = ()


class _Splits(NamedTuple):
    """Splits by ex-date: days since 1970, the bar from which each counts, the new shares for an old one, and
    the old ones for a new one."""

    ex: Ints
    place: Ints
    up: Series
    down: Series


class _Cash(NamedTuple):
    """Payouts by ex-date: days since 1970, and USD for each share held before."""

    ex: Ints
    amount: Series


def no_prices(ticker: str) -> Bars | None:  # noqa: ARG001 - the shape of a callback
    """For callers who know of no child's prices: spin-offs are then not applied, and noted."""
    return None


def adjusted(
    bars: Bars,
    actions: Sequence[Action],
    *,
    basis: str,
    as_of: date,
    delivered: str = RAW,
    delivered_on: date | None = None,
    child: PricesOf = no_prices,
) -> Bars:
    """`bars` on `basis`, as of a date: `apply` of `factors`, for whoever does not need their notes."""
    made = factors(
        days_of(bars),
        bars.fields["close"],
        actions,
        basis=basis,
        as_of=as_of,
        prices_of=child,
        delivered=delivered,
        delivered_on=delivered_on,
    )
    return apply(bars, made)


def apply(bars: Bars, made: Factors) -> Bars:
    """`bars` times the factors. One factor for all four prices: low ≤ close ≤ high survives the rounding."""
    return Bars(
        at=bars.at,
        fields={
            name: values * (made.volume if name == "volume" else made.price)
            for name, values in bars.fields.items()
        },
    )


def factors(
    days: Dates,
    close: Series,
    actions: Sequence[Action],
    *,
    basis: str,
    as_of: date,
    prices_of: PricesOf = no_prices,
    delivered: str = RAW,
    delivered_on: date | None = None,
) -> Factors:
    """The factors from what was delivered to `basis`, as of a date.

    Args:
        days: (R,) datetime64[D], ascending; repeated by bars shorter than a day.
        close: (R,) float64, as delivered. Bars without a close above 0 are passed over.
        actions: of this one ticker, in any order; amounts in USD per share of that day.
        basis: ``raw``, ``split`` or ``all``.
        prices_of: the raw daily bars of a spun-off child, None when there are none.
        delivered: ``raw``, or ``split`` when the source applied the splits up to `delivered_on` (by default
            up to `as_of`) to all its prices: those that are not wanted are then undone.

    Raises:
        UsageError: `basis` is none of the three.
    """
    if basis not in ADJUSTMENTS:
        raise UsageError(f"no basis {basis!r}", hint=f"A basis is one of {', '.join(ADJUSTMENTS)}.")
    rows = len(days)
    if not rows or not actions:
        return Factors(price=np.ones(rows), volume=np.ones(rows))
    notes: list[str] = []
    when = days.astype("datetime64[D]").view(np.int64)
    last = _number(as_of)
    told = last if delivered_on is None else _number(delivered_on)
    splits = _splits(actions, when, max(last, told), notes)
    made = (splits.ex <= told) & (delivered == SPLIT)
    wanted = (splits.ex <= last) & (basis != RAW)
    price, volume = _change(splits, made, wanted, rows)
    if basis == TOTAL:
        cash = _cash(actions, last, prices_of, notes)
        raw = close * _behind(splits.place[made], splits.up[made], rows) if made.any() else close
        price = price * _payouts(actions[0].ticker, cash, when, raw, splits, notes)
    return Factors(price=price, volume=volume, notes=tuple(notes))


def _number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - EPOCH


def _day(number: np.int64) -> date:
    """The day of a number of days since 1970."""
    return date.fromordinal(int(number) + EPOCH)


def _behind(place: Ints, steps: Series, rows: int) -> Series:
    """(rows,) the product of the steps that lie behind each row: of those whose place is above it.

    `place` ascends, from 0 to `rows`. The product is exactly 1 from the last place on.
    """
    if not len(steps):
        return np.ones(rows)
    left = np.concatenate((np.cumprod(steps[::-1])[::-1], [1.0]))
    return np.repeat(left, np.diff(np.concatenate(([0], place, [rows]))))


def _splits(actions: Iterable[Action], when: Ints, until: int, notes: list[str]) -> _Splits:
    """The splits up to the day `until` that can be right, by ex-date; two of one ratio on one day are one."""
    kept: dict[tuple[int, float], Split] = {}
    for split in [action for action in actions if type(action) is Split]:
        day = _number(split.ex_date)
        possible = 0 < split.new < np.inf and 0 < split.old < np.inf
        ratio = split.new / split.old if possible else np.nan
        if 1 / MOST_SHARES <= ratio <= MOST_SHARES:
            kept.setdefault((day, ratio), split)
        elif day <= until:
            notes.append(
                f"{split.ticker}: the split of {split.new:g} for {split.old:g} on {split.ex_date} "
                "is not applied: shares are not split so"
            )
    order = sorted(key for key in kept if key[0] <= until)
    ex = np.array([day for day, _ in order], dtype=np.int64)
    return _Splits(
        ex=ex,
        place=np.searchsorted(when, ex),
        up=np.array([ratio for _, ratio in order], dtype=np.float64),
        down=np.array([kept[key].old / kept[key].new for key in order], dtype=np.float64),
    )


def _change(splits: _Splits, made: Flags, wanted: Flags, rows: int) -> tuple[Series, Series]:
    """The splits' factors of price and volume: wanted ones are applied and made ones undone; what is both
    stays as it is, exactly."""
    if np.array_equal(made, wanted):
        return np.ones(rows), np.ones(rows)
    do, undo = wanted & ~made, made & ~wanted
    price = np.where(do, splits.down, np.where(undo, splits.up, 1.0))
    volume = np.where(do, splits.up, np.where(undo, splits.down, 1.0))
    return _behind(splits.place, price, rows), _behind(splits.place, volume, rows)


def _cash(actions: Iterable[Action], last: int, prices_of: PricesOf, notes: list[str]) -> _Cash:
    """Dividends, and spin-offs at what they were worth, up to the day `last`."""
    paid = [action for action in actions if type(action) is Dividend]
    listed = sorted(set(map(PAYMENT, paid)))
    if len(listed) < len(paid):
        twice = len(paid) - len(listed)
        notes.append(f"{paid[0].ticker}: dividends that are listed twice count once: {twice}")
    ex = np.array([day.toordinal() for day, _, _ in listed], dtype=np.int64) - EPOCH
    amount = np.array([amount for _, amount, _ in listed], dtype=np.float64)
    due = ex <= last
    sound = (amount > 0) & (amount < np.inf)
    notes += [
        f"{paid[0].ticker}: the dividend of {amount[at]:g} on {_day(ex[at])} is not applied: nobody pays so"
        for at in np.flatnonzero(due & ~sound)
    ]
    cash = _Cash(ex[due & sound], amount[due & sound])
    spun = {each for each in actions if type(each) is SpinOff and _number(each.ex_date) <= last}
    return _with_spin_offs(cash, sorted(spun), prices_of, notes) if spun else cash


def _with_spin_offs(cash: _Cash, spun: Iterable[SpinOff], prices_of: PricesOf, notes: list[str]) -> _Cash:
    """`cash` and what the children were worth, by ex-date."""
    ex, amount = list(cash.ex), list(cash.amount)
    for each in spun:
        worth = _worth(each, prices_of)
        if isinstance(worth, str):
            notes.append(
                f"{each.ticker}: the spin-off of {each.child} on {each.ex_date} is not applied: {worth}"
            )
        else:
            ex.append(np.int64(_number(each.ex_date)))
            amount.append(np.float64(worth))
    order = np.argsort(ex, kind="stable")
    return _Cash(np.array(ex, dtype=np.int64)[order], np.array(amount, dtype=np.float64)[order])


def _worth(spun: SpinOff, prices_of: PricesOf) -> float | str:
    """What each share received in shares of the child, in USD; or why that is not known."""
    bars = prices_of(spun.child)
    days = np.empty(0, "datetime64[D]") if bars is None else days_of(bars)
    at = int(np.searchsorted(days, np.datetime64(spun.ex_date)))
    if bars is None or at == len(days):
        return f"{spun.child} has no price from that day on"
    if len(calendar.sessions(spun.ex_date, days[at].item())) > CHILD_SESSIONS:
        return f"the next price of {spun.child} is of {days[at]}"
    worth = float(spun.rate * bars.fields["close"][at])
    return worth if 0 < worth < np.inf else f"{spun.rate:g} shares of {spun.child} would be worth {worth:g}"


def _payouts(ticker: str, cash: _Cash, when: Ints, raw: Series, splits: _Splits, notes: list[str]) -> Series:
    """(R,) the payouts' factor of price. `raw`: (R,) closes as they were traded."""
    place = np.searchsorted(when, cash.ex)
    before = _last_known(raw)[place - 1]
    late = (place == len(when)) & (cash.ex > when[-1] + RECENT_DAYS)
    if late.any():
        notes.append(
            f"{ticker}: {late.sum()} payouts after {_day(when[-1])}, the last bar, are not applied: "
            "they change all its prices alike"
        )
    counted = (place > 0) & (before >= 0) & ~late
    ex, amount, place, before = cash.ex[counted], cash.amount[counted], place[counted], before[counted]
    for split_ex, up in zip(splits.ex, splits.up, strict=True):
        amount = np.where((when[before] < split_ex) & (split_ex < ex), amount * up, amount)
    if not len(place):
        return np.ones(len(when))
    first = np.flatnonzero(np.concatenate(([True], place[1:] != place[:-1])))
    share = np.add.reduceat(amount, first) / raw[before[first]]
    notes += [
        f"{ticker}: what was paid on {_day(ex[at])} is not applied: it is no less than the close before, "
        f"{raw[before[at]]:g}"
        for at in first[share >= 1]
    ]
    return _behind(place[first], np.where(share < 1, 1 - share, 1.0), len(when))


def _last_known(close: Series) -> Ints:
    """(R,) the position of the last close above 0 up to each row; -1 when there is none."""
    rows = np.arange(len(close))
    known = (close > 0) & (close < np.inf)
    return rows if known.all() else np.maximum.accumulate(np.where(known, rows, -1))
