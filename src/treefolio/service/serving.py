"""The whole service on one machine: database, answering process and workers, kept alive from here.

1. The database is started first. `Serving.open`, on a thread of its own, imports what is heavy meanwhile,
   brings the tables up to date, and has the answering process started, then the workers.
2. `Supervisor.run` starts again what ends; `Serving.follow` has as many workers as there is work for.
3. At the end, requests and workers end first, the database last.
"""

from __future__ import annotations

import http
import http.client
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from treefolio.errors import DatabaseError, OutputError, UsageError
from treefolio.jobs import embedded
from treefolio.jobs.admission import readable
from treefolio.jobs.settings import JobSettings
from treefolio.service.address import address_of
from treefolio.service.local import LOOPBACK
from treefolio.service.models import API
from treefolio.service.settings import ServiceSettings
from treefolio.service.supervisor import Command, Supervisor, on_signals
from treefolio.settings import PREFIX

if TYPE_CHECKING:
    from treefolio.jobs.ledger.store import Store

log = logging.getLogger(__name__)

AUTO = "auto"
_DATABASE, _ANSWERING, _WORKER = "database", "answering", "worker-"
_GRACE_SECONDS = {_DATABASE: 35.0, _ANSWERING: 8.0, _WORKER: 15.0}
_IDLE_SECONDS = 30.0
"""A worker without work ends after as long, when their number follows the work."""
LOCK = "serve.lock"
"""Below the home folder: held while it is served."""
_BACKLOG = 512
_LOOK_SECONDS = 0.1
_ASK_SECONDS = 5.0
"""The thread that keeps processes alive asks, too: whoever is silent for longer is left alone."""
_FOLLOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be served.

    Attributes:
        port: 0 for a free one.
        workers: None to follow the work up to the processors.
        users: several, who log in.
    """

    home: Path
    host: str
    port: int
    workers: int | None
    users: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The service takes jobs. link: by which the first administrator comes in, while there is none."""

    url: str
    workers: int
    link: str | None


def workers_of(text: str) -> int | None:
    """How many workers are meant; None for ``auto``. Raises UsageError."""
    if text == AUTO:
        return None
    if text.isdecimal() and int(text) <= 1_000:
        return int(text)
    raise UsageError(f"--workers {text!r} is no number of workers", hint="Give a number, or auto.")


def serve(wish: Wish, ready: Callable[[Ready], None]) -> None:
    """Serves until SIGTERM or Ctrl-C. ``ready`` is told when jobs are taken.

    Raises:
        UsageError: the address is not this machine's alone and nobody logs in, or the port is taken.
        OutputError: the home folder is served already, or cannot be written.
        DatabaseError: the database does not answer, or was made by a later version.
    """
    _require_guarded(wish)
    try:
        wish.home.mkdir(parents=True, exist_ok=True)
        alone = FileLock(wish.home / LOCK).acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"{wish.home} is served already", hint="Stop that service, or name another folder with --home."
        ) from None
    except OSError as error:
        raise OutputError(
            f"cannot write {wish.home}: {error.strerror}", hint="Name another folder with --home."
        ) from None
    with alone, listen(wish.host, wish.port) as listening:
        Serving(wish, listening, ready).run()


def _require_guarded(wish: Wish) -> None:
    """Nothing, when whoever can reach the service must log in, or is on its machine. Raises UsageError."""
    address = address_of(ServiceSettings().public_url)
    if wish.users and address.origin and not address.secure and address.host not in LOOPBACK:
        log.warning(
            "TREEFOLIO_PUBLIC_URL is not HTTPS: others can read passwords on their way",
            extra={"action": "serve.plain", "url": address.origin},
        )
    if wish.host in LOOPBACK:
        return
    if not wish.users:
        raise UsageError(
            f"--host {wish.host} could be reached from other machines, and there is no login",
            hint="Add --users; or leave it out, and use a tunnel such as `ssh -L 8000:127.0.0.1:8000`.",
        )
    if not address.origin:
        raise UsageError(
            f"--host {wish.host} can be reached from other machines, under a name that is not known",
            hint="Set TREEFOLIO_PUBLIC_URL to where users find it, such as https://treefolio.example.org.",
        )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises UsageError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"cannot listen on port {port} of {host}: {why}", hint="Name another port with --port."
        ) from None
    return listening


