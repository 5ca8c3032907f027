"""How often to ask about a job: often at first, when it may be short, and ever less often."""

from __future__ import annotations

STEPS = ((30.0, 1), (60.0, 2), (120.0, 5), (300.0, 10), (600.0, 30))
"""Up to this age of the job, in seconds, ask again after so many seconds."""
SLOWEST = 60


def retry_after(age_seconds: float) -> int:
    """Seconds after which to ask again about a job that was begun so long ago."""
    return next((pause for limit, pause in STEPS if age_seconds < limit), SLOWEST)
