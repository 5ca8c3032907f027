"""HTTP to a vendor: waits its turn, repeats what may be repeated, and gives up in good order.

It is mounted on the `requests` session of whatever client speaks to the vendor:

    session = requests.Session()
    Transport(vendor="alpaca", limit=limit).mount_on(session)

1. Each attempt first takes its place in the shared rate limit (`limits`), and is counted.
2. What may pass is tried again: the vendor says 429 or 5xx, does not answer in time, hangs up, or its answer
   is cut (shorter than announced, or JSON that does not parse). Only reads (GET, HEAD) are repeated: whether
   anything else was done, nobody knows.
3. In between it waits: as long as the vendor says (``Retry-After``, ``X-RateLimit-Reset``), and everybody
   with it; else a random time below a bound that doubles ("full jitter").
4. After `tries` it raises SourceError. All other answers, refusals included, go to the client as they are.

Messages name the method, the host and the path. Neither the query nor a header is ever said or logged.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests import exceptions as troubles
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from treefolio.errors import SourceAway, SourceError
from treefolio.market.settings import MarketSettings
from treefolio.market.sources import limits

log = logging.getLogger(__name__)

READS = ("GET", "HEAD")
FIRST_BOUND_SECONDS = 0.5
BUSY_BOUND_SECONDS = 5.0
"""The first bound of random waiting; for 429, whose minute has to pass."""
LONGEST_BOUND_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 180.0
"""A vendor that asks for more is not waited for."""
CONNECTIONS = 32

REASONS: tuple[tuple[type[Exception], str], ...] = (
    (troubles.ConnectTimeout, "no connection within {connect:g} s"),
    (troubles.ReadTimeout, "no answer within {read:g} s"),
    (troubles.SSLError, "the secure connection failed: its certificate is not trusted"),
    (troubles.ProxyError, "the proxy does not let us through"),
    (troubles.ChunkedEncodingError, "the answer was cut"),
    (troubles.ContentDecodingError, "the answer was damaged"),
    (troubles.InvalidURL, "this is no address"),
    (Exception, "the connection failed or was closed"),
)
"""What went wrong, most special first. The exceptions' own texts have the query in them."""
HOPELESS = (troubles.SSLError, troubles.InvalidURL)
"""Not worth a second try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An attempt that failed, and may be repeated. `pause`: seconds that the vendor asks for."""

    reason: str
    status: int | None = None
    pause: float | None = None
    permanent: bool = False

    @property
    def is_hopeless(self) -> bool:
        """Whether another try would change nothing, or be too far off."""
        return self.permanent or (self.pause or 0) > LONGEST_PAUSE_SECONDS


