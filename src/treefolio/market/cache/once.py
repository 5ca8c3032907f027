"""Says a thing once: for what would be said at each of a thousand blocks."""

from __future__ import annotations

import logging


class Once:
    """Logs a warning the first time that its action occurs; threads may share it."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._said: dict[str, object] = {}

    def warn(self, action: str, message: str, *values: object) -> None:
        """Log the message with ``action=``, unless one with that action was logged before."""
        mine = object()
        if self._said.setdefault(action, mine) is mine:
            self._logger.warning(message, *values, extra={"action": action})
