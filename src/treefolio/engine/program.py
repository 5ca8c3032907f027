"""The compiled form of (a part of) a graph: flat arrays that one kernel interprets.

`Program` says what to do, `State` is what one thread works on. A node's value stands in one row: of the
shared, read-only tables when ``where[node] >= 0``, else of the thread's own work space, at row
``-1 - where[node]``. Masks and floats have tables of their own; a node's kind says which.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.uint8]


Int = int | np.int64
"""A whole number in a kernel. ``np.int64(0)``, unlike 0, is not also compiled for as a literal."""


class Program(NamedTuple):
    """Instructions in the order of execution, those of the outermost level first.

    Attributes:
        ops: (n,) `Op` numbers.
        node: (n,) the graph node that each instruction computes.
        lo: (n,) the first session that is needed.
        arg_at, args: instruction i's arguments are the graph nodes ``args[arg_at[i]:arg_at[i + 1]]``; for
            LOOKUP: base row, then pairs (variable, stride).
        par_at, pars: likewise its parameters, as positions in `State.numbers`.
        level_at: (levels + 1,) level p's instructions are ``[level_at[p], level_at[p + 1])``; a change of
            the variable at position p of the nest executes everything from ``level_at[p]`` on.
        instruction: (nodes,) the instruction that computes a node here, or −1.
    """

    ops: Ints
    node: Ints
    lo: Ints
    arg_at: Ints
    args: Ints
    par_at: Ints
    pars: Ints
    level_at: Ints
    instruction: Ints


class State(NamedTuple):
    """What one thread reads and writes.

    Attributes:
        table, mask_table: (rows, T) shared, read-only.
        work, mask_work: (rows, T) its own.
        where: (nodes,) the row of each node; LOOKUP changes it.
        numbers: variables' current values first, in the order of the axes, then constants.
        choice: (axes,) position of each variable's current value.
        scratch: (rows, T) for indicators of branches.
        shares: (children,) for weights within one session.
        cash: what cash earns per session.
    """

    table: Floats
    mask_table: Mask
    work: Floats
    mask_work: Mask
    where: Ints
    numbers: Floats
    choice: Ints
    scratch: Floats
    shares: Floats
    cash: float
