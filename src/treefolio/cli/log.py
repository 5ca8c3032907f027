"""Log lines on standard error: warnings, in words; with ``TREEFOLIO_LOG=info`` a line for every milestone.

Modules log through the standard library with ``extra={"action": …}`` and what belongs to it. Here these
become a line for people when standard error is a terminal, and one JSON object else.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from treefolio.settings import unusable

LEVELS = ("debug", "info", "warning", "error")


@contextmanager
def lines() -> Iterator[None]:
    """While it lasts, what Treefolio logs goes to standard error. Raises UsageError: the level is none."""
    wanted = os.environ.get("TREEFOLIO_LOG", "").casefold()
    if wanted and wanted not in LEVELS:
        raise unusable("TREEFOLIO_LOG", "there is no such level", "debug, info, warning or error.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_structured() if wanted else _Plain())
    ours, others = logging.getLogger("treefolio"), logging.getLogger()
    before = ours.level, ours.propagate
    ours.addHandler(handler)
    ours.propagate = False
    ours.setLevel(wanted.upper() if wanted else logging.WARNING)
    if wanted:
        others.addHandler(handler)  # what libraries warn of has the same form
    try:
        yield
    finally:
        ours.removeHandler(handler)
        others.removeHandler(handler)
        ours.level, ours.propagate = before


class _Plain(logging.Formatter):
    """How grave it is, the message, and the reason where one was given beside it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        reason = getattr(record, "reason", None)
        return f"{record.levelname.capitalize()}: {record.message}" + (f": {reason}" if reason else "")


def _structured() -> logging.Formatter:
    """Lines with a time, a level, the action and all that was given beside it."""
    import structlog  # noqa: PLC0415 - only when lines are wanted

    forms: list[structlog.typing.Processor] = [structlog.dev.ConsoleRenderer()]
    if not sys.stderr.isatty():
        forms = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *forms],
    )
