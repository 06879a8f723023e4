"""Owns alcore's network as a learner: its recipe, what it begins with, what it can tell.

What cannot be had is replaced openly: the notes of a learner, and of its model, say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self, get_args

import numpy as np

from alcore.config import BACKBONES, LearnerRule
from alcore.errors import CheckpointMismatch
from alcore.learner import (
    checkpoints,
    device,
    embedding,
    inference,
    networks,
    signals,
    training,
    transfer,
    unlabeled,
)
from alcore.learner.architecture import Architecture
from alcore.learner.predictions import Predictions
from alcore.learner.progress import OnProgress
from alcore.learner.training import Extras, LabeledImages, LearnerSettings
from alcore.learner.transfer import Pretrained
from alcore.learner.unlabeled import Pool
from alcore.records import Calibration, RecipeSummary
from alcore.rounds.features import Features
from alcore.rounds.learners import TrainingInputs
from alcore.rounds.values import UNLABELED_RECIPES, Images, Lesson, SignalTask
from alcore.strategies import Need, Signals

_SCORED = 1_200
"""Images that are scored in the time of one minibatch."""


@dataclass(frozen=True)
class NetworkModel:
    """A trained network, and what its training left behind."""

    model: checkpoints.Model
    learner: NetworkLearner
    lesson: Lesson
    traces: signals.Traces

    @property
    def temperature(self) -> float:
        return self.model.temperature

    @property
    def mode(self) -> str:
        return self.model.mode

    @property
    def minibatches(self) -> int:
        return self.model.minibatches

    @property
    def head(self) -> np.ndarray:
        return embedding.head(self.model)

    @property
    def recipe(self) -> RecipeSummary:
        settings, model = self.learner.settings, self.model
        before = "the last model" if model.mode != "fresh" else "none"
        return RecipeSummary(
            network=model.architecture.network,
            weights=model.pretrained or before,
            transfer=settings.transfer if model.pretrained else "none",
            augmentation=settings.augmentation,
            unlabeled=settings.unlabeled if self.learner.pool(self.lesson) else "none",
            balance=settings.balance,
            notes=model.notes,
        )

    def tempered(self, temperature: float) -> Self:
        return replace(self, model=replace(self.model, temperature=temperature))

    def calibrated(self, calibration: Calibration) -> Self:
        return self.tempered(calibration.temperature)

    def predict(
        self,
        ids: np.ndarray,
        on_progress: OnProgress,
        *,
        embeddings: bool = False,
        thorough: bool = False,
    ) -> Predictions:
        """Ask about items; thoroughly with mirror images, which takes twice as long."""
        on_progress(0.0)
        images = self.lesson.images
        return inference.predict(
            self.model, images.pixels, images.rows(ids), embeddings, thorough, on_progress
        )

    def signals(self, task: SignalTask, on_progress: OnProgress) -> Signals:
        lesson, images = self.lesson, self.lesson.images
        material = signals.Material(
            model=self.model,
            pixels=images.pixels,
            rows=images.rows(task.ids),
            labeled_rows=images.rows(lesson.labeled_ids),
            labeled_ids=lesson.labeled_ids,
            labels=lesson.labels,
            pool=task.pool,
            held=task.held,
            traces=self.traces,
            augmentation=self.learner.settings.augmentation,
            at_least=task.at_least,
            seed=lesson.number,
        )
        return signals.gather(task.needs, material, on_progress)

    def embed(self, known: Sequence[tuple[np.ndarray, Predictions]]) -> np.ndarray:
        images = self.lesson.images
        rows = [(images.rows(ids), predictions) for ids, predictions in known]
        return embedding.of_all(self.model, images.pixels, len(images.item_ids), rows)

    def versions(self) -> dict[str, str]:
        return device.versions(self.model.network)

    def save(self, path: Path) -> bool:
        self.model.save(path)
        return True


@dataclass(frozen=True)
class NetworkLearner:
    """How a network is trained, and what it begins with."""

    settings: LearnerSettings
    pretrained: Pretrained | None = None
    previous: checkpoints.Model | None = None
    notes: tuple[str, ...] = ()
    gives: ClassVar[frozenset[Need]] = frozenset(get_args(Need))
    expected_shares: ClassVar[tuple[float, ...]] = (1.0,)

    @property
    def recipe_name(self) -> str:
        recipe = self.settings
        source = self.pretrained.source if self.pretrained else "nothing"
        how = f"{recipe.transfer} from {source}" if self.pretrained else "from nothing"
        return (
            f"{recipe.network} {how}, mode {recipe.mode}, augmentation {recipe.augmentation}, "
            f"unlabeled {UNLABELED_RECIPES[recipe.unlabeled]}, balance {recipe.balance}"
        )

    @property
    def candidates(self) -> tuple[Self, ...]:
        return (self,)

    def computing(self, lesson: Lesson, purpose: str) -> AbstractContextManager[None]:
        return device.computing(lesson.number(purpose), lesson.threads, lesson.precision)

    def cost(self, labels: int) -> float:
        steps = training.minibatches(labels)
        if self.settings.unlabeled != "none":
            steps += unlabeled.minibatches(labels)
        return _SCORED * steps

    def passes(self, needs: frozenset[Need]) -> float:
        return signals.passes(needs)

    def most(self, needs: frozenset[Need], classes: int) -> int | None:
        return signals.most(needs, classes)

    def fit(
        self,
        lesson: Lesson,
        seed: int,
        on_progress: OnProgress,
        needs: frozenset[Need] = frozenset(),
    ) -> NetworkModel:
        traces = signals.Traces(needs)
        images = lesson.images
        model = training.fit(
            LabeledImages(
                images.pixels[images.rows(lesson.labeled_ids)],
                lesson.labels,
                lesson.class_names,
                images.channels,
            ),
            self.settings,
            seed,
            on_progress,
            traces.watch,
            Extras(self.pretrained, self.previous, self.pool(lesson), traces.loss_module),
        )
        model = replace(model, notes=(*self.notes, *model.notes))
        return NetworkModel(model, self, lesson, traces)

    def anew(self) -> Self:
        return replace(self, previous=None)

    def pool(self, lesson: Lesson) -> Pool | None:
        """Return the images without labels that a training of this lesson learns from too."""
        if self.settings.unlabeled == "none" or not len(lesson.unlabeled_ids):
            return None
        images = lesson.images
        return Pool(images.pixels, images.rows(lesson.unlabeled_ids), images.channels)


def network_learner(
    rule: LearnerRule,
    augmentation: str,
    images: Images,
    class_names: tuple[str, ...],
    inputs: TrainingInputs,
) -> NetworkLearner:
    """Turn a project's settings into a learner with all that it begins with."""
    notes: list[str] = []
    return NetworkLearner(
        settings=LearnerSettings(
            network=rule.network,
            augmentation=augmentation,
            transfer=rule.transfer if rule.transfer != "none" else "finetune",
            mode=rule.mode,
            balance=rule.balance,
            unlabeled=rule.unlabeled,
            minibatch=inputs.minibatch or LearnerSettings.minibatch,
        ),
        pretrained=_weights(rule, _architecture(rule, images, class_names), inputs, notes),
        previous=_previous(rule, inputs, notes),
        notes=tuple(notes),
    )


