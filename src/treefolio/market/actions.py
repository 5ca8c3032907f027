"""Corporate actions: what changes a price without anybody earning or losing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Split:
    """``new`` shares for ``old`` ones: 4 for 1, or 1 for 10 when it is a reverse split. A stock dividend
    of 5 % is 1.05 for 1."""

    ticker: str
    ex_date: date
    new: float
    old: float


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Dividend:
    """``amount`` USD in cash for each share held before ``ex_date``, in shares of that day (not adjusted
    for later splits)."""

    ticker: str
    ex_date: date
    amount: float
    special: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SpinOff:
    """``rate`` shares of ``child`` for each share of ``ticker`` held before ``ex_date``."""

    ticker: str
    ex_date: date
    child: str
    rate: float


Action = Split | Dividend | SpinOff
