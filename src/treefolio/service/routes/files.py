"""Final files of a job, streamed as they are kept: byte for byte what the command line writes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from treefolio.jobs.ledger.records import Job
from treefolio.jobs.states import ENDED
from treefolio.service.callers import Owner
from treefolio.service.house import House, Responses
from treefolio.service.models import API, File, Files, Problem
from treefolio.service.problems import Declined, not_found
from treefolio.service.routes.jobs import MISSING

_EARLY: Responses = {
    409: {"model": Problem, "description": "The job has not come to its end, or has no result."}
}
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
}

_NOT_YET = {"sweep": f"GET {API}/jobs/ID/rows shows its rows so far."}
"""What helps until a job of a kind has files."""


def router(house: House) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["files"])
    store = house.store

    def final(owner: str, job: UUID) -> list[File]:
        """The files of a job that has come to its end. Raises Declined when it has none."""
        found = store.get(owner, job)
        files = store.files(owner, job)
        if not files:
            raise _without_files(found)
        return [File.model_validate(each, from_attributes=True) for each in files]

    @routes.get("/jobs/{job}/files", response_model=Files, responses={**MISSING, **_EARLY})
    def listed(job: UUID, owner: Owner) -> Files:
        """The final files of a job: the folder that `run --out` or `sweep --out` writes."""
        return Files(files=final(owner, job))

    @routes.get(
        "/jobs/{job}/files/{name}",
        response_class=StreamingResponse,
        responses={**MISSING, **_EARLY, 200: {"content": {"application/octet-stream": {}}}},
    )
    def one(job: UUID, name: Annotated[str, Path(max_length=100)], owner: Owner) -> StreamingResponse:
        """One of the files."""
        file = next((each for each in final(owner, job) if each.name == name), None)
        if file is None:
            raise not_found("file", name, f"GET /api/v1/jobs/{job}/files lists them.")
        suffix = name[name.rfind(".") :]
        headers = {
            "Content-Length": str(file.size),
            "Content-Disposition": f'attachment; filename="{file.name}"',
        }
        pieces = store.file(owner, job, name)
        media = _MEDIA.get(suffix, "application/octet-stream")
        return StreamingResponse(pieces, media_type=media, headers=headers)

    return routes


def _without_files(job: Job) -> Declined:
    """Why a job has no files, and what would help."""
    if job.state not in ENDED:
        return Declined(
            f"the job is {job.state}, and its files are not there yet",
            code="not_final",
            status=409,
            hint=_NOT_YET.get(job.kind, f"GET {API}/jobs/ID tells when they are."),
        )
    why = f": {job.reason}" if job.reason else ""
    again = (
        "Submit it again, when the reason is gone."
        if why
        else "What it computed is not kept: submit it again."
    )
    return Declined(f"the job is {job.state}, and has no files{why}", code="no_files", status=409, hint=again)
