"""What went wrong, as every route says it: one shape, whatever the cause.

    {"code": "not_found", "message": "…", "path": null, "hint": "…", "request_id": "…"}

`code` is for programs, `message` and `hint` are for people, `path` is the place in the strategy or in what
was sent. `CODES` says which error of Treefolio becomes which code and status; `Declined` is what the service
itself does not do. `install` makes an application answer so.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from treefolio.errors import (
    DatabaseError,
    FormatError,
    LimitError,
    MissingPrices,
    NoSuchJob,
    OutputError,
    OverLimit,
    PriceError,
    Refused,
    RunError,
    SpaceError,
    StrategyError,
    TreefolioError,
    UsageError,
    VaultError,
    WindowError,
)
from treefolio.service.models import API

log = logging.getLogger(__name__)

_WHAT_IT_TAKES = f"GET {API}/openapi.json says what it takes."
_STRATEGY = "Correct the strategy at that place; `treefolio inspect FILE` reads it."
_PRICES = "Correct the prices, or use others."
CODES: tuple[tuple[type[TreefolioError], str, int, str], ...] = (
    (LimitError, "limit", 422, "Split the strategy, or write what repeats as variables."),
    (FormatError, "format", 422, _STRATEGY),
    (StrategyError, "strategy", 422, _STRATEGY),
    (MissingPrices, "missing_prices", 422, _PRICES),
    (PriceError, "prices", 422, _PRICES),
    (SpaceError, "space", 422, "`treefolio inspect STRATEGY` lists variables and handles."),
    (WindowError, "window", 422, "Choose another window."),
    (RunError, "run", 422, "Choose another window, or change the strategy at that place."),
    (UsageError, "misuse", 422, _WHAT_IT_TAKES),
    (NoSuchJob, "not_found", 404, f"GET {API}/jobs lists those that there are."),
    (Refused, "conflict", 409, f"GET {API}/jobs lists the jobs with their states."),
    (VaultError, "vault", 503, "Ask who runs this service: `treefolio secrets check` says more."),
    (OutputError, "output", 507, "Make room on the service's disk."),
    (TreefolioError, "failed", 500, "Please report it with this request's id."),
)
"""The first class that an error is of says its code and status, and what to do when the error does not."""
_STATUS_CODES: Mapping[int, str] = {
    400: "unreadable",
    404: "not_found",
    405: "method",
    408: "too_slow",
    413: "too_large",
    415: "media_type",
    503: "busy",
}
_REMEDIES: Mapping[int, str] = {408: "Send it again, over a faster line."}
_DATABASE_AWAY_SECONDS = 2
_CLOSED: Mapping[int, int] = {401: 4401, 403: 4403}
TRY_LATER = 1013
"""Closes a socket while the database does not answer."""
_LONGEST_REASON = 100


class Declined(TreefolioError):  # noqa: N818 - it is what happened, not a fault
    """The service does not do what was asked.

    Attributes:
        code: for programs.
        status: of HTTP.
        retry_after: seconds after which it may be asked again; None where that would not help.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int,
        path: str | None = None,
        hint: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, path=path, hint=hint)
        self.code = code
        self.status = status
        self.retry_after = retry_after


def not_found(what: str, name: object, hint: str) -> Declined:
    """There is no such thing, or it is somebody else's: nobody learns which."""
    return Declined(f"there is no {what} {name}", code="not_found", status=404, hint=hint)


