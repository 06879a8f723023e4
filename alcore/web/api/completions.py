"""Owns how programs let a model finish the job: a sample to check, then labels of its own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from alcore.services import completing
from alcore.services.completing import LEAST, USUAL, Standing
from alcore.services.completing import MOST as MOST_PRECISION
from alcore.web import state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.problems import responses
from alcore.web.api.values import (
    Completion,
    Done,
    NewCompletion,
    Outlook,
    Part,
    PathId,
    ProjectId,
    at,
    maybe_at,
)

group = router("Finish the job")
Precision = Annotated[
    float, Query(ge=LEAST, le=MOST_PRECISION, description="How many of the labels shall be right")
]


@operation(group, "GET /projects/{project_id}/outlook", "own", "read", responses=responses(409))
def get_outlook(project_id: ProjectId, caller: Caller, precision: Precision = USUAL[0]) -> Outlook:
    """Say how many unlabeled images the newest model could label at a precision."""
    known = completing.outlook(state.store(), state.prediction_cache(), project_id, precision)
    return Outlook(**vars(known))


@operation(group, "GET /projects/{project_id}/completions", "own", "read")
def list_completions(project_id: ProjectId, caller: Caller) -> Part[Completion]:
    """List what is being checked and what was written, newest first."""
    rows = completing.standings(state.store(), project_id, caller.annotator_id)
    return Part(rows=[_value(one) for one in rows], next=None)


@operation(group, "POST /projects/{project_id}/completions", "own", "own", status_code=201)
def draw_completion(project_id: ProjectId, new: NewCompletion, caller: Caller) -> Completion:
    """Fix the images that the model would label, and let people check a random sample first.

    It comes first on the Label page and in the queue.
    """
    store, cached = state.store(), state.prediction_cache()
    who = caller.annotator_id
    return _value(completing.draw(store, cached, project_id, new.precision, new.sample, who))


@operation(group, "POST /projects/{project_id}/completions/{completion_id}/labels", "own", "own")
def write_completion(project_id: ProjectId, completion_id: PathId, caller: Caller) -> Completion:
    """Write the model's labels, once all of the sample is answered.

    They are its own: no model learns from them, and no figure counts them.
    """
    who = caller.annotator_id
    return _value(completing.write(state.store(), project_id, completion_id, who))


@operation(group, "DELETE /projects/{project_id}/completions/{completion_id}", "own", "own")
def withdraw_completion(project_id: ProjectId, completion_id: PathId, caller: Caller) -> Done:
    """Take the labels of one writing back, or discard what was not written."""
    completing.withdraw(state.store(), project_id, completion_id, caller.annotator_id)
    return Done()


def _value(one: Standing) -> Completion:
    known, counts, precision = one.completion, one.counts, one.precision
    return Completion(
        id=known.id,
        author=known.author,
        precision=known.precision,
        images=counts.rest,
        sample=counts.sample,
        answered=counts.answered,
        right=precision.right,
        low=precision.low,
        high=precision.high,
        created_at=at(known.created_at),
        written_at=maybe_at(known.written_at),
    )
