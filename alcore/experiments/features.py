"""Owns what an experiment's learners see besides pixels: an array, embeddings, or features.

n rows asked for, N images of the data set, D features, K directions.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from alcore.config import LearnerRule, Precision
from alcore.errors import CheckpointMismatch, InvalidSettings
from alcore.experiments.data import DataSpec
from alcore.experiments.learners import LearnerSpec
from alcore.experiments.trials import TrialData
from alcore.feature_space import FeaturePoints, FeatureSpace
from alcore.learner.costs import features_layers, features_side
from alcore.records import Features as Extracted
from alcore.rounds.features import Features, of_pixels
from alcore.rounds.values import Images

_BLOCK = 64
"""Images that an extractor sees at a time."""


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


@dataclass(frozen=True)
class Extraction:
    """How features are computed, and where they are kept."""

    rule: LearnerRule
    threads: int
    precision: Precision
    folder: Path


def points_of(extraction: Extraction, data: DataSpec, trial: TrialData) -> FeaturePoints:
    """Return what learners see of an extractor's features of a trial's images, (N, K).

    The images of the data set are looked at once, those that a trial made once per trial; both
    are kept in the folder. Raises WeightsUnavailable and CheckpointMismatch.
    """
    given = len(trial.pixels) - trial.copies
    changed = f"{data.noise}-{trial.seed}" if data.noise else ""
    paths = [_extracted(extraction, data, trial.pixels[:given], changed)]
    if trial.copies:
        of_trial = f"{data.duplicates}-{data.items}-{data.long_tail}-{data.holdout}-{trial.seed}"
        paths.append(_extracted(extraction, data, trial.pixels[given:], f"{of_trial}-{data.noise}"))
    return _points(trial, tuple(paths))


@lru_cache(maxsize=2)
def _points(trial: TrialData, paths: tuple[Path, ...]) -> FeaturePoints:
    parts = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
    features = parts[0] if len(parts) == 1 else np.concatenate(parts)
    about = Extracted(**json.loads(paths[0].with_suffix(".json").read_bytes()))
    space = FeatureSpace.of(features, trial.pool)
    return FeaturePoints(about, space.points(features), space)


def _extracted(extraction: Extraction, data: DataSpec, pixels: np.ndarray, changed: str) -> Path:
    """Let the extractor look at images once; return the file (n, D) float16, with a .json beside.

    changed: what made these images different from those of the data set.
    """
    rule, precision = extraction.rule, extraction.precision
    weights = Path(rule.extractor_file).read_bytes() if rule.extractor_file else b""
    digest = blake2b(weights, digest_size=8).hexdigest()
    layers = features_layers(rule.extractor, rule.extractor_file)
    what = "/".join([data.key, rule.extractor, digest, layers, precision, changed])
    name = blake2b(what.encode(), digest_size=8).hexdigest()
    path = extraction.folder / f"features-{name}.npy"
    if path.exists():
        return path
    from alcore.learner import device, extractors  # brings torch

    started = time.monotonic()
    downloads = extraction.folder / "downloads"
    extractor = extractors.build(rule.extractor, rule.extractor_file, downloads)
    resolution = pixels.shape[1]
    side = extractor.side or features_side([resolution])
    with device.computing(0, extraction.threads, precision):
        blocks = [
            extractors.extract(extractor, np.array(images), side).astype(np.float16)
            for images in np.array_split(pixels, -(-len(pixels) // _BLOCK))
        ]
        about = Extracted(
            extractor=extractor.name,
            source=extractor.source,
            license=extractor.license,
            side=side,
            resolution=resolution,
            images=len(pixels),
            seconds=time.monotonic() - started,
            arithmetic=extractors.arithmetic(),
            created_at=time.time(),
            layers=extractor.layers,
        )
    path.with_suffix(".json").write_text(json.dumps(asdict(about)))
    part = path.with_suffix(f".{os.getpid()}.part.npy")
    np.save(part, np.concatenate(blocks), allow_pickle=False)
    part.replace(path)
    return path


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
