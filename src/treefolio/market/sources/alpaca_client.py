"""Alpaca's official client over our transport: page by page, and what its refusals mean.

The client is imported when something is asked: that takes a third of a second.
"""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from treefolio.errors import SourceError

if TYPE_CHECKING:
    from alpaca.common.rest import RESTClient

    from treefolio.market.bars import Shelf
    from treefolio.market.settings import MarketSettings
    from treefolio.market.sources.transport import Transport

NAME = "alpaca"
ADDRESS = "TREEFOLIO_ALPACA_DATA_URL"
TIMEFRAMES = {
    "1d": (1, "Day"),
    "1h": (1, "Hour"),
    "30m": (30, "Min"),
    "15m": (15, "Min"),
    "5m": (5, "Min"),
    "1m": (1, "Min"),
}
PAGE_BARS, PAGE_ACTIONS = 10_000, 1_000
"""As much as Alpaca gives at once."""
EMPTY_PAGES = 20
"""So many in a row lead nowhere."""
KEYS_HINT = "Look at APCA_API_KEY_ID and APCA_API_SECRET_KEY: both come from Alpaca's dashboard."
PLAN_HINT = "Ask for days before today, use feed iex, or subscribe to Algo Trader Plus."

Page = Mapping[str, Any]


class NoAccessError(SourceError):
    """Nothing can be asked at all."""


class BadSymbolError(SourceError):
    """The request was refused for one of its symbols."""


class TooRecentError(SourceError):
    """The plan does not permit the last minutes."""


class AlpacaClient:
    """Asks Alpaca. `transport` stands in place of the one that the settings describe."""

    def __init__(self, settings: MarketSettings, shelf: Shelf, transport: Transport | None = None) -> None:
        self._settings = settings
        self._shelf = shelf
        self._given = transport

    @property
    def requests(self) -> int:
        """How many were made so far, repeated ones included."""
        opened = self._given or vars(self).get("_transport")
        return opened.requests if opened else 0

    def bars(self, symbols: list[str], begin: datetime, end: datetime) -> Iterator[Page]:
        """Pages of raw bars, symbol → rows: those with any. Raises SourceError or a kind of it."""
        client = self._bars_client
        from alpaca.data.enums import Adjustment, DataFeed  # noqa: PLC0415
        from alpaca.data.requests import StockBarsRequest  # noqa: PLC0415
        from alpaca.data.timeframe import TimeFrame, TimeFrameUnit  # noqa: PLC0415

        amount, unit = TIMEFRAMES[self._shelf.interval]
        request = StockBarsRequest(
            symbol_or_symbols=symbols,
            start=begin,
            end=end.replace(microsecond=0),
            timeframe=TimeFrame(amount, TimeFrameUnit(unit)),
            adjustment=Adjustment.RAW,
            feed=DataFeed(self._shelf.feed),
            limit=PAGE_BARS,
        )
        return self._pages(client, "/stocks/bars", request.to_request_fields(), "bars")

    def actions(self, symbols: list[str], first: date, last: date) -> Iterator[Page]:
        """Pages of corporate actions processed from `first` to `last`, kind → rows, likewise."""
        client = self._actions_client
        from alpaca.data.requests import CorporateActionsRequest  # noqa: PLC0415

        request = CorporateActionsRequest(start=first, end=last, limit=PAGE_ACTIONS)
        fields = {**request.to_request_fields(), "symbols": ",".join(symbols)}
        return self._pages(client, "/corporate-actions", fields, "corporate_actions")

    def _pages(
        self, client: RESTClient, path: str, fields: Mapping[str, Any], content: str
    ) -> Iterator[Mapping[str, Any]]:
        """The contents of all pages that have any."""
        token, empty = None, 0
        while True:
            answer = self._ask(client, path, {**fields, "page_token": token} if token else dict(fields))
            page, following = answer.get(content) or {}, answer.get("next_page_token")
            if not isinstance(page, dict):
                raise SourceError(f"the answer's {content} cannot be read", source=NAME)
            if page:
                yield page
            empty = 0 if page else empty + 1
            if not following:
                return
            if empty > EMPTY_PAGES or (page and following == token):
                raise SourceError("the answer's pages lead nowhere", source=NAME)
            token = following

    def _ask(self, client: RESTClient, path: str, fields: dict[str, Any]) -> Mapping[str, Any]:
        """One page. Raises SourceError, or the kind of it that says what can be done."""
        from alpaca.common.exceptions import APIError  # noqa: PLC0415 - takes 0.3 s
        from requests.exceptions import RequestException  # noqa: PLC0415

        problem: SourceError
        try:
            answer = client.get(path, data=fields)
        except APIError as error:
            problem = self._problem(error.status_code or 0, str(error))
        except (RequestException, ValueError):
            hint = f"See whether {ADDRESS} is right."
            problem = SourceError("the answer is none of Alpaca's", source=NAME, hint=hint)
        else:
            if isinstance(answer, dict):
                return answer
            problem = SourceError("the answer is none of Alpaca's", source=NAME)
        raise problem  # outside of the handlers: their errors have the whole request in them

    def _problem(self, status: int, body: str) -> SourceError:
        """What an answer other than 200 means."""
        said = self._transport.clean(_message(body))
        if "recent SIP data" in said:
            return TooRecentError(said, source=NAME)
        if status in (401, 403):
            hint = PLAN_HINT if "subscription" in said else KEYS_HINT
            return NoAccessError(f"Alpaca refuses ({status}): {said}", source=NAME, hint=hint)
        if status in (413, 414) or (status in (400, 422) and "symbol" in said.lower()):
            return BadSymbolError(said, source=NAME)
        return SourceError(f"Alpaca answered {status}: {said}", source=NAME)

    @cached_property
    def _transport(self) -> Transport:
        if self._given is not None:
            return self._given
        from treefolio.market.sources.transport import open_transport  # noqa: PLC0415 - takes 0.1 s

        key, secret = self._keys()
        return open_transport(self._settings, vendor=NAME, key=key, secrets=(secret,), setting=ADDRESS)

    @cached_property
    def _bars_client(self) -> RESTClient:
        return self._opened("alpaca.data.historical.stock", "StockHistoricalDataClient")

    @cached_property
    def _actions_client(self) -> RESTClient:
        return self._opened("alpaca.data.historical.corporate_actions", "CorporateActionsClient")

    def _opened(self, module: str, kind: str) -> RESTClient:
        """A client of Alpaca's over our transport."""
        key, secret = self._keys()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # between its streams and their library
            opened = getattr(importlib.import_module(module), kind)
        client: RESTClient = opened(
            api_key=key,
            secret_key=secret,
            raw_data=True,
            url_override=self._settings.alpaca_data_url.rstrip("/"),
        )
        self._transport.mount_on(client._session)  # the only way in that the client has
        return client

    def _keys(self) -> tuple[str, str]:
        """Key and secret. Raises SourceError when one is missing."""
        key, secret = self._settings.alpaca_key, self._settings.alpaca_secret
        given = {"APCA_API_KEY_ID": key, "APCA_API_SECRET_KEY": secret}
        missing = [
            name for name, value in given.items() if value is None or not value.get_secret_value().strip()
        ]
        if missing or key is None or secret is None:
            hint = f"Set {' and '.join(missing)} to what Alpaca's dashboard shows."
            raise NoAccessError("Alpaca wants keys, and there are none", source=NAME, hint=hint)
        return key.get_secret_value().strip(), secret.get_secret_value().strip()


def _message(body: str) -> str:
    """What Alpaca says in an answer that is not 200: its ``message``, else the beginning of the text."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.strip()[:200] or "without a word"
