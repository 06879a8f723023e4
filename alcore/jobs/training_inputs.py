"""Owns what a project's trainings begin with: images, learner settings, weights, last model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alcore import estimators
from alcore.config import BACKBONES, LEARNERS, LearnerRule
from alcore.feature_space import FeaturePoints
from alcore.folding import class_ids_of, since_the_start
from alcore.loop import features
from alcore.loop.round_files import pixels_of
from alcore.records import Job, Learner, Pretrained, Project, RoundSummary
from alcore.rounds import Images, TrainingInputs, learner_of
from alcore.rounds import Learner as AnyLearner
from alcore.rounds.feature_head import SELF_TRAINED
from alcore.rounds.values import UNLABELED_RECIPES
from alcore.store import Connection, Store, items, pretrained

USUAL = 128
"""Images per minibatch."""
LEAST = 16
_PRETRAINING, _FILE = "pretraining ", "file "


def learner_now(connection: Connection, project: Project, inputs: TrainingInputs) -> Learner:
    """Say what a training of a project with these inputs learns with, and from which features.

    Weights of a pretraining that do not fit are left out, as the training leaves them out.
    """
    settings, rule = project.settings, project.settings.learner
    kind, extractor, table = rule.kind, "none", inputs.features
    if rule.uses_extractor:
        # Without features the network learns alone, and its models compare with others of its own.
        kind, extractor = ("network", "none") if table is None else (kind, _head_on(table))
    if kind == "features":
        return Learner(
            kind=kind,
            extractor=extractor,
            tuning="untuned" if inputs.tuned is None else "tuned",
            resolution=settings.resolution,
            classes=since_the_start(project),
        )
    weights = "none"
    if rule.transfer != "none":
        weights = {"torchvision": "torchvision", "file": f"{_FILE}{rule.weights_file}"}.get(
            rule.weights, "none"
        )
        newest = pretrained.latest(connection, project.id) if rule.weights == "pool" else None
        if newest is not None and _fits(newest, project):
            weights = f"{_PRETRAINING}{newest.number}"
    return Learner(
        kind=kind,
        features=rule.features,
        network=rule.network,
        resolution=settings.resolution,
        augmentation=settings.augmentation,
        weights=weights,
        transfer=rule.transfer if weights != "none" else "none",
        mode=rule.mode,
        unlabeled=UNLABELED_RECIPES[rule.unlabeled],
        balance=rule.balance,
        extractor=extractor,
        tuning="untuned" if inputs.tuned is None else "tuned",
        classes=since_the_start(project),
    )


def inputs_of(
    connection: Connection, store: Store, project: Project, learner: Learner
) -> tuple[LearnerRule, TrainingInputs] | None:
    """Return what a learner that a project has or had begins with, before any label.

    None where its images or weights are no longer there, or its classes were others.
    """
    if learner.resolution != project.settings.resolution:
        return None
    if learner.classes != since_the_start(project):
        return None
    unlabeled = {recipe: name for name, recipe in UNLABELED_RECIPES.items()}
    if learner.unlabeled not in unlabeled:
        return None
    begins_with = _weights_of(connection, store, project, learner)
    if begins_with is None:
        return None
    rule = LearnerRule(
        kind=learner.kind,
        features=learner.features,
        network=learner.network,
        weights=begins_with.source,
        weights_file=begins_with.file,
        transfer=learner.transfer,
        mode=learner.mode,
        unlabeled=unlabeled[learner.unlabeled],
        balance=learner.balance,
    )
    others = estimators.allowed(store.workspace.estimators)
    if learner.kind not in (*LEARNERS, *estimators.ESTIMATORS, *others):
        return None
    inputs = TrainingInputs(
        pretrained=begins_with.pretrained,
        downloads=store.workspace.downloads,
        estimators=others,
    )
    if learner.extractor == "none":
        return rule, inputs
    inputs = replace(inputs, features=features_of(connection, store, project))
    if inputs.features is None or _head_on(inputs.features) != learner.extractor:
        return None
    return rule, inputs


@dataclass(frozen=True)
class _Weights:
    """What a network begins with."""

    source: str
    """As learner settings name it."""
    file: str = ""
    pretrained: Path | None = None


def _weights_of(
    connection: Connection, store: Store, project: Project, learner: Learner
) -> _Weights | None:
    """Return the weights that a learner's name says; None where they are gone."""
    if learner.weights == "torchvision":
        return _Weights("torchvision")
    if learner.weights.startswith(_FILE):
        file = learner.weights.removeprefix(_FILE)
        return _Weights("file", file) if Path(file).is_file() else None
    if learner.weights.startswith(_PRETRAINING):
        number = int(learner.weights.removeprefix(_PRETRAINING))
        stored = pretrained.numbered(connection, project.id, number)
        path = None if stored is None else store.folder(project.id) / stored.checkpoint
        return _Weights("pool", pretrained=path) if path and path.is_file() else None
    return _Weights("pool")


