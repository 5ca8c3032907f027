"""Secrets that open something: 256 random bits, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_BYTES = 32
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
"""How one is written."""


def new_secret() -> str:
    """A new one."""
    return secrets.token_urlsafe(_BYTES)


def digest(secret: str) -> bytes:
    """What is kept of it. It cannot be guessed from this, as it is random through and through."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def csrf_of(session: str) -> str:
    """What a page must send beside the session's cookie: it follows from the session, and not the other
    way round."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()
