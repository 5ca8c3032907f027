"""Portfolios: what a branch holds on a session, each distinct one stored once.

Like the graph's nodes, portfolios are interned: one is known by its parts, (share, portfolio) in the
children's order, and gets a number when it is first met. A branch's holdings over n sessions are then n
small integers; a selection chooses between integers, and what a portfolio weighs, or how much must be
traded from one to the next, is worked out once and looked up afterwards.

Weights are accumulated bottom-up, Σ share · weight in the children's order, so they have the same bits
whatever was computed beforehand. The store is one thread's own: it begins as a copy of what the shared
stages found (`Store.base`) and is cut back to that when it is full.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treefolio.engine.program import Floats, Int, Ints, Mask
from treefolio.kernels import inlined, inner, kernel

CASH, ABSENT_PORTFOLIO, FIRST_ASSET = 0, 1, 2
"""Numbers of the portfolios that are always there; asset a is FIRST_ASSET + a."""
FULL = -1

Numbers = NDArray[np.int32]


class Store(NamedTuple):
    """Interned portfolios.

    Attributes:
        used: how many portfolios, parts and weights there are.
        base: the same for those that stay when the store is cut back.
        slots: hash table of portfolio numbers, −1 where free; its size is a power of two.
        key: (capacity,) each portfolio's hash.
        part_at: (capacity + 1,) where its parts begin in part, share.
        at: (capacity + 1,) where its weights begin in column, weight (columns ascend).
        sums: (capacity, 3) Σ w², Σ |w|, number of holdings.
        dense: (tickers,) work space, all 0 between calls.
    """

    used: Ints
    base: Ints
    slots: Ints
    key: NDArray[np.uint64]
    part_at: Ints
    part: Numbers
    share: Floats
    at: Ints
    column: Numbers
    weight: Floats
    sums: Floats
    dense: Floats


def make_store(tickers: int, capacity: int = 1 << 14) -> Store:
    """A store that knows cash, the absent portfolio and each asset."""
    capacity = max(capacity, 4 * (tickers + FIRST_ASSET))
    store = _allocate(tickers, capacity, 8 * capacity, 8 * capacity)
    for number in range(FIRST_ASSET + tickers):
        holds = number >= FIRST_ASSET
        weights = store.used[2]
        if holds:
            store.column[weights] = number - FIRST_ASSET
            store.weight[weights] = 1.0
            store.sums[number] = 1.0
        store.used[:] = (number + 1, 0, weights + holds)
        store.at[number + 1] = store.used[2]
    store.base[:] = store.used
    return store


def _allocate(tickers: int, capacity: int, parts: int, weights: int) -> Store:
    return Store(
        used=np.zeros(3, np.int64),
        base=np.zeros(3, np.int64),
        slots=np.full(1 << int(2 * capacity - 1).bit_length(), -1, np.int64),
        key=np.zeros(capacity, np.uint64),
        part_at=np.zeros(capacity + 1, np.int64),
        part=np.zeros(parts, np.int32),
        share=np.zeros(parts),
        at=np.zeros(capacity + 1, np.int64),
        column=np.zeros(weights, np.int32),
        weight=np.zeros(weights),
        sums=np.zeros((capacity, 3)),
        dense=np.zeros(tickers),
    )


def enlarged(store: Store, factor: int = 1) -> Store:
    """A copy of the store with ``factor`` times its room."""
    new = _allocate(
        len(store.dense), factor * len(store.key), factor * len(store.part), factor * len(store.column)
    )
    for name in Store._fields:
        if name != "slots":
            old = getattr(store, name)
            getattr(new, name)[: len(old)] = old
    rehash(new)
    return new


@kernel
def rehash(store: Store) -> None:
    """Builds the hash table anew from the portfolios that are there."""
    store.slots[:] = -1
    mask = store.slots.shape[0] - 1
    for number in range(store.used[0]):
        if store.part_at[number + 1] > store.part_at[number]:
            slot = np.int64(store.key[number]) & mask
            while store.slots[slot] >= 0:
                slot = (slot + 1) & mask
            store.slots[slot] = number


@kernel
def cut_back(store: Store) -> None:
    """Forgets everything but the base."""
    for k in range(3):
        store.used[k] = store.base[k]
    rehash(store)


@inner
def hash_parts(parts: Numbers, shares: Floats, count: Int) -> int:
    """FNV-like hash of (part, share) pairs, as a number that is 0 or more."""
    bits = shares.view(np.uint64)
    h = np.uint64(1469598103934665603)
    for k in range(count):
        h = (h ^ np.uint64(parts[k])) * np.uint64(1099511628211)
        h = (h ^ bits[k]) * np.uint64(1099511628211)
        h ^= h >> np.uint64(29)
    return np.int64(h & np.uint64(0x7FFFFFFFFFFFFFFF))  # type: ignore[return-value]  # an int to Numba


@inner
def find(
    slots: Ints,
    key: NDArray[np.uint64],
    part_at: Ints,
    part: Numbers,
    share: Floats,
    h: int,
    parts: Numbers,
    shares: Floats,
    count: Int,
) -> int:
    """The number of the portfolio with these parts, or −1 − the slot that is free for it.

    It takes the store's arrays one by one: passing all of them would cost more than the search.
    """
    mask = slots.shape[0] - 1
    slot = h & mask
    while slots[slot] >= 0:
        number = slots[slot]
        first = part_at[number]
        if key[number] == h and part_at[number + 1] - first == count:
            same = True
            for k in range(count):
                same &= part[first + k] == parts[k] and share[first + k] == shares[k]
            if same:
                return number
        slot = (slot + 1) & mask
    return -1 - slot


@inner
def intern(store: Store, parts: Numbers, shares: Floats, count: Int) -> int:
    """The number of the portfolio Σ shares · parts, or FULL. None of ``shares[:count]`` is 0."""
    if count == 0:
        return ABSENT_PORTFOLIO
    if count == 1 and shares[0] == 1.0:
        return parts[0]
    h = hash_parts(parts, shares, count)
    found = find(store.slots, store.key, store.part_at, store.part, store.share, h, parts, shares, count)
    if found >= 0:
        return found
    number = add(store, parts, shares, count)
    if number >= 0:
        store.key[number] = h
        store.slots[-1 - found] = number
    return number


@inner
def intern_sums(store: Store, seen: Numbers, weights: Floats, need: Mask, out: Numbers) -> bool:
    """Looks up the portfolios of a weighted sum on every session on which they are not known.

    Args:
        seen: (children, n) what the children hold. weights: (children,) of which absent ones are handed
            back. need: (n,) 1 where it is asked for. out: (n,) negative where not known.

    Returns False when the store is full.
    """
    count, n = seen.shape
    parts = np.empty(count, np.int32)
    shares = np.empty(count)
    slots, key, part_at, part, share = store.slots, store.key, store.part_at, store.part, store.share
    for k in range(n):
        if out[k] >= 0 or not need[k]:
            continue
        if k > 0 and out[k - 1] >= 0 and same_column(seen, k):
            out[k] = out[k - 1]
            continue
        size = gather(seen, weights, k, parts, shares)
        if size == 0:
            out[k] = ABSENT_PORTFOLIO
            continue
        h = hash_parts(parts, shares, size)
        number = find(slots, key, part_at, part, share, h, parts, shares, size)
        if number < 0:
            number = intern(store, parts, shares, size)
            if number == FULL:
                return False
        out[k] = number
    return True


@inlined
def same_column(seen: Numbers, k: int) -> bool:
    """Do the children hold on session k what they held on the session before?"""
    same = True
    for c in range(seen.shape[0]):
        same &= seen[c, k] == seen[c, k - 1]
    return same


@inner
def gather(seen: Numbers, weights: Floats, k: int, parts: Numbers, shares: Floats) -> Int:
    """The present children's portfolios and shares on session k; returns how many there are.

    What absent children have is handed back to the others, in proportion.
    """
    size = np.int64(0)
    absent = False
    present = 0.0
    for c in range(seen.shape[0]):
        if seen[c, k] == ABSENT_PORTFOLIO:
            absent = True
            continue
        present += weights[c]
        if weights[c] != 0.0:
            parts[size], shares[size] = seen[c, k], weights[c]
            size += 1
    if absent:
        for c in range(size):
            shares[c] = shares[c] / present
    return size


@inner
def add(store: Store, parts: Numbers, shares: Floats, count: Int) -> int:
    """A new portfolio at the end of the store, or FULL."""
    number, part, entry = store.used[0], store.used[1], store.used[2]
    tickers = store.dense.shape[0]
    if (
        number + 1 >= store.key.shape[0]
        or part + count > store.part.shape[0]
        or entry + tickers > store.column.shape[0]
    ):
        return FULL
    for k in range(count):
        store.part[part + k] = parts[k]
        store.share[part + k] = shares[k]
        for j in range(store.at[parts[k]], store.at[parts[k] + 1]):
            store.dense[store.column[j]] += shares[k] * store.weight[j]
    squares, size = 0.0, 0.0
    first = entry
    for a in range(tickers):
        w = store.dense[a]
        if w != 0.0:
            store.column[entry], store.weight[entry] = a, w
            squares += w * w
            size += abs(w)
            entry += 1
            store.dense[a] = 0.0
    store.sums[number, 0], store.sums[number, 1], store.sums[number, 2] = squares, size, entry - first
    store.part_at[number + 1] = part + count
    store.at[number + 1] = entry
    store.used[0], store.used[1], store.used[2] = number + 1, part + count, entry
    return number


@inner
def spread(store: Store, number: int, out: Floats) -> None:
    """Writes the portfolio's weights to ``out``: (tickers,)."""
    out[:] = 0.0
    for j in range(store.at[number], store.at[number + 1]):
        out[store.column[j]] = store.weight[j]
