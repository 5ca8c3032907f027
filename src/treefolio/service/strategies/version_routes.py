"""Versions of a strategy: add one, look at one, download it, compare two."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query, Response

from treefolio.service.callers import Owner
from treefolio.service.house import Responses
from treefolio.service.models import Problem
from treefolio.service.strategies import difference, records
from treefolio.service.strategies.models import (
    MOST_VERSIONS,
    Difference,
    Imported,
    ImportReport,
    Inspection,
    NewVersion,
    Version,
    Versions,
    VersionText,
)
from treefolio.service.strategies.reading import (
    content_of,
    file_stem,
    import_of,
    inspection_of,
    strategy_of,
)
from treefolio.service.strategies.store import StrategyStore
from treefolio.strategy.text import write

NO_VERSION: Responses = {404: {"model": Problem, "description": "There is no such strategy, or version."}}
FULL: Responses = {403: {"model": Problem, "description": "There is no room for more."}}
_LATER: Responses = {409: {"model": Problem, "description": "There is a later version than expected."}}
_SAME: Responses = {200: {"description": "The content was there already, as this version."}}
_MOST = 500
_MEDIA = {"yaml": "application/yaml", "json": "application/json"}
Number = Annotated[int, Path(ge=1, le=MOST_VERSIONS, description="Of a version.")]
Of = Annotated[int, Query(ge=1, le=MOST_VERSIONS)]


def add(routes: APIRouter, store: StrategyStore) -> None:
    """Adds the routes."""
    _listing(routes, store)
    _one(routes, store)
    _comparing(routes, store)


def _listing(routes: APIRouter, store: StrategyStore) -> None:
    @routes.post(
        "/strategies/{strategy}/versions",
        status_code=201,
        response_model=Imported,
        responses={**NO_VERSION, **_LATER, **FULL, 200: {"model": Imported, **_SAME[200]}},
        name="add_version",
    )
    def add_version(
        strategy: UUID, body: Annotated[NewVersion, Body()], response: Response, owner: Owner
    ) -> Imported:
        """Keeps the next version. The same content again is the version that it was."""
        store.get(owner, strategy)  # before the text is read, which may take long
        content = content_of(body.text, body.file_name)
        kept = store.add_version(
            owner, strategy, content, note=body.note, parent=body.parent, expect=body.expect
        )
        response.status_code = 201 if kept.new else 200
        return imported(kept, content)

    @routes.get(
        "/strategies/{strategy}/versions", response_model=Versions, responses=NO_VERSION, name="versions"
    )
    def versions(
        strategy: UUID,
        owner: Owner,
        limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    ) -> Versions:
        """The versions, the latest first."""
        found, total = store.versions(owner, strategy, limit=limit, offset=offset)
        return Versions(versions=[_shown(each) for each in found], total=total, offset=offset)


def _one(routes: APIRouter, store: StrategyStore) -> None:
    @routes.get(
        "/strategies/{strategy}/versions/{number}",
        response_model=VersionText,
        responses=NO_VERSION,
        name="version",
    )
    def version(strategy: UUID, number: Number, owner: Owner) -> VersionText:
        """A version with its native text."""
        return whole(store.version(owner, strategy, number))

    @routes.get(
        "/strategies/{strategy}/versions/{number}/original",
        response_class=Response,
        responses={**NO_VERSION, 200: {"content": {"application/octet-stream": {}}}},
        name="original",
    )
    def original(strategy: UUID, number: Number, owner: Owner) -> Response:
        """A version as it was sent, as a file."""
        name = store.get(owner, strategy).name
        found = store.version(owner, strategy, number).version
        content = store.original(owner, strategy, number)
        suffix = (found.file_name or "").rpartition(".")[2].lower()
        kind = suffix if suffix.isascii() and suffix.isalnum() and len(suffix) <= 5 else "txt"
        return _file(content, f"{file_stem(name, found)}-original.{kind}", "application/octet-stream")

    @routes.get(
        "/strategies/{strategy}/versions/{number}/convert",
        response_class=Response,
        responses={**NO_VERSION, 200: {"content": {kind: {} for kind in _MEDIA.values()}}},
        name="convert",
    )
    def convert(
        strategy: UUID, number: Number, owner: Owner, to: Annotated[Literal["yaml", "json"], Query()] = "yaml"
    ) -> Response:
        """A version as native YAML or JSON, as `treefolio convert` writes it: a file."""
        name = store.get(owner, strategy).name
        found = store.version(owner, strategy, number)
        text = found.text if to == "yaml" else write(strategy_of(found), as_json=True)
        return _file(text.encode(), f"{file_stem(name, found.version)}.{to}", _MEDIA[to])

    @routes.get(
        "/strategies/{strategy}/versions/{number}/inspect",
        response_model=Inspection,
        responses=NO_VERSION,
        name="inspect",
    )
    def inspect(strategy: UUID, number: Number, owner: Owner) -> Inspection:
        """What a version holds: size, tickers, variables, handles, notes of its import."""
        return inspection_of(import_of(store.version(owner, strategy, number)))


def _comparing(routes: APIRouter, store: StrategyStore) -> None:
    @routes.get("/strategies/{strategy}/diff", response_model=Difference, responses=NO_VERSION, name="diff")
    def diff(
        strategy: UUID,
        owner: Owner,
        older: Annotated[Of, Query(alias="from", description="The number of a version.")],
        newer: Annotated[Of, Query(alias="to", description="The number of another one.")],
    ) -> Difference:
        """What changed from one version to another: in the tree, with places, and in the text."""
        old, new = (store.version(owner, strategy, number) for number in (older, newer))
        found, complete = difference.changes(strategy_of(old), strategy_of(new))
        before, after = set(old.version.tickers), set(new.version.tickers)
        return Difference(
            older=older,
            newer=newer,
            same=old.version.hash == new.version.hash,
            changes=found,
            complete=complete,
            tickers_added=sorted(after - before),
            tickers_removed=sorted(before - after),
            text=difference.text_difference(old.text, new.text),
        )


def imported(kept: records.Kept, content: records.Content) -> Imported:
    """What came of a text, as the service shows it."""
    return Imported.model_validate(
        {"strategy": kept.strategy, "version": kept.version, "report": content.report, "new": kept.new},
        from_attributes=True,
    )


def whole(found: records.Whole) -> VersionText:
    """A version with its text, as the service shows it."""
    version = _shown(found.version)
    return VersionText(
        **version.model_dump(), text=found.text, report=ImportReport.model_validate(found.report)
    )


def _shown(version: records.Version) -> Version:
    return Version.model_validate(version, from_attributes=True)


def _file(content: bytes, name: str, media: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media, headers=headers)
