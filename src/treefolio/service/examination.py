"""What `treefolio doctor` looks at, and what it says of it: a row of `CHECKS` for each thing of the machine,
of `HOME_CHECKS` for each of a home folder.

A check returns what it found, or raises `Missing` with what to do about it. Nothing is changed by looking.
`examination_database` looks at a database that answers.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import redis
from sqlalchemy.exc import DBAPIError

from treefolio.errors import TreefolioError
from treefolio.jobs import embedded
from treefolio.jobs.admission import readable, reason
from treefolio.jobs.keyring import Keyring
from treefolio.jobs.ledger.database import engine_of
from treefolio.jobs.settings import JobSettings
from treefolio.market.cache.choice import open_cache
from treefolio.market.settings import MarketSettings
from treefolio.service import examination_database
from treefolio.service.findings import Finding, Missing, Noted, finding
from treefolio.service.settings import TABLES, strangers
from treefolio.settings import home

_PACKAGES = ("numba", "numpy", "polars", "talib", "exchange_calendars", "procrastinate", "psycopg", "fastapi")
"""What has parts that are made for one kind of machine, or that the service stands on."""
_ROOM = 2_000_000_000
FEWEST_FILES = 1_024
_REDIS_SECONDS = 3.0
_KEYS = ("APCA_API_KEY_ID", "MASSIVE_API_KEY")
_LAST_KERNEL = "sweep_rows"
_ANOTHER = "Name another folder with --home or TREEFOLIO_HOME."


def examine(folder: Path | None = None) -> list[Finding]:
    """All findings: of the machine, of the home folder (the usual one for None), of its database.

    Raises UsageError: the value of a setting cannot be used.
    """
    for table in TABLES.values():
        table()
    settings = JobSettings(home=folder or home())
    found = [finding(what, check) for what, check in CHECKS]
    found += [finding(what, partial(check, settings)) for what, check in HOME_CHECKS]
    try:
        return [*found, *_of_the_database(settings)]
    except (Missing, TreefolioError) as error:
        said = error.said if isinstance(error, Missing) else error.message
        remedy = error.remedy if isinstance(error, Missing) else error.hint
        return [*found, Finding(what="database", state="missing", said=said, remedy=remedy)]


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, {os.cpu_count() or 1} processors"


def _packages() -> str:
    for name in _PACKAGES:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            raise Missing(
                f"{name} cannot be imported: {error}", f"`{sys.executable} -m pip install treefolio` again."
            ) from None
    return f"treefolio {version('treefolio')}, and the {len(_PACKAGES)} that it stands on"


def _kernels() -> str:
    from treefolio import kernels  # noqa: PLC0415 - it decides where the cache is

    if not kernels.is_cached(_LAST_KERNEL):
        raise Noted("not compiled yet; the first run does that, in about 20 s")
    return "compiled"


def _home(settings: JobSettings) -> str:
    there = folder = settings.home
    try:
        while not there.exists():
            there = there.parent
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise Missing(f"{folder} cannot be written: {error.strerror}", _ANOTHER) from None
    free = shutil.disk_usage(there).free
    if free < _ROOM:
        raise Missing(f"{folder} has {free / 1e9:.1f} GB left", f"Make room. {_ANOTHER}")
    yet = "" if there == folder else "which is not there yet and can be made, "
    return f"{folder}, {yet}{free / 1e9:,.0f} GB left"


def _of_the_database(settings: JobSettings) -> list[Finding]:
    """What is in the database; of one that does not run, whether it can. Raises Missing, DatabaseError."""
    url = settings.database_url or embedded.running_url(settings.home / embedded.FOLDER)
    if url is None:
        return [finding("database", partial(_embedded_can_start, settings.home / embedded.FOLDER))]
    engine = engine_of(readable(url), connections=1)
    try:
        with engine.connect() as connection:
            return examination_database.examine(connection)
    except DBAPIError as error:
        raise Missing(
            f"the one of TREEFOLIO_DATABASE_URL does not answer: {reason(error)}",
            "Start it, or leave the setting out: `treefolio serve` brings its own.",
        ) from None
    finally:
        engine.dispose()


def _embedded_can_start(kept: Path) -> str:
    """Whether there is an embedded one, tried in a folder of its own, and what is kept can be its data."""
    why = embedded.flaw(kept)
    if why is not None:
        raise Missing(f"Postgres cannot start in {kept}: {why}", embedded.RESTORE)
    with tempfile.TemporaryDirectory(prefix="treefolio-doctor-") as folder:
        data = Path(folder) / embedded.FOLDER
        trial = subprocess.Popen(
            embedded.command(data),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            embedded.wait_until_running(data)
        except TreefolioError:
            raise Missing(
                "the embedded one does not start", "Set TREEFOLIO_DATABASE_URL to a Postgres of yours."
            ) from None
        finally:
            trial.communicate()  # closes its standard input, by which it ends
    return "embedded; `treefolio serve` starts it"


def _cache(given: JobSettings) -> str:
    settings = MarketSettings().model_copy(update={"home": given.home})
    if settings.redis_url is None:
        return open_cache(settings).name
    server = redis.Redis.from_url(settings.redis_url, socket_connect_timeout=_REDIS_SECONDS)
    try:
        server.ping()
    except redis.RedisError as error:
        raise Missing(
            f"the Redis of TREEFOLIO_REDIS_URL does not answer: {error}",
            "Start it, or leave the setting out: then the cache is a folder.",
        ) from None
    finally:
        server.close()
    return "the Redis of TREEFOLIO_REDIS_URL"


def _open_files() -> str:
    import resource  # noqa: PLC0415 - Unix only

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now < FEWEST_FILES:
        more = FEWEST_FILES if most == resource.RLIM_INFINITY else min(most, FEWEST_FILES)
        raise Missing(
            f"a process may have {now:,}; connections and results need {FEWEST_FILES:,}",
            f"`ulimit -n {more}`, or LimitNOFILE={FEWEST_FILES} in the unit.",
        )
    return f"a process may have {now:,}"


def _secrets(settings: JobSettings) -> str:
    """The keys that encrypt users' keys: there, whole, and read by nobody else."""
    keyring = Keyring(settings)
    if not keyring.there:
        raise Noted("none yet; one is made with the first key that a user stores")
    keyring.box()
    return f"in {keyring.place}"


def _settings() -> str:
    """Whether all variables that look like settings are some: others do nothing, and nobody would know."""
    found = strangers(os.environ)
    if found:
        raise Missing(" ".join(found), "Correct the name, or leave it out; docs/settings.md lists all.")
    return "all of the environment's are known, and can be used"


def _keys() -> str:
    found = [name for name in _KEYS if os.environ.get(name)]
    if not found:
        raise Noted("none in the environment; price files and the made-up market need none")
    return ", ".join(found)


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("Python", _python),
    ("packages", _packages),
    ("kernels", _kernels),
    ("open files", _open_files),
    ("settings", _settings),
    ("vendors' keys", _keys),
)
"""What is looked at, and how."""
HOME_CHECKS: tuple[tuple[str, Callable[[JobSettings], str]], ...] = (
    ("home folder", _home),
    ("users' keys", _secrets),
    ("price cache", _cache),
)
"""The same, of the home folder in the settings."""
