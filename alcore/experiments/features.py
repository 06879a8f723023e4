"""Owns what an experiment's estimators learn from: pixels, an array, or a network's embeddings.

n rows asked for, D features.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from alcore.errors import CheckpointMismatch, InvalidSettings
from alcore.experiments.data import DataSpec
from alcore.experiments.learners import LearnerSpec
from alcore.experiments.trials import TrialData
from alcore.rounds.features import Features, of_pixels
from alcore.rounds.values import Images


def features_of(
    spec: LearnerSpec, data: DataSpec, trial: TrialData, images: Images, folder: Path
) -> Features:
    """Return where a learner's features come from: pixels, an array, or a network's embeddings.

    A network embeds all images once; the embeddings are kept in the folder for later rounds.
    """
    path = spec.features_file()
    if path is None:
        return of_pixels(images)
    if path.suffix == ".npy":
        if data.changes_pixels:
            raise InvalidSettings(
                f"{path} holds embeddings of the images as they are, but the data set "
                f"{data.title!r} has duplicates or noise; name a checkpoint instead"
            )
        embeddings = _array(path)
    else:
        embeddings = _array(_embedded(path, data, trial, folder))
    if len(embeddings) != len(trial.pixels):
        raise InvalidSettings(
            f"{path} has {len(embeddings):,} rows, but the data set {data.title!r} has "
            f"{len(trial.pixels):,} images; it needs a row for each, in their order"
        )
    return lambda rows: np.asarray(embeddings[rows], np.float32)


@lru_cache(maxsize=4)
def _array(path: Path) -> np.ndarray:
    try:
        features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"{path} is not an array of embeddings: {error}") from error
    if features.ndim != 2 or not np.issubdtype(features.dtype, np.floating):
        raise InvalidSettings(
            f"{path} has shape {features.shape} of {features.dtype}; "
            "must be images × features, floats"
        )
    return features


def _embedded(path: Path, data: DataSpec, trial: TrialData, folder: Path) -> Path:
    """Compute the embeddings of all images of a trial once; return the file they are in."""
    what = [data.key, blake2b(path.read_bytes(), digest_size=8).hexdigest()]
    if data.changes_pixels:
        what += [f"{data.duplicates}-{data.noise}-{data.items}-{data.long_tail}-{data.holdout}",
                 str(trial.seed)]  # fmt: skip
    name = blake2b("/".join(what).encode(), digest_size=8).hexdigest()
    where = Path(folder) / f"embeddings-{name}.npy"
    if not where.exists():
        from alcore.learner import inference

        rows = np.arange(len(trial.pixels))
        model = _network(path, trial)
        predictions = inference.predict(model, trial.pixels, rows, True, False, lambda done: None)
        beside = where.with_suffix(f".{trial.seed}.part.npy")
        np.save(beside, predictions.embedded(), allow_pickle=False)
        beside.replace(where)
    return where


def _network(path: Path, trial: TrialData) -> Any:
    """Read a trained model, or the weights of a pretraining, that embeds these images."""
    from alcore.learner import checkpoints, transfer
    from alcore.learner.architecture import Architecture
    from alcore.rounds.network import body

    try:
        model = checkpoints.load(path)
    except CheckpointMismatch as first:
        try:
            weights = transfer.load(path)
        except CheckpointMismatch:
            raise first from None
        model = body(weights, replace(weights.architecture, classes=2))
    theirs = model.architecture
    ours = Architecture(theirs.network, trial.channels, trial.pixels.shape[1], theirs.classes)
    if theirs != ours:
        raise CheckpointMismatch(
            f"{path.name} is for {theirs.channels}-channel images of {theirs.resolution} pixels; "
            f"these have {ours.channels} channels and {ours.resolution} pixels"
        )
    return model
