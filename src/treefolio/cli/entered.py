"""What is typed into a verb, or comes on its standard input."""

from __future__ import annotations

import getpass
import signal
import sys

from treefolio.errors import UsageError

_MOST = 10_000_000
"""Bytes: whatever is read here is sent to a service, which takes less."""


def is_terminal() -> bool:
    """Somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def text() -> str:
    """All of standard input. Raises UsageError: it is no text in UTF-8, or too long."""
    _heed_interrupt()
    data = b"" if sys.stdin is None else sys.stdin.buffer.read(_MOST + 1)
    if len(data) > _MOST:
        raise UsageError(f"standard input is longer than {_MOST:,} bytes", hint="Send less.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("standard input is no text in UTF-8", hint="Convert it to UTF-8 first.") from None


def hidden(what: str) -> str:
    """What somebody types at the terminal, unseen. Raises UsageError: nothing."""
    _heed_interrupt()
    try:
        found = getpass.getpass(f"{what}: ").strip()
    except EOFError:
        found = ""
    if not found:
        raise UsageError("nothing was typed", hint="Run it again when you have it at hand.")
    return found


def _heed_interrupt() -> None:
    """Has Ctrl-C end a wait for input: the handler that Polars installs has it go on until the next line."""
    signal.siginterrupt(signal.SIGINT, True)
