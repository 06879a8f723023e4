"""Owns what programs may ask of the newest model about a picture that need be in no project."""

from __future__ import annotations

import base64
import binascii
import uuid

from alcore.errors import InvalidSettings, UnreadableImage
from alcore.services import projects, trying
from alcore.services.trying import Picture
from alcore.web import state
from alcore.web.api.operations import Caller, operation, router
from alcore.web.api.values import (
    MOST_PICTURE,
    ClassProbability,
    Neighbour,
    PictureAsked,
    Prediction,
    ProjectId,
)

group = router("Predictions")
MOST = MOST_PICTURE + 1_000


@operation(
    group,
    "POST /projects/{project_id}/predict",
    "take part",
    "read",
    most=MOST,
)
def predict(project_id: ProjectId, asked: PictureAsked, caller: Caller) -> Prediction:
    """Say what a picture shows, by the newest model; the body may have 16 MB.

    The picture is kept nowhere. The first takes a few seconds, while the model is loaded.
    """
    try:
        data = base64.b64decode(asked.picture, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidSettings("the picture is not base64; send the bytes of a file so") from error
    store = state.store()
    folder = store.workspace.uploads
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.picture"
    try:
        path.write_bytes(data)
        picture = Picture(project_id, caller.annotator_id, path, "")
        answer = trying.ask(store, state.explaining(), state.prediction_cache(), picture)
    except UnreadableImage as error:
        raise InvalidSettings(f"this is no picture that can be read: {error}") from error
    finally:
        path.unlink(missing_ok=True)
    names = {c.id: c.name for c in projects.get(store, project_id).classes}
    nearest = answer.neighbours if asked.neighbours else ()
    return Prediction(
        model=answer.model,
        classes=[
            ClassProbability(class_id=c, name=names[c], probability=p)
            for c, p in answer.ranked
            if c in names
        ],
        calibrated_by=answer.calibrated_by,
        image=answer.known,
        neighbours=[
            Neighbour(image=one.row.item_id, class_id=one.row.class_id, likeness=one.value)
            for one in nearest
        ],
    )