def problem(
    request_id: str,
    *,
    status: int,
    code: str,
    message: str,
    path: str | None = None,
    hint: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer that says what went wrong."""
    said = {"code": code, "message": message, "path": path, "hint": hint, "request_id": request_id}
    return JSONResponse(said, status_code=status, headers=dict(headers or {}))


def refusal(request_id: str, error: Declined) -> JSONResponse:
    """The answer that says what the service does not do, and why."""
    return problem(
        request_id,
        status=error.status,
        code=error.code,
        message=error.message,
        path=error.path,
        hint=error.hint,
        headers={} if error.retry_after is None else {"Retry-After": str(error.retry_after)},
    )


def closing(error: Declined) -> tuple[int, str]:
    """The code and the reason with which a socket is closed."""
    return _CLOSED.get(error.status, TRY_LATER), error.message[:_LONGEST_REASON]


def away(error: Exception) -> Declined:
    """What is said while the database does not answer; the log says why."""
    reason = " ".join(str(error).split())[:200]
    log.warning("the database does not answer", extra={"action": "database.away", "reason": reason})
    return Declined(
        "the database does not answer",
        code="database_away",
        status=503,
        hint="Ask again in a moment; `treefolio serve` starts it again when it ended.",
        retry_after=_DATABASE_AWAY_SECONDS,
    )


def install(app: FastAPI) -> None:
    """Has the application answer every error in the one shape."""
    handlers: tuple[tuple[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]], ...] = (
        (Declined, _declined),
        (DatabaseError, _away),
        (OverLimit, _over),
        (TreefolioError, _ours),
        (RequestValidationError, _invalid),
        (HTTPException, _http),
        (DataError, _no_value),
        (OperationalError, _away),
        (InterfaceError, _away),
        (PoolTimeout, _away),
        (Exception, _fault),
    )
    for kind, handler in handlers:
        app.add_exception_handler(kind, handler)


def request_id(request: Request) -> str:
    """The request's, which the door gave it."""
    return str(request.scope.get("request_id", ""))


async def _declined(request: Request, error: Declined) -> JSONResponse:
    return refusal(request_id(request), error)


async def _ours(request: Request, error: TreefolioError) -> JSONResponse:
    _, code, status, remedy = next(row for row in CODES if isinstance(error, row[0]))
    place = " ".join(part for part in (error.source, error.path) if part) or None
    if error.line is not None:
        place = f"{place or 'text'}, line {error.line}"
    return problem(
        request_id(request),
        status=status,
        code=code,
        message=error.message,
        path=place,
        hint=error.hint or remedy,
    )


async def _over(request: Request, error: OverLimit) -> JSONResponse:
    """More than a user may have: for now, or until the user makes room."""
    seconds = error.free_in_seconds
    return problem(
        request_id(request),
        status=403 if seconds is None else 429,
        code=f"limit_{error.limit}",
        message=error.message,
        path=error.path,
        hint=error.hint,
        headers={} if seconds is None else {"Retry-After": str(seconds)},
    )


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    """What was sent has not the shape that the route takes: the first place where it differs."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    unreadable = first["type"] == "json_invalid"
    return problem(
        request_id(request),
        status=400 if unreadable else 422,
        code="unreadable" if unreadable else "invalid",
        message="the body is no JSON" if unreadable else str(first["msg"]),
        path=place,
        hint=_WHAT_IT_TAKES,
    )


async def _http(request: Request, error: HTTPException) -> JSONResponse:
    return problem(
        request_id(request),
        status=error.status_code,
        code=_STATUS_CODES.get(error.status_code, "refused"),
        message=str(error.detail),
        hint=_REMEDIES.get(error.status_code, _WHAT_IT_TAKES),
        headers=error.headers,
    )


async def _no_value(request: Request, error: DataError) -> JSONResponse:
    """A text or number that the database cannot hold, such as one with a NUL character."""
    del error
    return problem(
        request_id(request),
        status=422,
        code="invalid",
        message="something that was sent cannot be kept",
        hint="Leave out control characters and numbers beyond 64 bits.",
    )


async def _away(request: Request, error: Exception) -> JSONResponse:
    return refusal(request_id(request), away(error))


async def _fault(request: Request, error: Exception) -> JSONResponse:
    """An error that nobody foresaw; the log has it with the request's id."""
    log.error(
        "a fault in %s %s, request %s",
        request.method,
        getattr(request.scope.get("route"), "path", "what has no route"),  # a path may have a secret in it
        request_id(request),
        exc_info=error,
        extra={"action": "fault", "request_id": request_id(request)},
    )
    return problem(
        request_id(request),
        status=500,
        code="fault",
        message="a fault of Treefolio itself",
        hint="Please report it with the lines of the log that have this request's id.",
    )
