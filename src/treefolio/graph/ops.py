"""The operations of the graph: one row each, with the types of what it takes and gives.

A node's value is one series over the panel's sessions, of one of three types:

* `Kind.SERIES`  float64: a price, an indicator, the value of a branch; NaN where undefined.
* `Kind.MASK`    true or false.
* `Kind.RETURN`  float64: what holding the branch from this session's decision to the next one earns.
  NaN where something held has no price, `ABSENT` (+inf) where nothing is allocated at all.

Every operation is causal: its value on session t is made of its arguments' values on sessions up to t
(returns included, whose value on t *is called* t though it is earned by t + 1; the only way from a return
back to decisions is VALUE, which reads returns up to t − 1).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

ABSENT = float("inf")


class Kind(enum.Enum):
    """The type of a node's value."""

    SERIES = "series"
    MASK = "mask"
    RETURN = "return"


class Op(enum.IntEnum):
    """What a node does. The numbers are those that the compiled kernel dispatches on."""

    # leaves: made outside the kernel, once for each distinct value of their variables
    HOLD = 0
    CASH = 1
    EMPTY = 2
    READING = 3
    # of type series
    FILL = 10
    AFFINE = 11
    SHIFT = 12
    DEFINED = 13
    VALUE = 14
    INDICATOR = 15
    # of type mask
    THRESHOLD = 20
    COMPARE = 21
    ALL = 22
    ANY = 23
    NONE = 24
    COUNT = 25
    LASTING = 26
    LATCH = 27
    # of type return
    SELECT = 30
    MIX = 31
    INVERSE_VOLATILITY = 32
    FILTER = 33
    SCALE = 34
    FILTER_VOLATILITY = 35
    # not in a graph, only in a program: fetch the row of the current values of some variables
    LOOKUP = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The grammar's sentence for one operation.

    Attributes:
        gives: the type of the value.
        takes: the types of the arguments.
        repeats: any number of arguments, in groups of these types.
        params: what the parameters are, in words, for dumps.
        memory: it reads its whole past, so its arguments are needed from the start of history.
        says: what it does.
    """

    gives: Kind
    takes: tuple[Kind, ...] = ()
    repeats: bool = False
    params: str = ""
    memory: bool = False
    says: str


_S, _M, _R = Kind.SERIES, Kind.MASK, Kind.RETURN

RULES: dict[Op, Rule] = {
    Op.HOLD: Rule(gives=_R, params="ticker", says="price tomorrow / price today − 1"),
    Op.CASH: Rule(gives=_R, says="the daily rate of cash"),
    Op.EMPTY: Rule(gives=_R, says="nothing is allocated"),
    Op.READING: Rule(gives=_S, params="indicator, ticker, parameters", says="an indicator of a ticker"),
    Op.FILL: Rule(gives=_S, params="value", says="the same number on every session"),
    Op.AFFINE: Rule(gives=_S, takes=(_S,), params="scale, offset", says="scale · x + offset"),
    Op.SHIFT: Rule(gives=_S, takes=(_S,), params="sessions", says="x that many sessions ago"),
    Op.DEFINED: Rule(gives=_S, takes=(_S, _S), says="x where the second series has a value, else undefined"),
    Op.VALUE: Rule(gives=_S, takes=(_R,), memory=True, says="the branch's value, 1.0 where it begins"),
    Op.INDICATOR: Rule(
        gives=_S, takes=(_S,), params="indicator, parameters", memory=True, says="an indicator of a branch"
    ),
    Op.THRESHOLD: Rule(gives=_M, takes=(_S,), params="comparator, value", says="x comparator value"),
    Op.COMPARE: Rule(gives=_M, takes=(_S, _S), params="comparator", says="x comparator y"),
    Op.ALL: Rule(gives=_M, takes=(_M,), repeats=True, says="all hold"),
    Op.ANY: Rule(gives=_M, takes=(_M,), repeats=True, says="at least one holds"),
    Op.NONE: Rule(gives=_M, takes=(_M,), repeats=True, says="none holds"),
    Op.COUNT: Rule(gives=_M, takes=(_M,), repeats=True, params="number", says="exactly that many hold"),
    Op.LASTING: Rule(gives=_M, takes=(_M,), params="sessions", says="held on each of the last sessions"),
    Op.LATCH: Rule(
        gives=_M, takes=(_M, _M), memory=True, says="on from the first mask until the second holds"
    ),
    Op.SELECT: Rule(
        gives=_R, takes=(_M, _R, _R), says="the first branch where the mask holds, else the second"
    ),
    Op.MIX: Rule(
        gives=_R,
        takes=(_R,),
        repeats=True,
        params="renormalise, weights",
        says="the weighted sum of branches",
    ),
    Op.INVERSE_VOLATILITY: Rule(
        gives=_R, takes=(_R, _S), repeats=True, says="branches in proportion to 1 / volatility"
    ),
    Op.FILTER: Rule(
        gives=_R,
        takes=(_R, _S),
        repeats=True,
        params="direction, count, keep ties, weights",
        says="the best branches by score",
    ),
    Op.FILTER_VOLATILITY: Rule(
        gives=_R,
        takes=(_R, _S, _S),
        repeats=True,
        params="direction, count, keep ties",
        says="the best branches by score, in proportion to 1 / volatility",
    ),
    Op.SCALE: Rule(
        gives=_R, takes=(_S, _R, _R), params="low, high", says="from one branch to the other as x rises"
    ),
}
