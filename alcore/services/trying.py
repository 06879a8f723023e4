"""Owns trying the newest model on a picture that need be in no project, and taking it in.

The picture is a file in the workspace, which whoever brought it deletes, or leaves to be forgotten
after a day. What needs torch is asked of a process that has it. Probabilities and cosines 0–1.
"""

from __future__ import annotations

import base64
import hashlib
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alcore import heat_maps, names
from alcore.errors import ExplanationImpossible, ImportRefused, InvalidSettings, UnreadableImage
from alcore.loop.due import request_if_due
from alcore.records import NewEvent
from alcore.services import calibration, lease_rules, more_images, rights, why
from alcore.services.pool_predictions import PredictionCache
from alcore.services.why import Shown
from alcore.store import Store, items, jobs, labels, projects, rounds
from alcore.workers.answering import Answering

MOST_BYTES = 50_000_000
NEIGHBOURS = 6
_MORE = 4
"""Times as many neighbours are looked at, since some may not be shown."""


@dataclass(frozen=True)
class Picture:
    """A picture that somebody brought to a project."""

    project_id: int
    annotator_id: int
    path: Path
    name: str
    """As it was called where it comes from."""

    @property
    def content_hash(self) -> str:
        """By which the same image in a project is known."""
        return hashlib.blake2b(self.path.read_bytes(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Reliability:
    """How often the model was right where it was as sure, on the holdout."""

    low: float
    high: float
    images: int
    accuracy: float


@dataclass(frozen=True)
class Answer:
    """What the newest model says of a picture."""

    model: int
    network: str
    ranked: tuple[tuple[int, float], ...]
    """Class ids with calibrated probabilities, the likeliest first."""
    reliability: Reliability | None
    """None where no image of the holdout got such an answer."""
    calibrated_by: int
    """Labels by which its temperature was found; 0 where none was."""
    neighbours: tuple[Shown, ...]
    """The labeled images nearest to it, nearest first."""
    known: int | None
    """The item of the project that is this very image."""


def ask(store: Store, answering: Answering, cached: PredictionCache, picture: Picture) -> Answer:
    """Ask the newest model about a picture.

    Raises NotAllowed, UnreadableImage, and ExplanationImpossible without a model that can be asked.
    """
    reply = _ask(store, answering, picture, {"what": "prediction"})
    number = int(reply["model"])
    ranked = sorted(reply["probabilities"].items(), key=lambda pair: -pair[1])
    with store.read() as connection:
        summary = rounds.numbered(connection, picture.project_id, number)
        known = items.with_content(connection, picture.project_id, picture.content_hash)
    found = summary.calibration
    return Answer(
        model=number,
        network=reply["network"],
        ranked=tuple((int(c), float(p)) for c, p in ranked),
        reliability=_reliability(store, picture.project_id, number, float(ranked[0][1])),
        calibrated_by=found.labels if found else 0,
        neighbours=_neighbours(store, cached, picture, number, reply["embedding"]),
        known=known,
    )


def heat_map(
    store: Store, answering: Answering, picture: Picture, method: str, about: str = "answer"
) -> dict[str, Any]:
    """Say what of a picture speaks for a class, as `why.heat_map` does of a project's image.

    Raises NotAllowed, InvalidSettings, UnreadableImage, ExplanationImpossible.
    """
    if method not in heat_maps.METHODS:
        known = ", ".join(heat_maps.METHODS)
        raise InvalidSettings(f"no method called {method!r}; choose from {known}")
    return _ask(store, answering, picture, {"what": "heat map", "method": method, "about": about})


def add(store: Store, picture: Picture) -> None:
    """Let a picture come into its project, in the background, for owners.

    Raises NotAllowed, ProjectArchived, ImportRefused.
    """
    stem = names.shown(Path(picture.name).stem)[:60].strip(" .") or "picture"
    archive = picture.path.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as out:
        out.write(picture.path, f"{stem}{picture.path.suffix}")
    spec = {"kind": "archive", "path": str(archive), "name": f"{stem}.zip", "least": 1}
    more_images.add(store, picture.project_id, spec, picture.annotator_id)


def label(store: Store, picture: Picture, class_id: int, key: str) -> int | None:
    """Label the picture that was added, once it is there; return its item, None before.

    key: made up by who asks; the same label again is known by it. Raises NotAllowed, ClassDeleted,
    ImportRefused where the import failed.
    """
    project_id, now = picture.project_id, time.time()
    with store.write() as connection:
        rights.check_owner(connection, project_id, picture.annotator_id)
        rights.check_not_archived(connection, project_id)
        project = projects.get(connection, project_id)
        item_id = items.with_content(connection, project_id, picture.content_hash)
        if item_id is None:
            job = jobs.newest(connection, project_id, "import")
            if job is not None and job.state in ("failed", "cancelled"):
                raise ImportRefused(job.error or "the import was stopped; add the picture again")
            return None
        if labels.by_key(connection, key) is None:
            event = NewEvent(
                project_id=project_id,
                item_id=item_id,
                annotator_id=picture.annotator_id,
                kind="label",
                key=key,
                created_at=now,
                class_id=lease_rules.check_class(project, class_id),
                origin="contribution",
            )
            labels.append(connection, event)
            request_if_due(connection, project, now)
    return item_id


def _ask(
    store: Store, answering: Answering, picture: Picture, question: Mapping[str, Any]
) -> dict[str, Any]:
    rights.check(store, "take part", picture.annotator_id, picture.project_id)
    size = picture.path.stat().st_size
    if size > MOST_BYTES:
        raise UnreadableImage(
            f"the picture has {size / 1e6:,.0f} MB; at most {MOST_BYTES / 1e6:.0f} can be tried"
        )
    with store.read() as connection:
        why.newest_model(connection, picture.project_id)
    asked = {**question, "project": picture.project_id, "picture": str(picture.path)}
    reply: dict[str, Any] = answering.ask(asked)
    if "error" in reply:
        unreadable = reply.get("kind") == "UnreadableImage"
        raise (UnreadableImage if unreadable else ExplanationImpossible)(reply["error"])
    return reply


def _reliability(
    store: Store, project_id: int, number: int, confidence: float
) -> Reliability | None:
    for row in calibration.reliability(store, project_id, number):
        if row["from"] <= confidence <= row["to"]:
            return Reliability(row["from"], row["to"], row["images"], row["accuracy"])
    return None


def _neighbours(
    store: Store, cached: PredictionCache, picture: Picture, number: int, embedding: str | None
) -> tuple[Shown, ...]:
    """Find the labeled images nearest to a picture, as far as this person may see them."""
    predictions = cached.get(picture.project_id)
    if embedding is None or predictions is None or predictions.number != number:
        return ()
    vector = np.frombuffer(base64.b64decode(embedding), np.float32)
    if len(vector) != predictions.embeddings.shape[1]:
        return ()
    with store.read() as connection:
        labeled, _ = items.labeled(connection, picture.project_id)
        candidates = np.isin(predictions.item_ids, labeled)
        with predictions.lock:
            ids, cosines = predictions.nearest_to(vector, candidates, NEIGHBOURS * _MORE)
        likeness: dict[int, float] = dict(zip(ids.tolist(), cosines.tolist(), strict=True))
        order: Sequence[int] = ids.tolist()
        rows = why.visible(connection, picture.project_id, picture.annotator_id, order)
    return tuple(Shown(row, likeness[row.item_id]) for row in rows[:NEIGHBOURS])
