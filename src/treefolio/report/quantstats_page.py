"""QuantStats' own tear sheet of a run, for those who are used to it: ``quantstats.html`` beside ours.

QuantStats is an extra. It draws with pyplot and takes some seconds; its numbers follow its own conventions.
It puts titles into its page as they are, so they are escaped here, and its page asks for an icon from the
network, which is taken out.
"""

from __future__ import annotations

import html
import importlib.util
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from treefolio.errors import OutputError, UsageError
from treefolio.report.curves import still
from treefolio.sweep.files import explained, write_text
from treefolio.sweep.output import REPORT
from treefolio.sweep.single import Result

FILE = "quantstats.html"
SESSIONS_A_YEAR = 252
_LINK = re.compile(r"<link\b[^>]*\bhref=[\"']https?:[^>]*>", re.IGNORECASE)


def require_quantstats() -> None:
    """Nothing, when QuantStats is installed.

    Raises:
        UsageError: it is not.
    """
    if importlib.util.find_spec("quantstats") is None:
        raise UsageError(
            "--quantstats needs QuantStats, which is not installed",
            hint="Install it: pip install 'treefolio[quantstats]'.",
        )


def write_quantstats(result: Result, folder: Path) -> Path:
    """Writes QuantStats' tear sheet of a run to a folder that is there; returns the file.

    Raises:
        OutputError: QuantStats fails, or the file cannot be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - heavy

    mpl.use("agg")
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415 - QuantStats brings it

    days = pd.DatetimeIndex(result.run.sessions[1:].astype("datetime64[ns]"))
    rival, path = result.frame.marks.rival.returns, folder / FILE
    beside = None if not rival.size or still(result.benchmark) else pd.Series(rival, days)
    with explained(path), _quiet():
        import quantstats  # noqa: PLC0415 - it warns while it is imported

        try:
            quantstats.reports.html(  # type: ignore[no-untyped-call]
                pd.Series(result.run.returns, days, name="Strategy"),
                benchmark=beside,
                benchmark_title=html.escape(result.prepared.question.benchmark_name or ""),
                title=html.escape(result.strategy.name or "Strategy"),
                output=str(path),
                periods_per_year=SESSIONS_A_YEAR,
                match_dates=False,
            )
        except (ArithmeticError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise OutputError(
                f"QuantStats cannot make its tear sheet of this run: {type(error).__name__}: {error}",
                hint=f"It needs returns that vary, over some months; {REPORT} is there without it.",
            ) from error
        write_text(path, _LINK.sub("", path.read_text(encoding="utf-8")))
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what QuantStats, and what it draws with, say about calls of their own and missing fonts."""
    fonts = logging.getLogger("matplotlib.font_manager")
    with warnings.catch_warnings():
        for kind in (FutureWarning, DeprecationWarning, PendingDeprecationWarning):
            warnings.filterwarnings("ignore", category=kind)
        warnings.filterwarnings("ignore", category=RuntimeWarning, message="(divide by zero|invalid value)")
        warnings.filterwarnings("ignore", category=UserWarning, message="set_ticklabels")
        fonts.addFilter(_no_font_search)
        try:
            yield
        finally:
            fonts.removeFilter(_no_font_search)


def _no_font_search(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("findfont")
