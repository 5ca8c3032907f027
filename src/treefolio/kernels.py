"""How Treefolio compiles: the decorators of its Numba kernels.

Kernels release the GIL, are cached on disk, and never use ``fastmath`` or SVML, so that a number does not
depend on the thread, the block or the loop it was computed in.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., object])
KEPT_VERSIONS = 8
CONSTANTS = (
    "graph/ops.py",
    "indicators/codes.py",
    "engine/execution.py",
    "metrics/table.py",
    "metrics/rows_",
)
"""Modules without kernels whose constants kernels are compiled with."""


def _source_digest() -> str:
    """A digest of the code that kernels are made of.

    Numba looks for changes only in a kernel's own file, and a kernel holds copies of those that it calls.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        name, code = path.relative_to(package).as_posix(), path.read_bytes()
        if b"treefolio.kernels import" in code or name.startswith(CONSTANTS):
            digest.update(name.encode())
            digest.update(code)
    return digest.hexdigest()[:16]


def _cache_folder() -> str:
    """A folder for this version's kernels that can be written: in the user's cache, else a temporary one."""
    folder = user_cache_path("treefolio") / "kernels" / _source_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Path(tempfile.mkdtemp(dir=folder)).rmdir()
        versions = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in versions[KEPT_VERSIONS:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return tempfile.mkdtemp(prefix="treefolio-kernels-")
    return str(folder)


os.environ.setdefault("NUMBA_DISABLE_INTEL_SVML", "1")
os.environ.setdefault("NUMBA_CACHE_DIR", _cache_folder())

import numba  # noqa: E402 - its settings are read when it is imported

numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]  # type: ignore[attr-defined]  # or it was before us


def is_cached(name: str) -> bool:
    """A kernel of this name was compiled before, by this version."""
    return any(Path(os.environ["NUMBA_CACHE_DIR"]).glob(f"**/*.{name}-*.nbi"))


def kernel(function: F) -> F:
    """``function`` compiled in nopython mode, without the GIL, cached on disk."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inner(function: F) -> F:
    """Like `kernel`, for functions that only kernels call: without the code that would let Python call them.

    That code is most of what Numba must compile for a function that takes tuples of arrays.
    """
    return _only_inside(function, forceinline=False)


def inlined(function: F) -> F:
    """Like `inner`, copied into its callers: for what is called on every session.

    Passing a tuple of arrays to a function costs more than most of them do.
    """
    return _only_inside(function, forceinline=True)


def _only_inside(function: F, *, forceinline: bool) -> F:
    njit = cast(Any, numba.njit)  # its types leave out the last two options
    options = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    decorate = njit(cache=True, nogil=True, error_model="numpy", forceinline=forceinline, **options)
    return cast(F, decorate(function))