def pretrained_features(
    rule: LearnerRule,
    images: Images,
    class_names: tuple[str, ...],
    inputs: TrainingInputs,
    notes: list[str],
) -> tuple[Features, str] | None:
    """Return what a network with the project's pretrained weights sees of images, and whose.

    None where there are no weights; the notes say why where some were asked for.
    """
    architecture = _architecture(rule, images, class_names)
    weights = _weights(rule, architecture, inputs, notes)
    if weights is None:
        return None
    return _Embedded(images.pixels, body(weights, architecture)), weights.source


def body(weights: Pretrained, architecture: Architecture) -> checkpoints.Model:
    """Return a network of pretrained weights whose head has learned nothing: for embeddings."""
    network = networks.build(architecture).to(device.choose()).eval()
    transfer.put(weights, network, architecture)
    return checkpoints.Model(
        network=network,
        architecture=architecture,
        class_names=(),
        mirror=False,
        minibatches=0,
        loss=0.0,
    )


class _Embedded:
    """Embeds each image once, when it is asked about first."""

    def __init__(self, pixels: np.ndarray, model: checkpoints.Model) -> None:
        self._pixels = pixels
        self._model = model
        self._embeddings = np.empty((len(pixels), model.network.head.in_features), np.float32)
        self._missing = np.ones(len(pixels), bool)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        new = np.unique(rows[self._missing[rows]])
        if len(new):
            predictions = inference.predict(
                self._model, self._pixels, new, True, False, lambda share: None
            )
            self._embeddings[new] = predictions.embedded()
            self._missing[new] = False
        return self._embeddings[rows]


def _architecture(rule: LearnerRule, images: Images, class_names: tuple[str, ...]) -> Architecture:
    return Architecture(rule.network, images.channels, images.pixels.shape[1], len(class_names))


def _weights(
    rule: LearnerRule, architecture: Architecture, inputs: TrainingInputs, notes: list[str]
) -> Pretrained | None:
    if rule.transfer == "none":
        return None
    if rule.weights == "torchvision":
        return transfer.backbone(architecture, inputs.downloads)
    if rule.weights == "file":
        if rule.network in BACKBONES:
            return transfer.backbone_from_file(architecture, Path(rule.weights_file))
        weights = transfer.load(Path(rule.weights_file))
        weights.check(architecture)
        return weights
    if inputs.pretrained is None:
        return None
    try:
        weights = transfer.load(inputs.pretrained)
        weights.check(architecture)
    except CheckpointMismatch as error:
        notes.append(f"trained without pretrained weights: {error}")
        return None
    return weights


def _previous(
    rule: LearnerRule, inputs: TrainingInputs, notes: list[str]
) -> checkpoints.Model | None:
    if rule.mode == "fresh" or inputs.previous is None:
        return None
    try:
        return checkpoints.load(inputs.previous)
    except CheckpointMismatch as error:
        notes.append(f"trained fresh: {error}")
        return None
