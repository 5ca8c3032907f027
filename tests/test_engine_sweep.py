"""A row of a sweep is the run of its combination, bit for bit, whatever is computed beside it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from engine_cases import random_case
from treefolio.engine.prepare import prepare
from treefolio.errors import TreefolioError
from treefolio.graph.build import build
from treefolio.graph.start import structural
from treefolio.indicators import SIGNATURES
from treefolio.strategy.variables import bind
from treefolio.sweep.block import Worker, frame_of
from treefolio.sweep.space import Space

ROWS = 40


def worker_for(seed: int) -> tuple[Worker, Space, NDArray[np.int64]]:
    """A worker for a random strategy with variables, and some combinations of its space."""
    case = random_case(seed, variables=True)
    axes = {v.name: v.values for v in case.strategy.variables if len(v.values) > 1}
    space = Space(axes=axes)
    strategy = bind(case.strategy, {}, SIGNATURES, keep=axes)
    corners = space.corners(structural(build(strategy).graph))
    prepared = prepare(strategy, case.question, axes, corners)
    rng = np.random.default_rng(seed)
    ranks = np.unique(rng.integers(0, space.size, ROWS))
    choices = np.concatenate([space.choices(int(k), int(k) + 1) for k in ranks])
    return Worker(prepared, frame_of(prepared)), space, choices


def sound_seeds(wanted: int) -> list[int]:
    """The first seeds whose strategies can be prepared for all of their combinations."""
    found = []
    for seed in itertools.count():
        try:
            worker, space, _ = worker_for(seed)
        except TreefolioError:
            continue
        if space.axes and len(worker.prepared.plan.main.nodes):
            found.append(seed)
        if len(found) == wanted:
            return found
    raise AssertionError("unreachable")


@pytest.fixture(scope="module")
def seeds() -> list[int]:
    return sound_seeds(30)


def test_a_row_equals_its_run(seeds: list[int]) -> None:
    """For every kind of variable: the row's metrics are those of the run, to the last bit."""
    compared = failed = 0
    for seed in seeds:
        worker, _, choices = worker_for(seed)
        prepared = worker.prepared
        rows, codes = worker.measure(choices)
        start = prepared.sessions[0].item()
        for chosen, row, code in list(zip(choices, rows, codes, strict=True))[:6]:
            values = {n: v[k] for (n, v), k in zip(prepared.axes.items(), chosen, strict=True)}
            if code != -1:
                failed += 1
                continue
            bound = bind(prepared.strategy, values, SIGNATURES)
            alone = prepare(bound, replace(prepared.question, start=start))
            assert alone.window.first == prepared.window.first
            run, _ = Worker(alone, frame_of(alone)).measure(np.zeros((1, 0), np.int64))
            np.testing.assert_array_equal(run[0], row, err_msg=f"seed {seed}, {values}")
            compared += 1
    assert compared > 60, failed


def test_order_and_neighbours_change_nothing(seeds: list[int]) -> None:
    """Rows computed one by one, backwards, or all at once have the same bits."""
    for seed in seeds[:12]:
        worker, _, choices = worker_for(seed)
        together, codes = worker.measure(choices)
        backwards, codes_back = worker.measure(np.ascontiguousarray(choices[::-1]))
        np.testing.assert_array_equal(together, backwards[::-1])
        np.testing.assert_array_equal(codes, codes_back[::-1])
        fresh, *_ = worker_for(seed)
        for k in (0, len(choices) // 2, len(choices) - 1):
            single, _ = fresh.measure(choices[k : k + 1])
            np.testing.assert_array_equal(single[0], together[k])


def test_a_full_store_of_portfolios_changes_nothing(
    seeds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hardly any room for portfolios, cutting back and growing in turn, rows keep their bits."""
    from treefolio.engine import compiled  # noqa: PLC0415 - patched below

    for seed in seeds[:8]:
        roomy, _, choices = worker_for(seed)
        expected, _ = roomy.measure(choices)
        monkeypatch.setattr(compiled, "STORE_LIMIT", 1)
        monkeypatch.setattr(compiled, "enlarged", lambda store, factor=1: _tight(store, factor))
        cramped, _, _ = worker_for(seed)
        found, _ = cramped.measure(choices)
        monkeypatch.undo()
        np.testing.assert_array_equal(found, expected)


def _tight(store: object, factor: int) -> object:
    """A copy of the store with room for just a few portfolios more."""
    from treefolio.engine import portfolios  # noqa: PLC0415 - only here

    used = int(store.used[0])  # type: ignore[attr-defined]
    small = portfolios._allocate(
        len(store.dense),  # type: ignore[attr-defined]
        factor * (used + 40),
        factor * (int(store.used[1]) + 400),  # type: ignore[attr-defined]
        factor * (int(store.used[2]) + 400),  # type: ignore[attr-defined]
    )
    for name in portfolios.Store._fields:
        if name != "slots":
            old, new = getattr(store, name), getattr(small, name)
            size = min(len(old), len(new))
            new[:size] = old[:size]
    portfolios.rehash(small)
    return small
