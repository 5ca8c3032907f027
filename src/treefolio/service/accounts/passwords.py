"""Passwords: Argon2id with the parameters that OWASP recommends, and which are too easy to guess."""

from __future__ import annotations

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from treefolio.service.problems import Declined

SHORTEST = 12
LONGEST = 1_000
_FEWEST = 5
"""Different characters: ``aaaaaaaaaaaa`` and ``abababababab`` are no passwords."""
_WORDS = """
0123456789ab 0123456789012 1234567890-= 1234567890ab 123456789012 1234567890123 12345678901234
123456789abc 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv abc123456789 abcd12345678
abcdefgh1234 abcdefghijkl abcdefghijklm abcdefghijklmnop abcdefghijklmnopqrstuvwxyz administrator
administrator1 changemechangeme changemenow1 correcthorsebatterystaple dragondragon footballfootball
iloveyou1234 iloveyou12345 iloveyouforever iloveyousomuch jesuschrist1 letmeinletmein letmeinplease
liverpoolfc1 manchesterunited masterpassword michaeljackson monkeymonkey mypassword12 mypassword123
newpassword1 newpassword123 opensesame123 p@ssw0rd1234 p@ssword1234 passw0rd1234 password!123
password12345 password123! password123456 password1234 password2023 password2024 password2025
password2026 passwordpassword princess1234 q1w2e3r4t5y6 qazwsxedc123 qazwsxedcrfv qweasdzxc123
qwerty123456 qwerty1234567 qwertyqwerty qwertyuiop[] qwertyuiop12 qwertyuiop123 qwertyuiopasdf
sunshine1234 superman1234 trustno1trustno1 unbelievable welcome12345 welcome123456 welcome2024!
welcome2025! whateverwhatever zaq12wsxcde3 zxcvbnm12345 zxcvbnmasdfghjkl
"""
_COMMONEST = frozenset(_WORDS.split())


def normal(password: str) -> str:
    """The same for a password however a keyboard composes its characters."""
    return unicodedata.normalize("NFKC", password)


def require_good(password: str, name: str) -> None:
    """Nothing, when it is long enough and is not among the first that anybody would try. Raises Declined."""
    found = normal(password)
    easy = found.casefold()
    if not SHORTEST <= len(found) <= LONGEST:
        raise _bad(f"a password has {SHORTEST} to {LONGEST:,} characters", "Several words are a good one.")
    if easy in _COMMONEST or len(set(easy)) < _FEWEST or easy.strip() == name.casefold():
        raise _bad("this password is among the first that are tried", "Take several words that are yours.")


def _bad(what: str, hint: str) -> Declined:
    return Declined(what, code="password", status=422, path="body.password", hint=hint)


class Passwords:
    """Hashes passwords, and compares them in the same time whether there is something to compare with.

    A hash takes 46 MB and about 40 ms: whoever calls sees to it that there are few at once.
    """

    def __init__(self) -> None:
        self.hasher = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
        self.nobody = self.hasher.hash(secrets.token_hex())

    def hash(self, password: str) -> str:
        """What is kept of it."""
        return self.hasher.hash(_bytes(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """It is the one of which this was kept; never when nothing was."""
        try:
            return self.hasher.verify(kept or self.nobody, _bytes(password)) and kept is not None
        except (Argon2Error, InvalidHashError):
            return False

    def is_outdated(self, kept: str) -> bool:
        """It was made with other parameters than today's."""
        return self.hasher.check_needs_rehash(kept)


def _bytes(password: str) -> bytes:
    return normal(password).encode("utf-8", "surrogatepass")
