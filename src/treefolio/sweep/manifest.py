"""The manifest: what identifies a result. The same manifest gives the same bytes."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping

from treefolio.engine.compiled import Prepared
from treefolio.strategy.text import write
from treefolio.strategy.tree import Strategy
from treefolio.sweep.holdout import held_out

VERSIONED = ("numba", "numpy", "polars", "ta-lib", "treefolio")
"""Packages whose version can change the bytes of a result."""


def strategy_hash(text: str) -> str:
    """SHA-256 of a strategy's native text."""
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(
    prepared: Prepared, *, engine: str, assignment: Mapping[str, object], space: object = None
) -> dict[str, object]:
    """The manifest of a run, or of a sweep when a space is given. Plain data, for JSON."""
    question, sessions = prepared.question, prepared.sessions
    text = write(prepared.strategy)
    found: dict[str, object] = {
        "strategy": {"name": prepared.strategy.name, "hash": strategy_hash(text), "text": text},
        "variables": dict(assignment),
        "prices": {
            "snapshot": prepared.panel.content_hash,
            "basis": prepared.panel.basis,
            "source": prepared.panel.source,
            "synthetic": prepared.panel.synthetic,
            "first_session": str(prepared.panel.sessions[0]),
        },
        "start": str(sessions[0]),
        "end": str(sessions[-1]),
        "sessions": len(sessions),
        "start_set_by": prepared.window.cause,
        "missing": question.missing,
        "benchmark": _benchmark(question.benchmark),
        "execution": dataclasses.asdict(question.execution),
        "engine": engine,
        "versions": versions(),
    }
    if space is not None:
        found["space"] = space
    return found | held_out(question)


def _benchmark(benchmark: str | Strategy | None) -> str | None:
    """The ticker, or a strategy's name with the beginning of its hash."""
    if isinstance(benchmark, Strategy):
        return f"{benchmark.name} ({strategy_hash(write(benchmark))[:12]})"
    return benchmark


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a result's bytes."""
    found = {name: importlib.metadata.version(name) for name in VERSIONED}
    return {"python": platform.python_version()} | found


def to_json(data: object) -> str:
    """Plain data as JSON with sorted keys; undefined numbers are None already, so NaN is an error."""
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
