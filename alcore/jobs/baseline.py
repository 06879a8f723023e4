"""Owns the simulated baseline: the accuracy of the same learner on as many random labels.

Each learner that a project had keeps the points made with it: those of one say nothing about
models of another.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from alcore.config import LearnerRule
from alcore.errors import TrainingImpossible
from alcore.feature_space import FeaturePoints
from alcore.jobs.training_inputs import images_of, inputs_of
from alcore.jobs.tuning import TuningLesson, tuned_points
from alcore.loop.image_reading import image_reader
from alcore.loop.project_consensus import positions
from alcore.loop.randomness import rng
from alcore.records import BaselinePoint, Calibration, Item, Learner, Project, RoundSummary
from alcore.rounds import Holdout, Images, Lesson, TrainingInputs, learner_of, measure
from alcore.rounds import Learner as AnyLearner
from alcore.store import items, projects, rounds
from alcore.workers.attempts import Running

QUICK = 10.0
"""Trainings shorter than this, in seconds, are repeated to show their spread."""
TRIALS = 3


@dataclass(frozen=True)
class Point:
    """What is measured once."""

    learner: Learner
    trial: int
    labels: int
    tuned: int
    """How many of them the learner's features are tuned to, as its round's were; 0 for none."""

    def shares_features(self, other: Point) -> bool:
        """Tell whether another point's features are tuned to the same labels."""
        return (self.trial, self.tuned) == (other.trial, other.tuned)


def run_baseline(running: Running) -> None:
    """Train on random labels at every label count of the live curve that has no point yet.

    With the learner of the live model at that count; one that can no longer be had is left out.
    Each point is stored when it is done, so that a stop loses at most one training.
    """
    material = _gather(running)
    calibration_of: dict[tuple[Learner, int, int], Calibration] = {}
    tuned: tuple[Point, FeaturePoints] | None = None
    for index, point in enumerate(material.points):
        which = (point.learner, point.trial, point.tuned)
        started = time.monotonic()

        def report(_phase: str, fraction: float, index: int = index) -> None:
            done = (index + fraction) / len(material.points)
            running.report("simulating random labels", done)

        try:
            if point.tuned and (tuned is None or not tuned[0].shares_features(point)):
                sample = material.rows_of(material.sample(point.trial))
                features = tuned_points(
                    running, material.tuning_lesson(point), sample, material.asked(point), report
                )
                tuned = point, features
            table = tuned[1] if tuned is not None and point.tuned else None
            learner = material.start(point.learner, table)
            lesson = material.lesson(running, point, calibration_of.get(which))
            evaluation, shares = measure(learner, lesson, material.holdout, report)
        except TrainingImpossible:
            continue  # so few random labels may all be of one class
        if shares is not None:
            calibration_of[which] = shares
        row = BaselinePoint(point.learner, point.trial, point.labels, evaluation)
        with running.write() as connection:
            seconds = time.monotonic() - started
            rounds.add_baseline(connection, material.project.id, row, seconds, time.time())
            running.advance(connection)
    with running.publish():
        pass


