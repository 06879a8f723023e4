"""Owns the tuning job: the last stages of the extractor learn from the labels of the moment.

Then it looks at all images again, in the lane of pretraining, and rests three quarters of the time
while a training runs. The features that were computed before any label stay, for all that must not
have seen a label. Tuned weights are on the disk before the features are, and these after each
block, so that a kill costs seconds.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alcore import disk
from alcore.errors import TrainingImpossible
from alcore.feature_space import FeaturePoints, FeatureSpace
from alcore.jobs.features import Filling, block_size, blocks, key_of
from alcore.jobs.making_room import MakingRoom
from alcore.jobs.training_inputs import features_of
from alcore.learner.costs import MOST_TUNING_LABELS
from alcore.loop import features as files
from alcore.loop.image_reading import image_reader
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import Features, Item, Project
from alcore.store import items, jobs, projects
from alcore.workers.attempts import Running

if TYPE_CHECKING:
    from alcore.learner.extractors import Extractor
    from alcore.learner.tuning import Weights

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
    project, about = material.project, material.lesson.plain.features
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
            running, material.rows, material.lesson.read, lambda share: _LEARNING + 0.6 * share
        )
    _publish(running, material, file, replace(about, seconds=seconds))


@dataclass(frozen=True)
class TuningLesson:
    """What the last stages of a project's extractor learn from."""

    project: Project
    plain: FeaturePoints
    """Of the extractor as it is."""
    rows: Sequence[Item]
    """Of the L images with labels."""
    labels: np.ndarray
    """(L,) int64 class positions, of at least two classes."""
    free: np.ndarray
    """Positions of images without labels, which teach the head that the stages begin with."""
    read: Callable[[Item], np.ndarray]
    seed: int

    def tune(
        self, extractor: Extractor, folder: Path, on_progress: Callable[[str, float], None]
    ) -> Weights:
        """Return tuned weights; what the stages see lies in the folder, from `maps_folder`.

        `on_progress` is told what is done and the share of all, and may raise. Raises NoRoom. Call
        within `device.computing`.
        """
        from alcore.learner import feature_heads, tuning

        points, classes = self.plain.points, len(self.project.classes)
        places = [row.position for row in self.rows]
        known, free = (np.asarray(points[p], np.float32) for p in (places, self.free))
        head = feature_heads.fit(known, self.labels, classes, free)

        def learning(share: float) -> None:
            on_progress("tuning the last stages", _READING + (1 - _READING) * share)

        task = tuning.TuningTask(
            maps=self._maps(extractor, folder, on_progress),
            labels=self.labels,
            head=head,
            space=self.plain.space,
            seed=self.seed,
        )
        return tuning.tune(extractor, task, learning)

    def _maps(
        self, extractor: Extractor, folder: Path, on_progress: Callable[[str, float], None]
    ) -> np.ndarray:
        """Read the labeled images, and return what the stages see of them, (V, L, h, w, c)."""
        from alcore.learner import tuning

        side, augmentation = self.plain.features.side, self.project.settings.augmentation
        maps: np.ndarray | None = None
        done = 0
        for images in blocks(self.rows, self.read, block_size(side)):
            on_progress("looking at the images of labels", _READING * done / len(self.rows))
            part = tuning.maps_of(extractor, images, side, augmentation)
            if maps is None:
                shape = (part.shape[0], len(self.rows), *part.shape[2:])
                disk.check_room(folder, 2 * math.prod(shape))  # a full disk would end the process
                maps = np.lib.format.open_memmap(folder / "maps.npy", "w+", np.float16, shape)
            maps[:, done : done + len(images)] = part
            done += len(images)
        assert maps is not None  # there are labels
        return maps


@dataclass(frozen=True)
class _Material:
    """What the stages learn from, and the images that they look at then."""

    project: Project
    folder: Path
    rows: Sequence[Item]
    """All images, by position."""
    pool: np.ndarray
    """Positions of those that are no holdout."""
    labels: int
    """How many there are; the stages learn from MOST_TUNING_LABELS of them at most."""
    lesson: TuningLesson


