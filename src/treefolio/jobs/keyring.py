"""The keys that encrypt secrets: in ``TREEFOLIO_SECRET_KEYS``, else in a file that only its owner can read.

The first key encrypts, all of them decrypt. The file is read whenever it is needed, so a rotation reaches
processes that run. It is never written to a place where it stands half: a whole one takes its place.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet

from treefolio.errors import VaultError
from treefolio.jobs.settings import JobSettings

FILE = "secret.keys"
"""In the home folder: a key on each line."""
_VARIABLE = "TREEFOLIO_SECRET_KEYS"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Keyring:
    """The keys of this home folder, or of the environment."""

    def __init__(self, settings: JobSettings) -> None:
        self._given = settings.secret_keys
        self.path = settings.home / FILE

    @property
    def from_environment(self) -> bool:
        """The keys stand in ``TREEFOLIO_SECRET_KEYS``: nothing is written here."""
        return self._given is not None

    @property
    def there(self) -> bool:
        """There are keys; whether they can be used is another question."""
        return self.from_environment or self.path.exists()

    def keys(self) -> tuple[str, ...]:
        """The keys, the one that encrypts first. Raises VaultError."""
        text = self._read() if self._given is None else self._given.get_secret_value().replace(",", "\n")
        found = tuple(line.strip() for line in text.splitlines() if line.strip())
        if not found:
            raise VaultError(f"{self.place} holds no key", hint=self._remedy)
        return found

    def box(self, keys: Sequence[str] | None = None) -> MultiFernet:
        """What encrypts and decrypts. Raises VaultError."""
        try:
            return MultiFernet([Fernet(key) for key in (keys or self.keys())])
        except ValueError:
            raise VaultError(f"{self.place} holds what is no key", hint=self._remedy) from None

    def make(self) -> None:
        """Writes a file with a new key; leaves one that is there as it is. Raises VaultError."""
        with self._whole(new_key()) as written, contextlib.suppress(FileExistsError):
            os.link(written, self.path)

    def write(self, keys: Sequence[str]) -> None:
        """Puts these keys in the file's place. Raises VaultError."""
        with self._whole("\n".join(keys)) as written:
            written.replace(self.path)

    @property
    def place(self) -> str:
        """Where the keys stand, without the folders of this machine."""
        return _VARIABLE if self.from_environment else f"{FILE} of the home folder"

    @property
    def _remedy(self) -> str:
        return "Put back the keys of your backup: what they encrypted cannot be read without them."

    def _read(self) -> str:
        try:
            with self.path.open(encoding="ascii") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                if mode & _OTHERS:
                    raise VaultError(
                        f"{self.place} can be read by others: its mode is {mode:03o}",
                        hint=f"Run `chmod 600 {FILE}` there, then `treefolio secrets rotate`.",
                    )
                return file.read()
        except FileNotFoundError:
            raise VaultError(
                f"there is no {self.place}, which encrypts users' keys",
                hint=f"Put it back, or set {_VARIABLE} to the same keys here and where the service answers.",
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise VaultError(
                f"{self.place} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
                hint="It belongs to the user that runs the service, with mode 600.",
            ) from None

    @contextlib.contextmanager
    def _whole(self, text: str) -> Iterator[Path]:
        """A file beside the other one with this text, which is on disk; it is gone afterwards."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=self.path.parent)  # its mode is 600
            written = Path(name)
            try:
                with os.fdopen(descriptor, "w", encoding="ascii") as file:
                    file.write(f"{text}\n")
                    file.flush()
                    os.fsync(file.fileno())
                yield written
            finally:
                written.unlink(missing_ok=True)
        except OSError as error:
            raise VaultError(
                f"{self.place} cannot be written: {error.strerror}",
                hint="The home folder belongs to the user that runs the service.",
            ) from None


def new_key() -> str:
    """A key that there was not before."""
    return Fernet.generate_key().decode()
