"""Owns the files that programs get: labels, predictions, the model; made while they are sent."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from alcore.services import exporting, model_export, predicting
from alcore.services.exporting import Wish
from alcore.web import state
from alcore.web.api.models import job_value
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.problems import responses as problems
from alcore.web.api.values import JobAsked, ProjectId
from alcore.web.downloads import Download, sending

group = router("Files")


def _file(*mimes: str) -> dict[str, Any]:
    """Describe an operation that sends a file of one of these types."""
    binary = {"type": "string", "format": "binary"}
    content = {
        mime: {"schema": {} if mime == "application/json" else binary}
        for mime in sorted(set(mimes))
    }
    answer = {"description": "The file", "content": content}
    return {"response_class": StreamingResponse, "responses": {200: answer, **problems(409)}}


LABELS = _file(*(form.mime for form in exporting.FORMATS.values()))
PREDICTIONS = _file(*(form.mime for form in predicting.FORMATS.values()))
MODEL = _file("application/zip")
LabelFormat = Annotated[str, Query(max_length=40, json_schema_extra={"enum": [*exporting.FORMATS]})]
Parts = Annotated[
    list[Annotated[str, Field(json_schema_extra={"enum": [*exporting.PARTS]})]],
    Query(max_length=20, description="What stands beside image and class"),
]
PredictionFormat = Annotated[
    str, Query(max_length=40, json_schema_extra={"enum": [*predicting.FORMATS]})
]


@operation(group, "GET /projects/{project_id}/files/labels", "own", "read", **LABELS)
def export_labels(
    project_id: ProjectId,
    caller: Caller,
    format: LabelFormat = "jsonl",
    part: Parts = [*exporting.USUAL],  # noqa: B006  # FastAPI copies it
) -> Response:
    """Export the labels in a format."""
    wish = Wish(format, tuple(part))
    export = exporting.prepare(state.store(), project_id, wish, caller.annotator_id)
    return sending(Download(export.name, export.format.mime, export.blocks()))


@operation(group, "GET /projects/{project_id}/files/predictions", "own", "read", **PREDICTIONS)
def export_predictions(
    project_id: ProjectId,
    caller: Caller,
    format: PredictionFormat = "jsonl",
    which: Literal["unlabeled", "all"] = "unlabeled",
    embeddings: bool = False,
) -> Response:
    """Export what the newest model says of the project's images."""
    file = predicting.pool(
        state.store(), project_id, format, which, embeddings, caller.annotator_id
    )
    return sending(Download(file.name, file.format.mime, file.blocks()))


@operation(group, "POST /projects/{project_id}/files/model", "own", "own", status_code=202)
def pack_model(project_id: ProjectId, caller: Caller) -> JobAsked:
    """Pack the newest model as ONNX and safetensors, in the background."""
    model_export.request(state.store(), project_id, caller.annotator_id)
    job = model_export.status(state.store(), project_id).job
    return JobAsked(job=None if job is None else job_value(job))


@operation(
    group, "GET /projects/{project_id}/files/model", "own", "read", **_file("application/zip")
)
def export_model(project_id: ProjectId, caller: Caller) -> Response:
    """Export the newest model as a zip, once it was packed."""
    name, blocks = model_export.blocks(state.store(), project_id, caller.annotator_id)
    return sending(Download(name, "application/zip", blocks))