def _gather(running: Running) -> _Material:
    from alcore.learner import feature_heads

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
    draw = rng(project.settings, "tuning", len(labeled_ids))
    drawn = np.sort(draw.permutation(len(labeled_ids))[:MOST_TUNING_LABELS])
    labels = positions(class_ids[drawn], np.array([c.id for c in project.classes]))
    if len(np.unique(labels)) < 2:
        raise TrainingImpossible("features are tuned to labels of at least 2 classes")
    known = {row.id: row for row in rows}
    labeled = [known[int(i)] for i in labeled_ids[drawn]]
    lesson = TuningLesson(
        project=project,
        plain=plain,
        rows=labeled,
        labels=labels,
        free=feature_heads.some(np.setdiff1d(pool, [row.position for row in labeled])),
        read=image_reader(folder, project.settings, spec, plain.features.resolution),
        seed=int(draw.integers(2**62)),
    )
    return _Material(project, folder, rows, pool, len(labeled_ids), lesson)


@contextmanager
def maps_folder(folder: Path, kind: str) -> Iterator[Path]:
    """Make room in a project's folder for what stages see, as long as a job of a kind needs it.

    What one that died has left is deleted.
    """
    path = folder / files.TUNED / f"maps-{kind}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _known(running: Running, folder: Path) -> tuple[str, int] | None:
    """Return the weights that an earlier attempt or job has made, and the labels they learned."""
    from alcore.learner import tuning

    args = running.job.args
    digest = str(args.get("weights", ""))
    if not digest or not tuning.path_of(folder / files.TUNED, digest).is_file():
        return None
    return digest, min(int(args["labels"]), MOST_TUNING_LABELS)


def _tune(running: Running, material: _Material, extractor: Extractor) -> tuple[str, int]:
    """Tune the stages; return the name of their weights, which are on the disk, and the labels."""
    from alcore.learner import tuning

    labels, room = len(material.lesson.labels), MakingRoom(running.store)
    running.note({"labels": material.labels})

    def on_progress(phase: str, share: float) -> None:
        running.report(phase, _LEARNING * share)
        room.rest()

    with maps_folder(material.folder, running.job.kind) as folder:
        weights = material.lesson.tune(extractor, folder, on_progress)
    digest = tuning.save(material.folder / files.TUNED, weights, labels)
    running.note({"weights": digest})
    with running.write() as connection:
        running.advance(connection)
    return digest, labels


def tuned_points(
    running: Running,
    lesson: TuningLesson,
    sample: Sequence[Item],
    others: Sequence[Item],
    on_progress: Callable[[str, float], None],
) -> FeaturePoints:
    """Tune an extractor for a while, and return the points (N, K) of these images alone.

    Those of all others are 0. The sample tells the space. Raises WeightsUnavailable,
    CheckpointMismatch.
    """
    from alcore.learner import device, extractors, tuning  # brings torch

    plain, store = lesson.plain, running.store
    side, folder = plain.features.side, store.folder(lesson.project.id)
    with (
        maps_folder(folder, running.job.kind) as maps,
        device.computing(lesson.seed, running.threads, running.precision),
    ):
        extractor = tuning.extractor_of(
            plain.features, files.extractor_weights(store, lesson.project)
        )
        weights = lesson.tune(extractor, maps, lambda phase, share: on_progress(phase, 0.0))
        tuned = tuning.put(weights, extractor, "for a while")
        rows, parts = [*sample, *others], []
        for images in blocks(rows, lesson.read, block_size(side)):
            on_progress("computing features", 0.0)
            parts.append(extractors.extract(tuned, images, side))
    features = np.concatenate(parts)
    space = FeatureSpace.of(features, np.arange(len(sample)))
    points = np.zeros((len(plain.points), space.directions.shape[1]), np.float32)
    points[[row.position for row in rows]] = space.points(features)
    about = replace(plain.features, tuned="for a while", labels=len(lesson.labels))
    return FeaturePoints(about, points, space)


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
