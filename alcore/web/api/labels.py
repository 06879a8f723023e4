"""Owns what programs may ask of labels: those that count, an image's log, mending one."""

from __future__ import annotations

import time

from alcore.errors import AlcoreError, WorkspaceUnusable
from alcore.records import ApiToken, NewEvent
from alcore.services import review
from alcore.services.review import Reviewed
from alcore.web import state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import (
    After,
    Corrected,
    Correction,
    Corrections,
    Entry,
    Label,
    Limit,
    Opinion,
    Part,
    PathId,
    ProjectId,
    at,
    maybe_at,
)

group = router("Labels")
MOST_BULK = 250_000
"""Bytes of many labels."""


@operation(group, "GET /projects/{project_id}/labels", "take part", "read")
def list_labels(
    project_id: ProjectId, caller: Caller, after: After = 0, limit: Limit = 100
) -> Part[Label]:
    """List what counts of each image, by the event that says so.

    An image whose label changes comes again, with its new event: ask from the last event on for
    what is new since. Images that you may still be asked about yourself are left out.
    """
    who = (state.store(), project_id, caller.annotator_id)
    rows = [_label(row) for row in review.since(*who, after, limit)]
    return Part(rows=rows, next=rows[-1].event if len(rows) == limit else None)


@operation(group, "POST /projects/{project_id}/labels", "take part", "label")
def correct_label(project_id: ProjectId, correction: Correction, caller: Caller) -> Label:
    """Label an image anew, or confirm its label, as on the Review page.

    An owner has the last word on what others have answered.
    """
    row = review.mend(state.store(), _event(correction, caller), correction.seen)
    state.instant().notify(project_id)
    return _label(row)


@operation(group, "POST /projects/{project_id}/labels/bulk", "take part", "label", most=MOST_BULK)
def correct_labels(
    project_id: ProjectId, corrections: Corrections, caller: Caller
) -> Part[Corrected]:
    """Label up to 500 images anew, or confirm their labels; the body may have 250,000 bytes.

    Each is on its own: what is refused is said, and the others count. Sent again with the same
    keys they count once.
    """
    rows = []
    for one in corrections.labels:
        label, problem = None, None
        try:
            label = _label(review.mend(state.store(), _event(one, caller), one.seen))
        except WorkspaceUnusable:
            raise  # no fault of this label: all may be sent again
        except AlcoreError as error:
            problem = str(error)
        rows.append(Corrected(image=one.image, label=label, problem=problem))
    state.instant().notify(project_id)
    return Part(rows=rows, next=None)


@operation(group, "GET /projects/{project_id}/images/{item_id}/log", "take part", "read")
def list_log(project_id: ProjectId, item_id: PathId, caller: Caller) -> Part[Entry]:
    """Read all that was ever answered of an image, oldest first."""
    entries = review.log(state.store(), project_id, caller.annotator_id, item_id)
    rows = [
        Entry(
            event=e.event_id,
            annotator=e.annotator,
            kind=e.kind,
            class_id=e.class_id,
            created_at=at(e.created_at),
            origin=e.origin,
            note=e.note,
            undone=bool(e.undone),
        )
        for e in entries
    ]
    return Part(rows=rows, next=None)


def _event(correction: Correction, caller: ApiToken) -> NewEvent:
    return NewEvent(
        project_id=caller.project_id,
        item_id=correction.image,
        annotator_id=caller.annotator_id,
        kind="label",
        class_id=correction.class_id,
        key=correction.key,
        created_at=time.time(),
        seconds=correction.seconds,
    )


def _label(row: Reviewed) -> Label:
    opinion = None
    if row.model_class is not None:
        opinion = Opinion(
            class_id=row.model_class,
            probability=row.model_p,
            probability_of_label=row.label_p,
            probably_wrong=bool(row.probably_wrong),
        )
    return Label(
        event=row.event_id,
        image=row.item_id,
        name=row.name,
        class_id=row.class_id,
        annotator=row.annotator,
        created_at=maybe_at(row.created_at),
        origin=row.origin,
        note=row.note,
        model=opinion,
    )