def _head_on(table: FeaturePoints) -> str:
    """Name what a head learns from and how, as learners are compared by it."""
    return f"{table.features.name}, {SELF_TRAINED}"


def features_of(connection: Connection, store: Store, project: Project) -> FeaturePoints | None:
    """Return the features that a project's learner uses; None where there are none of all images,
    or of another extractor."""
    rule = project.settings.learner
    images = len(items.ids(connection, project.id))
    table = features.current(store.folder(project.id), images)
    if not rule.uses_extractor or table is None or table.features.extractor != rule.extractor:
        return None
    return table


def training_inputs(connection: Connection, store: Store, project: Project) -> TrainingInputs:
    """Return what every training of a project begins with, whichever labels it learns from."""
    rule = project.settings.learner
    weights = pretrained.latest(connection, project.id) if rule.weights == "pool" else None
    folder = store.folder(project.id)
    return TrainingInputs(
        pretrained=None if weights is None else folder / weights.checkpoint,
        downloads=store.workspace.downloads,
        estimators=estimators.allowed(store.workspace.estimators),
        features=features_of(connection, store, project),
    )


def with_tuned(inputs: TrainingInputs, store: Store, project: Project) -> TrainingInputs:
    """Add the tuned features of a project, for what learns from the labels that tuned them.

    There may be none: of all images, and of the extractor whose features count.
    """
    plain = inputs.features
    if plain is None:
        return inputs
    folder, images = store.folder(project.id), len(plain.points)
    if features.tuned_status(folder, project, plain.features, images) is None:
        return inputs
    return replace(inputs, tuned=features.current(folder, images, features.TUNED))


def images_of(folder: Path, project: Project, item_ids: np.ndarray) -> Images:
    """Return a project's images by item; raises TrainingImpossible while they are fitted anew."""
    pixels = pixels_of(folder, project.settings, len(item_ids))
    return Images(pixels, item_ids, project.channels)


def learner_of_project(project: Project, images: Images, inputs: TrainingInputs) -> AnyLearner:
    """Return what learns in a project. Raises as `rounds.learner_of`."""
    names = tuple(c.name for c in project.classes)
    return learner_of(
        project.settings.learner, project.settings.augmentation, images, names, inputs
    )


def last_model(folder: Path, project: Project, previous: RoundSummary | None) -> Path | None:
    """Return the checkpoint of the round before, if there is one that later classes extend."""
    if previous is None or previous.checkpoint is None:
        return None
    known = class_ids_of(project, previous)
    if known != tuple(c.id for c in project.classes[: len(known)]):
        return None  # its outputs stand for other classes now
    return folder / previous.checkpoint


def smaller_minibatch(job: Job) -> tuple[int | None, str | None]:
    """Return a smaller minibatch, and why, for a job whose process has died before.

    A system that is out of memory mostly ends the process without a word.
    """
    if not job.failures:
        return None, None
    size = max(LEAST, USUAL >> job.failures)
    return size, f"its process had died, as for want of memory: {size} images per minibatch"


def _fits(weights: Pretrained, project: Project) -> bool:
    """Tell whether a network of a project can begin with weights of a pretraining."""
    settings = project.settings
    if weights.network != settings.learner.network:
        return False
    alike = (weights.channels, weights.resolution) == (project.channels, settings.resolution)
    return alike or weights.network in BACKBONES