class Serving:
    """See the module."""

    def __init__(self, wish: Wish, listening: socket.socket, ready: Callable[[Ready], None]) -> None:
        self.wish = wish
        self.listening = listening
        self.ready = ready
        self.folder = wish.home / embedded.FOLDER
        self.settings = JobSettings(home=wish.home)
        self.supervisor = Supervisor(tick=self.follow if wish.workers is None else None)
        self.store: Store | None = None
        self.failure: Exception | None = None
        self.idle_since: float | None = None
        self.looked = 0.0
        self.made = 0
        self.env: dict[str, str] = {}

    @property
    def address(self) -> str:
        """The service's URL."""
        host, port = self.listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def first_workers(self) -> int:
        """How many workers there are to begin with."""
        return 1 if self.wish.workers is None else self.wish.workers

    def run(self) -> None:
        """Serves until it is told to stop. Raises DatabaseError."""
        supervisor = self.supervisor
        with on_signals(supervisor.stop):
            if self.settings.database_url is None:
                supervisor.keep(
                    Command(
                        name=_DATABASE,
                        argv=embedded.command(self.folder),
                        grace_seconds=_GRACE_SECONDS[_DATABASE],
                        give_up=self.lost_database,
                    )
                )
            threading.Thread(target=self.open, name="open", daemon=True).start()
            try:
                supervisor.run()
            finally:
                supervisor.end([name for name in supervisor.names("") if name != _DATABASE])
                supervisor.end([_DATABASE])
        if self.failure is not None:
            raise self.failure

    def lost_database(self, status: int) -> bool:
        """Ends the service when the embedded database cannot start; one that did so before may again."""
        if status != embedded.CANNOT_START:
            return False
        error = embedded.cannot_start(self.folder)
        if self.store is not None:
            log.warning("%s", error.message, extra={"action": "database.failed"})
            return False
        self.failure = error
        self.supervisor.stop()
        return True

    def open(self) -> None:
        """Waits for the database, then has everything else started."""
        try:
            from treefolio.jobs.ledger.store import open_store  # noqa: PLC0415 - heavy; the database starts
            from treefolio.service.entering import enter  # noqa: PLC0415 - with the other

            url = self.settings.database_url or embedded.wait_until_running(
                self.folder, gave_up=lambda: self.failure is not None
            )
            enter(url, self.settings).close()
            self.store = open_store(readable(url), self.settings, patience_s=_ASK_SECONDS)
        except Exception as error:  # `run` raises it, on the thread that everybody waits for
            self.failure = self.failure or error
            self.supervisor.stop()
            return
        self.env = {f"{PREFIX}HOME": str(self.wish.home), f"{PREFIX}DATABASE_URL": url}
        self.env[f"{PREFIX}USERS"] = str(int(self.wish.users))
        self.supervisor.call(self.start_answering)
        if self.await_answer():
            self.supervisor.call(self.start_workers)
            self.ready(Ready(url=self.address, workers=self.first_workers, link=self.first_link()))

    def first_link(self) -> str | None:
        """A link for the first administrator; None when there is one, or nobody logs in."""
        if not self.wish.users or self.store is None:
            return None
        from treefolio.jobs.acts import Act  # noqa: PLC0415 - heavy
        from treefolio.service.accounts.store import accounts_of  # noqa: PLC0415 - with the others
        from treefolio.service.audit.store import Audit  # noqa: PLC0415 - with the others

        settings = ServiceSettings()
        link = accounts_of(self.store, settings).first_link()
        if link is None:
            return None
        Audit(self.store.engine).note_operator(Act.LINK_MADE, link.user.id)
        return link.url(address_of(settings.public_url).origin or self.address)

    def start_answering(self) -> None:
        """Starts the process that answers requests, on the socket that stays here."""
        number = self.listening.fileno()
        self.supervisor.keep(
            Command(
                name=_ANSWERING,
                argv=[sys.executable, "-m", "treefolio", "answer", str(number)],
                env=self.env,
                descriptors=(number,),
                grace_seconds=_GRACE_SECONDS[_ANSWERING],
            )
        )

    def start_workers(self) -> None:
        """Starts as many workers as there are to begin with."""
        for _ in range(self.first_workers):
            self.add_worker()

    def add_worker(self) -> None:
        """One worker more."""
        self.made += 1
        self.supervisor.keep(
            Command(
                name=f"{_WORKER}{self.made}",
                argv=[sys.executable, "-m", "treefolio", "worker"],
                env=self.env,
                grace_seconds=_GRACE_SECONDS[_WORKER],
            )
        )

    def await_answer(self) -> bool:
        """Waits until the service says that it takes jobs; False when it is stopped before."""
        host, port = self.listening.getsockname()[:2]
        while not self.supervisor.stopping.wait(_LOOK_SECONDS):
            asking = http.client.HTTPConnection(host, port, timeout=_ASK_SECONDS)
            try:
                asking.request("GET", f"{API}/health")
                if asking.getresponse().status == http.HTTPStatus.OK:
                    return True
            except (OSError, http.client.HTTPException):
                continue
            finally:
                asking.close()
        return False

    def follow(self) -> None:
        """As many workers as there is work for, up to one for each processor."""
        now = time.monotonic()
        if self.store is None or not self.supervisor.names(_WORKER) or now - self.looked < _FOLLOW_SECONDS:
            return
        self.looked = now
        try:
            waiting, seen = self.store.depth(), self.store.workers()
        except DatabaseError:
            return
        names = self.supervisor.names(_WORKER)
        idle = {worker.pid for worker in seen if worker.alive and worker.chunk is None}
        spare = [name for name in names if (p := self.supervisor.alive(name)) is not None and p.pid in idle]
        if waiting:
            self.idle_since = None
            wanted = min(os.cpu_count() or 1, len(names) - len(spare) + waiting)
            for _ in range(wanted - len(names)):
                self.add_worker()
        elif spare and len(names) > 1:
            self.idle_since = self.idle_since or now
            if now - self.idle_since > _IDLE_SECONDS:
                self.supervisor.release(spare[-1])
        else:
            self.idle_since = None
