"""Owns how a round makes its model: the recipe, what it begins with, and its temperature.

What cannot be had is replaced openly: the notes of a recipe, and of its model, say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from alcore.config import BACKBONES
from alcore.errors import CheckpointMismatch
from alcore.learner import checkpoints, signals, training, transfer
from alcore.learner.architecture import Architecture
from alcore.learner.checkpoints import Model
from alcore.learner.training import LearnerSettings
from alcore.learner.transfer import Pretrained
from alcore.learner.unlabeled import Pool
from alcore.records import Calibration, RecipeSummary
from alcore.rounds.values import RoundInput, Rows, number

Told = Callable[[float], None]


@dataclass(frozen=True)
class Recipe:
    """How a round trains."""

    settings: LearnerSettings
    pretrained: Pretrained | None
    previous: Model | None
    pool: Pool | None
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """All that changes what its probabilities mean, in a few words."""
        chosen = self.settings
        began = self.pretrained.source if self.pretrained else "nothing"
        how = f"{chosen.transfer} from {began}" if self.pretrained else "from nothing"
        return (
            f"{chosen.network} {how}, mode {chosen.mode}, augmentation {chosen.augmentation}, "
            f"unlabeled {chosen.unlabeled}, balance {chosen.balance}"
        )


def make(given: RoundInput, rows: Rows) -> Recipe:
    """Turn a project's settings into a recipe with all that it begins with.

    Raises WeightsUnavailable and CheckpointMismatch for weights that were named and cannot be
    had. Weights of a pretraining that no longer fit are left out, with a note.
    """
    rule = given.learner
    notes: list[str] = []
    pretrained = _weights(given, notes)
    taken = np.concatenate([given.labeled_ids, given.holdout_ids, given.question_ids])
    free = given.candidate_ids[~np.isin(given.candidate_ids, taken)]
    uses_pool = rule.unlabeled != "none" and len(free)
    return Recipe(
        settings=LearnerSettings(
            network=rule.network,
            augmentation=given.augmentation,
            transfer=rule.transfer if rule.transfer != "none" else "finetune",
            mode=rule.mode,
            balance=rule.balance,
            unlabeled=rule.unlabeled,
            minibatch=given.minibatch or LearnerSettings.minibatch,
        ),
        pretrained=pretrained,
        previous=_previous(given, notes),
        pool=Pool(given.pixels, rows(free), given.channels) if uses_pool else None,
        notes=tuple(notes),
    )


def fit(
    given: RoundInput,
    rows: Rows,
    used: Recipe,
    told: Told,
    traces: signals.Traces | None = None,
) -> Model:
    """Train the round's model."""
    told(0.0)
    model = training.fit(
        given.pixels[rows(given.labeled_ids)],
        given.labels,
        given.class_names,
        given.channels,
        used.settings,
        number(given, "weights"),
        told,
        watch=None if traces is None else traces.watch,
        pretrained=used.pretrained,
        previous=used.previous,
        pool=used.pool,
        loss_module=traces is not None and traces.loss_module,
    )
    return replace(model, notes=(*used.notes, *model.notes))


def without(
    given: RoundInput, rows: Rows, used: Recipe, kept: np.ndarray, seed: int, told: Told
) -> Model:
    """Train by the same recipe on some labels `kept` (L,) bool.

    Never from the model before: that one has seen the others.
    """
    return training.fit(
        given.pixels[rows(given.labeled_ids[kept])],
        given.labels[kept],
        given.class_names,
        given.channels,
        replace(used.settings, mode="fresh"),
        seed,
        told,
        pretrained=used.pretrained,
        pool=used.pool,
    )


def calibration(given: RoundInput, used: Recipe) -> Calibration | None:
    """Return the temperature that is known for a recipe; None before it was found.

    A round never looks for one itself: that takes trainings, and the queue would wait for them.
    """
    return next((known for known in given.calibrations if known.recipe == used.name), None)


def record(given: RoundInput, used: Recipe, model: Model) -> RecipeSummary:
    """Say how the model came about."""
    began = model.pretrained or ("the last model" if model.mode != "fresh" else "none")
    return RecipeSummary(
        network=model.architecture.network,
        weights=began,
        transfer=used.settings.transfer if model.pretrained else "none",
        augmentation=given.augmentation,
        unlabeled=used.settings.unlabeled if used.pool is not None else "none",
        balance=used.settings.balance,
        notes=model.notes,
    )


def _weights(given: RoundInput, notes: list[str]) -> Pretrained | None:
    rule = given.learner
    ours = Architecture(rule.network, given.channels, given.pixels.shape[1], len(given.class_names))
    if rule.transfer == "none":
        return None
    if rule.weights == "torchvision":
        return transfer.backbone(ours, given.downloads)
    if rule.weights == "file":
        if rule.network in BACKBONES:
            return transfer.backbone_from_file(ours, rule.weights_file)
        found = transfer.load(rule.weights_file)
        found.check(ours)
        return found
    if given.pretrained is None:
        return None
    try:
        found = transfer.load(given.pretrained)
        found.check(ours)
    except CheckpointMismatch as error:
        notes.append(f"trained without pretrained weights: {error}")
        return None
    return found


def _previous(given: RoundInput, notes: list[str]) -> Model | None:
    if given.learner.mode == "fresh" or given.previous is None:
        return None
    try:
        return checkpoints.load(given.previous)
    except CheckpointMismatch as error:
        notes.append(f"trained fresh: {error}")
        return None
