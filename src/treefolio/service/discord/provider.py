"""What is asked of Discord, through Authlib. Its address comes from the settings alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from pydantic import SecretStr

from treefolio.service.problems import Declined
from treefolio.service.settings import ServiceSettings

SCOPE = "identify"
_AWAY_SECONDS = 5
_SUBJECT = re.compile(r"\d{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who that is. subject: Discord's id, which never changes. name: the present one."""

    subject: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discord:
    """The application at Discord. seconds: as long is waited for an answer."""

    client_id: str
    secret: SecretStr
    url: str
    seconds: float

    def departure(self, state: str, verifier: str, back: str) -> str:
        """Where the browser goes. `back` is where Discord sends it then."""
        with self._session(back) as session:
            url, _ = session.create_authorization_url(
                f"{self.url}/oauth2/authorize", state=state, code_verifier=verifier, prompt="none"
            )
        return str(url)

    def arrival(self, code: str, verifier: str, back: str) -> Person:
        """Who came back with this code. Raises Declined."""
        with self._session(back) as session:
            try:
                session.fetch_token(
                    f"{self.url}/api/oauth2/token", code=code, code_verifier=verifier, allow_redirects=False
                )
                answer = session.get(f"{self.url}/api/users/@me", allow_redirects=False)
                answer.raise_for_status()
                return _person(answer.json())
            except AuthlibBaseError:
                raise _not_confirmed() from None
            except (requests.RequestException, ValueError, KeyError, TypeError):
                raise _away() from None

    def _session(self, back: str) -> OAuth2Session:
        return OAuth2Session(
            client_id=self.client_id,
            client_secret=self.secret.get_secret_value(),
            scope=SCOPE,
            redirect_uri=back,
            code_challenge_method="S256",
            default_timeout=self.seconds,
        )


def discord_of(settings: ServiceSettings) -> Discord | None:
    """As the settings have it; None when users cannot log in so."""
    if not (settings.users and settings.discord_client_id and settings.discord_client_secret):
        return None
    return Discord(
        client_id=settings.discord_client_id,
        secret=settings.discord_client_secret,
        url=settings.discord_url.rstrip("/"),
        seconds=settings.discord_seconds,
    )


def _person(said: Any) -> Person:
    """Raises ValueError, KeyError, TypeError: this is no answer of Discord's."""
    subject, name = str(said["id"]), said["username"]
    if not _SUBJECT.fullmatch(subject) or not isinstance(name, str):
        raise ValueError(subject)
    return Person(subject=subject, name=re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:40] or "_")


def _not_confirmed() -> Declined:
    return Declined(
        "Discord does not confirm this login",
        code="discord_refused",
        status=401,
        hint="Begin again: GET /api/v1/login/discord.",
    )


def _away() -> Declined:
    return Declined(
        "Discord does not answer",
        code="discord_away",
        status=503,
        hint="Begin again in a moment, or log in with a password.",
        retry_after=_AWAY_SECONDS,
    )