@dataclass(frozen=True)
class _Material:
    """What random labels are drawn from, and what is measured with them."""

    project: Project
    images: Images
    key_ids: np.ndarray
    key: np.ndarray
    """Class positions (K,) of the items (K,) whose class is known."""
    holdout: Holdout
    inputs: Mapping[Learner, tuple[LearnerRule, TrainingInputs]]
    """What each learner starts from that can still be had."""
    points: Sequence[Point]
    """That are not there yet."""
    rows: Mapping[int, Item]
    """All images, by id."""
    spec: Mapping[str, Any]
    """Where they come from."""
    folder: Path

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.project.classes)

    def start(self, learner: Learner, tuned: FeaturePoints | None) -> AnyLearner:
        """Make a learner as a round would, with features that are tuned where its were."""
        rule, start_from = self.inputs[learner]
        start_from = replace(start_from, tuned=tuned)
        return learner_of(rule, learner.augmentation, self.images, self.names, start_from)

    def lesson(self, running: Running, point: Point, shares: Calibration | None) -> Lesson:
        """Draw random labels, the same for every learner of a trial; more hold those of fewer.

        shares: what a mixture found at fewer labels of this trial.
        """
        order = self.order(point.trial)
        return Lesson(
            images=self.images,
            labeled_ids=self.key_ids[order[: point.labels]],
            labels=self.key[order[: point.labels]],
            class_names=self.names,
            seed=self.project.settings.seed,
            round_number=point.trial,
            threads=running.threads,
            precision=running.precision,
            unlabeled_ids=self.free(point),
            calibrations=() if shares is None else (shares,),
            calibrates=True,
        )

    def order(self, trial: int) -> np.ndarray:
        """Return the order in which a trial's labels are drawn, as places in the key."""
        return rng(self.project.settings, "baseline", trial).permutation(len(self.key_ids))

    def free(self, point: Point) -> np.ndarray:
        """Return the ids of images that teach a point without a label."""
        taken = self.key_ids[self.order(point.trial)[: point.labels]]
        if point.tuned:
            return np.setdiff1d(self.sample(point.trial), taken)
        return np.setdiff1d(self.images.item_ids, np.concatenate([taken, self.holdout.ids]))

    def sample(self, trial: int) -> np.ndarray:
        """Return the ids of the last images that a trial would label: as many as teach a head.

        Where features are tuned, they alone teach without a label, and tell where points live.
        """
        from alcore.learner import feature_heads  # brings scikit-learn

        return self.key_ids[self.order(trial)[-feature_heads.UNLABELED :]]

    def asked(self, point: Point) -> list[Item]:
        """Return the images whose features the points of a trial need besides the sample."""
        most = max(p.labels for p in self.points)
        labeled = self.key_ids[self.order(point.trial)[:most]]
        return self.rows_of(np.concatenate([labeled, self.holdout.ids]))

    def tuning_lesson(self, point: Point) -> TuningLesson:
        """Return what the extractor is tuned to: the first labels of a trial.

        Raises TrainingImpossible where they are all of one class.
        """
        order = self.order(point.trial)[: point.tuned]
        labels = self.key[order]
        if len(np.unique(labels)) < 2:
            raise TrainingImpossible("all labels are of one class; features are tuned to 2 or more")
        plain = self.inputs[point.learner][1].features
        assert plain is not None  # else the learner could not be had
        unlabeled = np.setdiff1d(self.sample(point.trial), self.key_ids[order])
        free = [row.position for row in self.rows_of(unlabeled)]
        draw = rng(self.project.settings, "baseline tuning", point.trial, point.tuned)
        resolution = plain.features.resolution
        return TuningLesson(
            project=self.project,
            plain=plain,
            rows=self.rows_of(self.key_ids[order]),
            labels=labels,
            free=np.array(free, np.int64),
            read=image_reader(self.folder, self.project.settings, self.spec, resolution),
            seed=int(draw.integers(2**62)),
        )

    def rows_of(self, ids: np.ndarray) -> list[Item]:
        """Return the images with these ids."""
        return [self.rows[int(i)] for i in ids]


def _gather(running: Running) -> _Material:
    store, project_id = running.store, running.job.project_id
    with store.read() as connection:
        project = projects.get(connection, project_id)
        rows = items.get_all(connection, project_id)
        item_ids = items.ids(connection, project_id)
        spec, _ = projects.source(connection, project_id)
        key_ids, key = items.answer_key(connection, project_id)
        holdout_ids, truth = items.holdout(connection, project_id)
        history = rounds.all_rounds(connection, project_id)
        inputs = {}
        for learner in dict.fromkeys(r.learner for r in history):
            start = inputs_of(connection, store, project, learner)
            if start is not None:
                inputs[learner] = start
        existing = {(p.learner, p.trial, p.labels) for p in rounds.baseline(connection, project_id)}
    class_ids = np.array([c.id for c in project.classes])
    return _Material(
        project=project,
        images=images_of(store.folder(project_id), project, item_ids),
        key_ids=key_ids,
        key=positions(key, class_ids),
        holdout=Holdout(holdout_ids, positions(truth, class_ids)),
        inputs=inputs,
        points=[
            point
            for point in _points(history)
            if point.learner in inputs
            and (point.learner, point.trial, point.labels) not in existing
            and point.labels <= len(key_ids)
        ],
        rows={row.id: row for row in rows},
        spec=spec,
        folder=store.folder(project_id),
    )


def _points(history: Sequence[RoundSummary]) -> Iterator[Point]:
    """Yield all points of a history, the newest learner's first."""
    tuned: dict[tuple[Learner, int], int] = {}
    quick: dict[Learner, bool] = {}
    for summary in reversed(history):
        tuned.setdefault((summary.learner, summary.labels), summary.recipe.tuned)
        quick.setdefault(summary.learner, summary.seconds.get("train", 0.0) < QUICK)
    for learner in quick:
        counts = sorted(labels for one, labels in tuned if one == learner)
        for trial in range(TRIALS if quick[learner] else 1):
            for labels in counts:
                yield Point(learner, trial, labels, tuned[learner, labels])
