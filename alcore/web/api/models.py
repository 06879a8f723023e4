"""Owns what programs may ask of models: rounds, the learning curve, trainings and other jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from alcore import records
from alcore.errors import UnknownItem
from alcore.job_kinds import KINDS
from alcore.services import dashboard, listings, training
from alcore.web import state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import (
    After,
    Curve,
    CurvePoint,
    Job,
    JobAsked,
    Limit,
    Measures,
    Part,
    PathId,
    ProjectId,
    Round,
    RoundDetails,
    at,
    maybe_at,
)

group = router("Models")
Kind = Annotated[
    str,
    Query(
        max_length=40,
        description="Jobs of this kind alone",
        json_schema_extra={"enum": ["", *(kind.name for kind in KINDS)]},
    ),
]


@operation(group, "GET /projects/{project_id}/rounds", "take part", "read")
def list_rounds(
    project_id: ProjectId, caller: Caller, after: After = 0, limit: Limit = 100
) -> Part[Round]:
    """List the models by number, with how good each is."""
    history = [one for one in dashboard.history(state.store(), project_id) if one.number > after]
    rows = [_round(one) for one in history[:limit]]
    return Part(rows=rows, next=rows[-1].number if len(history) > limit else None)


@operation(group, "GET /projects/{project_id}/rounds/{number}", "take part", "read")
def get_round(project_id: ProjectId, number: PathId, caller: Caller) -> RoundDetails:
    """Read one model with all its measures."""
    for one in dashboard.history(state.store(), project_id):
        if one.number == number:
            measured = one.evaluation
            return RoundDetails(
                **_round(one).model_dump(),
                precision=list(measured.precision),
                recall=list(measured.recall),
                support=list(measured.support),
                confusion=[list(row) for row in measured.confusion],
                stability=one.stop.kappa,
            )
    raise UnknownItem(f"project {project_id} has no model {number}")


@operation(group, "GET /projects/{project_id}/curve", "take part", "read")
def get_curve(
    project_id: ProjectId, caller: Caller, metric: Literal["accuracy", "macro-F1"] = "accuracy"
) -> Curve:
    """Read the learning curve, and that of as many random labels."""
    curve = dashboard.curve(state.store(), project_id, metric)
    return Curve(metric=metric, points=[CurvePoint(**row) for row in curve.rows])


@operation(group, "GET /projects/{project_id}/jobs", "take part", "read")
def list_jobs(
    project_id: ProjectId, caller: Caller, after: After = 0, limit: Limit = 100, kind: Kind = ""
) -> Part[Job]:
    """List the jobs by id."""
    who = (state.store(), project_id, caller.annotator_id)
    rows = [job_value(one) for one in listings.all_jobs(*who, after, limit, kind or None)]
    return Part(rows=rows, next=rows[-1].id if len(rows) == limit else None)


@operation(group, "GET /projects/{project_id}/jobs/{job_id}", "take part", "read")
def get_job(project_id: ProjectId, job_id: PathId, caller: Caller) -> Job:
    """Read how a job goes or went."""
    return job_value(listings.job(state.store(), project_id, caller.annotator_id, job_id))


@operation(group, "POST /projects/{project_id}/trainings", "own", "own", status_code=202)
def start_training(project_id: ProjectId, caller: Caller) -> JobAsked:
    """Train now, whatever the rule says.

    Requests while a training waits are one; look at the job for how it goes.
    """
    training.train(state.store(), project_id, caller.annotator_id)
    return _training(project_id)


@operation(group, "DELETE /projects/{project_id}/trainings", "own", "own")
def stop_training(project_id: ProjectId, caller: Caller) -> JobAsked:
    """Stop the training, and the simulation of random labeling.

    The last good model goes on serving.
    """
    training.stop(state.store(), project_id, caller.annotator_id)
    return _training(project_id)


def _training(project_id: int) -> JobAsked:
    job = training.status(state.store(), project_id).job
    return JobAsked(job=None if job is None else job_value(job))


def _round(summary: records.RoundSummary) -> Round:
    measured = summary.evaluation
    low, high = measured.interval or (None, None)
    return Round(
        number=summary.number,
        created_at=at(summary.created_at),
        labels=summary.labels,
        label_minutes=summary.label_minutes,
        strategy=summary.strategy,
        learner=summary.learner.kind,
        labels_per_class=list(summary.labels_per_class),
        measures=Measures(
            holdout=measured.n,
            accuracy=measured.accuracy,
            low=low,
            high=high,
            nll=measured.nll,
            ece=measured.ece,
        ),
        seconds=dict(summary.seconds),
    )


def job_value(job: records.Job) -> Job:
    """Write a job."""
    return Job(
        id=job.id,
        kind=job.kind,
        state=job.state,
        phase=job.phase,
        progress=job.progress,
        error=job.error,
        created_at=at(job.created_at),
        started_at=maybe_at(job.started_at),
        finished_at=maybe_at(job.finished_at),
    )
