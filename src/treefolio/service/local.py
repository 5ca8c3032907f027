"""A service without login: one user, spoken to from its own machine alone."""

from __future__ import annotations

LOCAL = "local"
"""The one user."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names under which it may be spoken to, and on which it may listen."""
