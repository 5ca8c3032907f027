"""Massive's official client over our transport: its lists page by page, and what its refusals mean.

The client keeps connections of its own, and takes an answer that it cannot read for one without rows. So the
object through which it asks is replaced, and every answer is looked at here before the client sees it. It is
imported when something is asked: that takes a fifth of a second.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from treefolio.errors import SourceError
from treefolio.market.bars import DAILY, INTERVALS
from treefolio.market.sources.massive_terms import SOURCE

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

    from treefolio.market.settings import MarketSettings
    from treefolio.market.sources.transport import Transport

KEY = "MASSIVE_API_KEY"
ADDRESS = "TREEFOLIO_MASSIVE_URL"
MOST_BARS, MOST_ACTIONS = 50_000, 5_000
"""As much as a page may have."""
EMPTY_PAGES = 20
"""So many in a row lead nowhere."""
GOOD = frozenset({"OK", "DELAYED"})
"""Statuses of an answer that is one; plans without real time are told that it is delayed."""
TIMEFRAME, END_OF_DAY = "timeframe", "before end of day"
"""How a refusal says that the plan does not reach so far back, or not to today."""
KEY_HINT = f"Look at {KEY}: the key stands on Massive's dashboard under API keys."
PLAN_HINT = "See on Massive's dashboard what your plan includes."


class NoAccessError(SourceError):
    """Nothing can be asked at all."""


class NotFoundError(SourceError):
    """There is nothing of that name."""


class TimeframeError(SourceError):
    """The plan does not reach so far back, or not to today."""


class MassiveClient:
    """Asks Massive. `transport` stands in place of the one that the settings describe. Safe under threads."""

    def __init__(self, settings: MarketSettings, transport: Transport | None = None) -> None:
        self._settings = settings
        self._given = transport
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        """How many were made so far, repeated ones included."""
        opened = self._given or vars(self).get("_transport")
        return opened.requests if opened else 0

    def bars(self, symbol: str, interval: str, first: date, last: date) -> list[Any]:
        """All raw bars of a symbol from `first` to `last`. Raises SourceError or a kind of it."""
        length, span = (1, "day") if interval == DAILY else _length(interval)
        rows = self._opened().list_aggs(
            _in_path(symbol), length, span, first, last, adjusted=False, sort="asc", limit=MOST_BARS
        )
        return list(rows)

    def splits(self, symbols: Sequence[str], first: date, last: date) -> list[Mapping[str, Any]]:
        """Rows of splits that took effect from `first` to `last`, likewise."""
        rows = self._opened().list_stocks_splits(
            ticker_any_of=",".join(symbols),
            execution_date_gte=first.isoformat(),
            execution_date_lte=last.isoformat(),
            limit=MOST_ACTIONS,
        )
        return [vars(row) for row in rows]

    def dividends(self, symbols: Sequence[str], first: date, last: date) -> list[Mapping[str, Any]]:
        """Rows of dividends with an ex-date from `first` to `last`, likewise."""
        rows = self._opened().list_stocks_dividends(
            ticker_any_of=",".join(symbols),
            ex_dividend_date_gte=first.isoformat(),
            ex_dividend_date_lte=last.isoformat(),
            limit=MOST_ACTIONS,
        )
        return [vars(row) for row in rows]

    def listed_on(self, symbol: str) -> str | None:
        """When trading in a symbol began, if Massive states it. Raises NotFoundError and the others."""
        found: str | None = self._opened().get_ticker_details(_in_path(symbol)).list_date
        return found

    def _opened(self) -> Any:
        """A client of Massive's (a RESTClient, which has no types) for one list."""
        with self._lock:
            key, session = self._key, self._session
        made = importlib.import_module("massive").RESTClient
        client = made(api_key=key, base=self._settings.massive_url.rstrip("/"), retries=0)
        client.client = _Door(session=session, transport=self._transport)
        return client

    @cached_property
    def _session(self) -> Session:
        from requests import Session  # noqa: PLC0415 - takes 0.1 s

        session = Session()
        session.auth = _as_it_is
        return self._transport.mount_on(session)

    @cached_property
    def _transport(self) -> Transport:
        if self._given is not None:
            return self._given
        from treefolio.market.sources.transport import open_transport  # noqa: PLC0415 - takes 0.1 s

        return open_transport(self._settings, vendor=SOURCE, key=self._key, setting=ADDRESS)

    @cached_property
    def _key(self) -> str:
        """Raises NoAccessError when there is none."""
        key = self._settings.massive_key
        if key is None or not key.get_secret_value().strip():
            hint = f"Set {KEY} to the key on Massive's dashboard."
            raise NoAccessError("Massive wants a key, and there is none", source=SOURCE, hint=hint)
        return key.get_secret_value().strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, as the client wants it."""

    status: int
    data: bytes
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class _Door:
    """What the client asks through, in place of its own connections. For one list.

    Every answer that it lets through is a JSON object that says it is good, and has rows or needs none.
    """

    session: Session
    transport: Transport
    seen: set[str] = field(default_factory=set)
    empty: int = 0

    def request(
        self,
        method: str,
        url: str,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """The answer. Raises SourceError, or the kind of it that says what can be done."""
        from requests.exceptions import RequestException  # noqa: PLC0415 - takes 0.1 s

        problem: SourceError
        try:
            response = self.session.request(
                method, url, params=fields or None, headers=headers, allow_redirects=False
            )
            document = _document(response)
        except (RequestException, ValueError):
            hint = f"See whether {ADDRESS} is right."
            problem = SourceError("the answer is none of Massive's", source=SOURCE, hint=hint)
        else:
            if response.status_code == 200 and document.get("status", "OK") in GOOD:
                return self._let_through(url, response, document)
            problem = self._problem(response.status_code, document)
        raise problem  # outside of the handlers: their errors have the whole request in them

    def _let_through(self, url: str, response: Response, document: dict[str, Any]) -> Answered:
        """A good answer. The client would stop at a page without rows, though more follow."""
        rows = document.get("results")
        if rows is None and (document.get("resultsCount") or document.get("count")):
            raise SourceError("the answer lacks the rows that it counts", source=SOURCE)
        if rows is not None and not isinstance(rows, (list, dict)):
            raise SourceError("the answer's rows cannot be read", source=SOURCE)
        self.empty = 0 if rows else self.empty + 1
        if self.empty > EMPTY_PAGES or (rows and url in self.seen):
            raise SourceError("the answer's pages lead nowhere", source=SOURCE)
        if rows:
            self.seen.add(url)
        data = response.content
        if rows is None and document.get("next_url"):
            data = json.dumps({**document, "results": []}).encode()
        return Answered(status=200, data=data, headers=response.headers)

    def _problem(self, status: int, document: Mapping[str, Any]) -> SourceError:
        """What a refusal means."""
        said = self.transport.clean(str(document.get("message") or document.get("error") or "without a word"))
        if TIMEFRAME in said or END_OF_DAY in said:
            return TimeframeError(said, source=SOURCE, hint=PLAN_HINT)
        if status in (401, 403) or document.get("status") == "NOT_AUTHORIZED":
            hint = PLAN_HINT if "plan" in said or "entitled" in said else KEY_HINT
            return NoAccessError(f"Massive refuses ({status}): {said}", source=SOURCE, hint=hint)
        if status == 404:
            return NotFoundError(said, source=SOURCE)
        return SourceError(f"Massive answered {status}: {said}", source=SOURCE)


def _document(response: Response) -> dict[str, Any]:
    """The answer's JSON object. Raises ValueError when it is none; a refusal may be plain text."""
    try:
        document = json.loads(response.content)
    except ValueError:
        if response.ok:
            raise
        return {"message": response.text.strip()[:200]}
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    return document


def _length(interval: str) -> tuple[int, str]:
    """An interval within a day as the vendor says it: a number, and of what."""
    minutes = INTERVALS[interval]
    return (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")


def _in_path(symbol: str) -> str:
    """A symbol as a part of a path, from which it cannot get out."""
    from urllib.parse import quote  # noqa: PLC0415 - only here

    return quote(symbol, safe="")


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """The request with the client's own header: without this, a password from ~/.netrc would replace it."""
    return request
