"""Owns the tuning job: the last stages of the extractor learn from the labels of the moment.

Then it looks at all images again, in the lane of pretraining, and rests three quarters of the time
while a training runs. The features that were computed before any label stay, for all that must not
have seen a label. Tuned weights are on the disk before the features are, and these after each
block, so that a kill costs seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alcore.errors import TrainingImpossible
from alcore.feature_space import FeaturePoints, FeatureSpace
from alcore.jobs.features import Filling, block_size, blocks, key_of
from alcore.jobs.making_room import MakingRoom
from alcore.jobs.training_inputs import features_of
from alcore.loop import features as files
from alcore.loop.image_reading import image_reader
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import Features, Item, Project
from alcore.store import items, jobs, projects
from alcore.workers.attempts import Running

if TYPE_CHECKING:
    from alcore.learner.extractors import Extractor

_LEARNING = 0.4
"""Share of the job until the stages are tuned."""
_READING = 0.3
"""Share of that which reads the images of labels."""


def run_tuning(running: Running) -> None:
    """Tune the stages, unless the job names weights that are there; then compute all features.

    Raises TrainingImpossible where there are no features yet, too few classes have labels, or the
    extractor has nothing that can be tuned; WeightsUnavailable, CheckpointMismatch, NoRoom.
    """
    from alcore.learner import device, extractors, tuning  # brings torch

    running.report("loading the network", 0.0)
    material = _gather(running)
    project, about = material.project, material.plain.features
    weights = files.extractor_weights(running.store, project)
    with device.computing(project.settings.seed, running.threads, running.precision):
        extractor = extractors.build(about.extractor, weights.file, weights.downloads, about.layers)
        if not tuning.can_be_tuned(extractor):
            raise TrainingImpossible(f"{about.extractor} has no stages that alcore can tune")
        digest, labels = _known(running, material.folder) or _tune(running, material, extractor)
        tuned = tuning.with_tuned(extractor, weights.tuned, digest)
        about = replace(
            about,
            tuned=digest,
            labels=labels,
            images=len(material.rows),
            arithmetic=extractors.arithmetic(),
            created_at=time.time(),
        )
        key = key_of(about, tuned.digest, project)
        file = files.FeatureFile(material.folder, key, tuned.width, files.TUNED)
        file.begin()
        seconds = float(running.job.args.get("seconds", 0.0))
        seconds = Filling(file, tuned, about.side, seconds).fill(
            running, material.rows, material.read, lambda share: _LEARNING + 0.6 * share
        )
    _publish(running, material, file, replace(about, seconds=seconds))


@dataclass(frozen=True)
class _Material:
    """What the stages learn from, and the images that they look at then."""

    project: Project
    folder: Path
    rows: Sequence[Item]
    """All images, by position."""
    pool: np.ndarray
    """Rows of those that are no holdout."""
    plain: FeaturePoints
    """Of the extractor as it is."""
    labeled: np.ndarray
    """(L,) int64 rows of images with labels that teach."""
    labels: np.ndarray
    """(L,) int64 class positions."""
    read: Callable[[Item], np.ndarray]


def _gather(running: Running) -> _Material:
    store, project_id = running.store, running.job.project_id
    folder = store.folder(project_id)
    with store.read() as connection:
        project = projects.get(connection, project_id)
        plain = features_of(connection, store, project)
        rows = items.get_all(connection, project_id)
        spec, _ = projects.source(connection, project_id)
        pool = items.pool_rows(connection, project_id)
        labeled_ids, class_ids = items.labeled(connection, project_id)
    if plain is None:
        raise TrainingImpossible("the images have no features yet; they are computed first")
    labels = positions(class_ids, np.array([c.id for c in project.classes]))
    if len(np.unique(labels)) < 2:
        raise TrainingImpossible("features are tuned to labels of at least 2 classes")
    place = {row.id: row.position for row in rows}
    return _Material(
        project=project,
        folder=folder,
        rows=rows,
        pool=pool,
        plain=plain,
        labeled=np.array([place[int(i)] for i in labeled_ids], np.int64),
        labels=labels,
        read=image_reader(folder, project.settings, spec, plain.features.resolution),
    )


def _known(running: Running, folder: Path) -> tuple[str, int] | None:
    """Return the weights that an earlier attempt or job has made, and the labels they learned."""
    from alcore.learner import tuning

    args = running.job.args
    digest = str(args.get("weights", ""))
    if not digest or not tuning.path_of(folder / files.TUNED, digest).is_file():
        return None
    return digest, int(args["labels"])


def _tune(running: Running, material: _Material, extractor: Extractor) -> tuple[str, int]:
    """Tune the stages; return the name of their weights, which are on the disk, and the labels."""
    from alcore.learner import feature_heads, tuning

    labels, room = material.labels, MakingRoom(running.store)
    running.note({"labels": len(labels)})
    points = np.asarray(material.plain.points[material.labeled], np.float32)
    free = feature_heads.some(np.setdiff1d(material.pool, material.labeled))
    head = feature_heads.fit(
        points,
        labels,
        len(material.project.classes),
        np.asarray(material.plain.points[free], np.float32),
    )

    def on_progress(share: float) -> None:
        running.report("tuning the last stages", _LEARNING * (_READING + 0.7 * share))
        room.rest()

    folder = material.folder / files.TUNED
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="maps-") as beside:
        task = tuning.TuningTask(
            maps=_maps(running, material, extractor, Path(beside)),
            labels=labels,
            head=head,
            space=material.plain.space,
            seed=int(rng(material.project.settings, "tuning", len(labels)).integers(2**62)),
        )
        digest = tuning.save(folder, tuning.tune(extractor, task, on_progress), len(labels))
    running.note({"weights": digest})
    with running.write() as connection:
        running.advance(connection)
    return digest, len(labels)


def _maps(running: Running, material: _Material, extractor: Extractor, folder: Path) -> np.ndarray:
    """Read the labeled images, and return what the stages see of them, (V, L, h, w, c) on disk."""
    from alcore.learner import tuning

    rows = [material.rows[i] for i in material.labeled]
    side, augmentation = material.plain.features.side, material.project.settings.augmentation
    maps: np.ndarray | None = None
    done, room = 0, MakingRoom(running.store)
    for images in blocks(rows, material.read, block_size(side)):
        running.report("looking at the labels' images", _LEARNING * _READING * done / len(rows))
        part = tuning.maps_of(extractor, images, side, augmentation)
        if maps is None:
            shape = (part.shape[0], len(rows), *part.shape[2:])
            maps = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float16, shape)
        maps[:, done : done + len(images)] = part
        done += len(images)
        room.rest()
    assert maps is not None  # there are labels
    return maps


def _publish(
    running: Running, material: _Material, file: files.FeatureFile, about: Features
) -> None:
    """Let the points count, and ask for a model of them."""
    features, project_id = file.array(), material.project.id
    space = FeatureSpace.of(features, material.pool)
    part = file.save(space, space.points(features), about)
    with running.publish() as connection:
        files.put(part)
        rule = projects.get(connection, project_id).settings
        if rule.learner.uses_extractor and rule.retrain.automatic:
            jobs.request(connection, project_id, "train", time.time())
    files.forget_others(material.folder, files.TUNED)