class Transport(HTTPAdapter):
    """A `requests` adapter with patience, and an end to it. Safe under threads.

    Args:
        vendor: names it in messages.
        limit: the rate limit that all of this key share.
        tries: how often a read is tried.
        setting: the environment variable with the vendor's address, for the hint.
        secrets: what `clean` takes out of a vendor's text.
        clock, sleep, chance: seconds since 1970, how to wait, random numbers in [0, 1).
    """

    def __init__(
        self,
        *,
        vendor: str,
        limit: limits.RateLimit,
        connect_seconds: float = 5.0,
        read_seconds: float = 30.0,
        tries: int = 6,
        setting: str = "",
        secrets: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(pool_maxsize=CONNECTIONS)
        self.vendor = vendor
        self._limit = limit
        self._timeout = (connect_seconds, read_seconds)
        self._tries = tries
        self._setting = setting
        self._secrets = tuple(secret for secret in secrets if secret)
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._lock = threading.Lock()
        self._requests = 0

    @property
    def requests(self) -> int:
        """How many it made so far, repeated ones included."""
        return self._requests

    def mount_on(self, session: Session) -> Session:
        """Everything that `session` asks for goes this way from now on."""
        session.mount("http://", self)
        session.mount("https://", self)
        return session

    def clean(self, text: str) -> str:
        """`text` without our keys."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the answer is read here, whole: a cut one is repeated
        timeout: Any = None,  # noqa: ARG002 - ours counts: clients have none
        verify: Any = True,
        cert: Any = None,
        proxies: dict[str, str] | None = None,
    ) -> Response:
        """The vendor's answer, its body read. Raises SourceError when there is none after all tries."""
        tries = self._tries if request.method in READS else 1
        attempt = 0
        while True:
            attempt += 1
            self._limit.acquire()
            with self._lock:
                self._requests += 1
            outcome = self._attempt(request, verify, cert, proxies)
            if isinstance(outcome, Response):
                return outcome
            if attempt >= tries or outcome.is_hopeless:
                raise self._given_up(request, outcome, attempt)
            self._pause(request, outcome, attempt)

    def _attempt(
        self,
        request: PreparedRequest,
        verify: Any,
        cert: Any,
        proxies: dict[str, str] | None,
    ) -> Response | Trouble:
        """One request: its answer, or what went wrong."""
        connect, read = self._timeout
        try:
            response = super().send(
                request, stream=False, timeout=self._timeout, verify=verify, cert=cert, proxies=proxies
            )
            body = response.content  # reads it
        except (OSError, HTTPError) as error:  # what `requests` raises is an OSError
            reason = next(text for kind, text in REASONS if isinstance(error, kind))
            return Trouble(
                reason=reason.format(connect=connect, read=read), permanent=isinstance(error, HOPELESS)
            )
        if request.method not in READS:
            return response
        return self._judged(response, body)

    def _judged(self, response: Response, body: bytes) -> Response | Trouble:
        """The answer to a read, unless it is one to ask again for."""
        status = response.status_code
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            said = HTTPStatus(status).phrase if status in set(HTTPStatus) else "no known status"
            return Trouble(
                reason=f"it answered {status} ({said})", status=status, pause=self._pause_asked(response)
            )
        if status == HTTPStatus.OK and "json" in response.headers.get("Content-Type", ""):
            try:
                json.loads(body)
            except ValueError:
                return Trouble(reason="the answer was cut: it is no whole JSON document")
        return response

    def _pause_asked(self, response: Response) -> float | None:
        """Seconds that the vendor asks to wait: until ``Retry-After``, or until its window ends."""
        after = response.headers.get("Retry-After", "").strip()
        if after.isdecimal():
            return float(after)
        if after:
            try:
                moment = parsedate_to_datetime(after)
            except ValueError:
                return None
            return max(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - self._clock(), 0.0)
        reset = response.headers.get("X-RateLimit-Reset", "").strip()
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and reset.isdecimal():
            left = float(reset) - self._clock()
            return left if 0 <= left <= LONGEST_PAUSE_SECONDS else None
        return None

    def _pause(self, request: PreparedRequest, trouble: Trouble, attempt: int) -> None:
        """Waits before the next attempt. A pause that the vendor wants is everybody's."""
        busy = trouble.status == HTTPStatus.TOO_MANY_REQUESTS
        first = BUSY_BOUND_SECONDS if busy else FIRST_BOUND_SECONDS
        jitter = self._chance() * min(first * 2 ** (attempt - 1), LONGEST_BOUND_SECONDS)
        wait = jitter if trouble.pause is None else trouble.pause
        log.info(
            "%s: %s; asking again in %.1f s (try %d of %d)",
            place(request),
            trouble.reason,
            wait,
            attempt + 1,
            self._tries,
            extra={
                "action": "request_repeated",
                "vendor": self.vendor,
                "status": trouble.status,
                "wait": wait,
            },
        )
        if busy or trouble.pause is not None:
            self._limit.hold(wait)  # whoever asks next waits in the queue, and so do we
        else:
            self._sleep(wait)

    def _given_up(self, request: PreparedRequest, trouble: Trouble, attempts: int) -> SourceError:
        """What happened, and what to do."""
        often = "" if attempts == 1 else f", {attempts} times in a row"
        if trouble.pause is not None and trouble.pause > LONGEST_PAUSE_SECONDS:
            hint = f"It asks to wait {trouble.pause / 60:.0f} minutes: try again then."
        elif trouble.status == HTTPStatus.TOO_MANY_REQUESTS:
            hint = "Something else uses the same key: lower TREEFOLIO_REQUESTS_PER_MINUTE, or wait a minute."
        else:
            where = f", and whether {self._setting} is right" if self._setting else ""
            hint = f"See whether the vendor has an outage and whether you are online{where}; then try again."
        log.warning(
            "%s: %s%s; given up",
            place(request),
            trouble.reason,
            often,
            extra={"action": "request_given_up", "vendor": self.vendor, "status": trouble.status},
        )
        kind = SourceError if trouble.permanent else SourceAway
        return kind(f"{place(request)}: {trouble.reason}{often}", source=self.vendor, hint=hint)


def place(request: PreparedRequest) -> str:
    """What was asked for, without what may be secret: ``GET https://data.alpaca.markets/v2/stocks/bars``."""
    address = urlsplit(str(request.url))
    host = address.netloc.rpartition("@")[2]
    return f"{request.method} {address.scheme}://{host}{address.path}"


def open_transport(
    settings: MarketSettings, *, vendor: str, key: str, setting: str, secrets: Sequence[str] = ()
) -> Transport:
    """The transport to `vendor` with `key`, as the settings say. `key` and `secrets` are never said."""
    file = limits.log_file(settings.home / "limits", vendor, key)
    return Transport(
        vendor=vendor,
        limit=limits.shared(vendor, file, settings.requests_per_minute),
        connect_seconds=settings.connect_seconds,
        read_seconds=settings.read_seconds,
        tries=settings.tries,
        setting=setting,
        secrets=(key, *secrets),
    )
