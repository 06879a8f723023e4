"""Owns how a round's model comes back: from its file, or fitted again where it left none.

R pixels a side, C classes, L labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from alcore.datasets.decoding import decode_pixels
from alcore.errors import ExplanationImpossible
from alcore.feature_space import ExtractorWeights
from alcore.folding import fold_of, names_then
from alcore.jobs.training_inputs import images_of, inputs_of
from alcore.learner.attribution import Explainable, of_probabilities
from alcore.loop.features import extractor_weights
from alcore.loop.image_reading import image_reader
from alcore.loop.round_files import lesson_of
from alcore.records import Item, Project, RoundSummary
from alcore.rounds import Images, Lesson
from alcore.rounds.estimators import EstimatorModel, estimator_learner
from alcore.rounds.stored_models import ModelOfFile
from alcore.store import Store, items, projects, rounds


@dataclass(frozen=True)
class Subject:
    """One image of a project, or a picture of none, and the models that were made there."""

    store: Store
    project: Project
    image: Item | Path
    """The image, or the file of a picture that is none of the project's."""
    item_ids: np.ndarray
    """(N,) int64 by position."""
    rounds: tuple[RoundSummary, ...]
    """Oldest first, at least one."""
    spec: dict[str, Any]

    @classmethod
    def read(cls, store: Store, project_id: int, image: int | Path) -> Self:
        """Read it: an image by its id, or a file. Raises UnknownItem, UnknownProject.

        Raises ExplanationImpossible without a model.
        """
        with store.read() as connection:
            project = projects.get(connection, project_id)
            item = image if isinstance(image, Path) else items.get(connection, project_id, image)
            item_ids = items.ids(connection, project_id)
            history = rounds.all_rounds(connection, project_id)
            spec, _ = projects.source(connection, project_id)
        if not history:
            raise ExplanationImpossible(
                "there is no model yet that could be asked; one comes after the first labels"
            )
        return cls(store, project, item, item_ids, tuple(history), spec)

    @property
    def item(self) -> Item:
        """The image of the project. Raises ExplanationImpossible for a picture of none."""
        if isinstance(self.image, Path):
            raise ExplanationImpossible("this can be said of the project's own images only")
        return self.image

    @property
    def newest(self) -> RoundSummary:
        return self.rounds[-1]

    @property
    def columns(self) -> tuple[int, ...]:
        """Name the classes that the newest model knows, by id in the order of its columns.

        Raises ExplanationImpossible where some were merged or deleted since.
        """
        fold = fold_of(self.project, self.newest)
        if len(fold.known) < len(fold.places):
            raise ExplanationImpossible(
                f"classes were merged or deleted since model {self.newest.number}; the next one, "
                "which trains by itself, can be asked"
            )
        return tuple(self.project.classes[place].id for place in fold.places)

    @property
    def folder(self) -> Path:
        return self.store.folder(self.project.id)

    def pixels(self, side: int) -> np.ndarray:
        """Return the image (side, side, 3) uint8; its small copy serves where the original is gone.

        Raises UnreadableImage where neither is there, or the file of a picture is no image.
        """
        if isinstance(self.image, Path):
            scale = self.project.settings.pixel_range.scale
            return decode_pixels(self.image.read_bytes(), side, scale).pixels
        read = image_reader(self.folder, self.project.settings, self.spec, side)
        return np.array(read(self.item))

    def weights(self) -> ExtractorWeights:
        """Say where the weights of the project's extractor are."""
        return extractor_weights(self.store, self.project)

    def file_of(self, summary: RoundSummary) -> Path | None:
        """Name the file of a round's model; None where it left none, or it is gone."""
        path = self.folder / summary.checkpoint if summary.checkpoint else None
        return path if path is not None and path.is_file() else None


@dataclass(frozen=True)
class Loaded:
    """A round's model, ready to be explained."""

    explainable: Explainable
    from_file: ModelOfFile | None
    estimator: EstimatorModel | None


def load(subject: Subject, threads: int) -> Loaded:
    """Bring the newest model back. Raises ExplanationImpossible where that cannot be."""
    summary = subject.newest
    path = subject.file_of(summary)
    if path is not None:
        model = ModelOfFile.load(path, subject.weights())
        return Loaded(model.explainable, model, None)
    if summary.checkpoint is not None:
        raise ExplanationImpossible(
            f"the file of model {summary.number} is gone ({summary.checkpoint}); the next model "
            "can be asked again"
        )
    estimator, explainable = _fitted_again(subject, threads)
    return Loaded(explainable, None, estimator)


def _fitted_again(subject: Subject, threads: int) -> tuple[EstimatorModel, Explainable]:
    """Fit an estimator as its round did: the same labels and the same chance give the same one."""
    summary, project = subject.newest, subject.project
    with subject.store.read() as connection:
        begin = inputs_of(connection, subject.store, project, summary.learner)
    lesson = lesson_of(subject.folder, summary.number)
    if begin is None or lesson is None:
        raise ExplanationImpossible(
            f"model {summary.number} ({summary.recipe.network}) was kept in no file, and what it "
            "learned from is not there any more; the next model can be asked again"
        )
    rule, inputs = begin
    names = tuple(names_then(project, summary))
    images = images_of(subject.folder, project, subject.item_ids)
    task = Lesson(
        images=images,
        labeled_ids=lesson.item_ids,
        labels=lesson.labels,
        class_names=names,
        seed=summary.seed,
        round_number=summary.number,
        threads=threads,
    )
    learner = estimator_learner(rule, images, names, inputs)
    with learner.computing(task, "explaining"):
        model = learner.fit(task, task.number("weights"), lambda share: None)
    if summary.calibration is not None:
        model = model.calibrated(summary.calibration)

    def of_pixels(pixels: np.ndarray) -> np.ndarray:
        others = Images(pixels, np.arange(len(pixels)), images.channels)
        asked = replace(
            model,
            learner=estimator_learner(rule, others, names, inputs),
            lesson=replace(task, images=others),
        )
        return asked.predict(others.item_ids, lambda share: None).probabilities

    side = project.settings.resolution
    return model, of_probabilities(of_pixels, side, summary.recipe.network)
