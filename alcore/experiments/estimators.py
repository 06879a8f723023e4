"""Owns a round with a learner that has scikit-learn's interface.

Strategies and measures are those of `alcore.rounds`; the model is another, and torch stays away.
N items, L labels, P candidates, C classes, D features.
"""

from __future__ import annotations

import importlib
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alcore import metrics, strategies
from alcore.errors import InvalidSettings, TrainingImpossible
from alcore.experiments.features import Features
from alcore.experiments.learners import ESTIMATORS, SCALED, LearnerSpec
from alcore.experiments.trials import rng
from alcore.records import Evaluation, Selection, StopSignals
from alcore.strategies import Context, Signals

_BLOCK = 4096
_MEMBERS = 5
_FOLDS = 3


@dataclass(frozen=True)
class Measured:
    """What a round found, whichever learner it had."""

    evaluation: Evaluation
    stop: StopSignals
    selection: Selection
    uncertainty: tuple[int, ...]
    batch_per_class: tuple[int, ...]
    stop_predicted: np.ndarray
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    minibatches: int = 0
    """Estimators say what they say."""


def run_round(given: Any, spec: LearnerSpec, features: Features) -> Measured:
    """Do what `alcore.rounds.run_round` does with an estimator; `given` has RoundInput's fields."""
    import sklearn
    from threadpoolctl import threadpool_limits

    classes = len(given.class_names)
    seed = int(rng(given.seed, f"weights {given.round_number}").integers(2**32 - 100))
    seconds: dict[str, float] = {}
    with threadpool_limits(given.threads):
        started = time.perf_counter()
        labeled = features(given.labeled_ids)
        model = _fit(spec, labeled, given.labels, seed)
        seconds["train"] = time.perf_counter() - started

        started = time.perf_counter()
        held = _predict(model, features, given.holdout_ids, classes)
        evaluation = metrics.evaluate(held, given.holdout_labels, classes)
        seconds["evaluate"] = time.perf_counter() - started

        started = time.perf_counter()
        taken = np.concatenate([given.labeled_ids, given.holdout_ids])
        ids = given.candidate_ids[~np.isin(given.candidate_ids, taken)]
        both = np.union1d(ids, given.stop_ids)
        pool = _predict(model, features, both, classes)
        probabilities = pool[np.searchsorted(both, ids)]
        stop_predicted = pool[np.searchsorted(both, given.stop_ids)].argmax(axis=1)
        signals = _signals(given, spec, features, model, ids, probabilities, held, labeled, seed)
        seconds["score"] = time.perf_counter() - started

        started = time.perf_counter()
        selection = strategies.select(
            given.strategy,
            signals,
            ids,
            min(max(given.batch_size, given.queue_size), len(ids)),
            rng(given.seed, f"select {given.round_number}"),
            given.strategy_options,
            Context(given.class_names, given.labels, given.round_number, given.votes),
            given.batch_size,
        )
        seconds["select"] = time.perf_counter() - started
    top = np.sort(probabilities, axis=1)
    margins = 1 - (top[:, -1] - top[:, -2])
    batch = selection.item_ids[: given.batch_size]
    fresh = batch[np.isin(batch, both)]
    predicted = pool[np.searchsorted(both, fresh)].argmax(axis=1)
    kappa = changed = None
    previous = given.previous_stop
    if previous is not None and len(previous) == len(stop_predicted) > 0:
        kappa = metrics.cohen_kappa(previous, stop_predicted, classes)
        changed = float(np.mean(previous != stop_predicted))
    entropy = metrics.mean_normalised_entropy(probabilities) if len(ids) else None
    return Measured(
        evaluation=evaluation,
        stop=StopSignals(kappa, changed, entropy),
        selection=selection,
        uncertainty=tuple(np.histogram(margins.clip(0, 1), 20, (0.0, 1.0))[0].tolist()),
        batch_per_class=tuple(np.bincount(predicted, minlength=classes).tolist()),
        stop_predicted=stop_predicted.astype(np.int64),
        seconds=seconds,
        versions={
            "python": platform.python_version(),
            "numpy": np.__version__,
            "sklearn": sklearn.__version__,
            "device": "cpu",
        },
    )


def _fit(spec: LearnerSpec, features: np.ndarray, labels: np.ndarray, seed: int) -> Any:
    if len(np.unique(labels)) < 2:
        raise TrainingImpossible(f"{len(labels)} labels of one class; a model needs at least 2")
    return build(spec, seed).fit(features, labels)


def build(spec: LearnerSpec, seed: int) -> Any:
    """Return a fresh estimator; raises InvalidSettings for one that cannot be had or used."""
    given = spec.all_options
    named = given["estimator"]
    dotted, defaults = ESTIMATORS.get(named, (named, {}))
    module, _, name = dotted.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidSettings(f"there is no estimator {dotted!r}: {error}") from error
    if not isinstance(kind, type) or not (hasattr(kind, "fit") and hasattr(kind, "predict_proba")):
        raise InvalidSettings(
            f"{dotted!r} has no fit and predict_proba; name a classifier with scikit-learn's "
            "interface that gives probabilities"
        )
    try:
        estimator = kind(**{**defaults, **given["settings"]})
    except TypeError as error:
        raise InvalidSettings(f"the estimator {named!r} does not take this: {error}") from error
    has = estimator.get_params() if hasattr(estimator, "get_params") else {}
    if "random_state" in has and "random_state" not in given["settings"]:
        estimator.set_params(random_state=seed)
    if named in SCALED:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), estimator)
    return estimator


def _predict(model: Any, features: Features, rows: np.ndarray, classes: int) -> np.ndarray:
    """Return probabilities (n, C) float32; classes that the model has not seen get 0."""
    found = np.zeros((len(rows), classes), np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = model.predict_proba(features(rows[start : start + _BLOCK]))
        found[start : start + _BLOCK, model.classes_] = part
    return found


def _signals(
    given: Any,
    spec: LearnerSpec,
    features: Features,
    model: Any,
    ids: np.ndarray,
    probabilities: np.ndarray,
    held: np.ndarray,
    labeled: np.ndarray,
    seed: int,
) -> Signals:
    """Compute what the strategy needs, of that which an estimator can tell."""
    needs = strategies.needed(given.strategy, given.strategy_options)
    classes = probabilities.shape[1]
    found: dict[str, Any] = {"probabilities": probabilities, "labeled_ids": given.labeled_ids}
    if "logits" in needs:
        found["logits"] = _logs(probabilities)
    if "holdout_logits" in needs:
        found["holdout_logits"] = _logs(held)
    if "embeddings" in needs:
        found |= {"embeddings": features(ids), "labeled_embeddings": labeled}
    if "labeled_probabilities" in needs:
        found["labeled_probabilities"] = _predict(model, features, given.labeled_ids, classes)
    drawn = np.random.default_rng(seed)
    if "committee" in needs:
        members = []
        for member in range(_MEMBERS):
            bag = drawn.integers(len(labeled), size=len(labeled))
            if len(np.unique(given.labels[bag])) < 2:
                bag = np.arange(len(labeled))
            one = _fit(spec, labeled[bag], given.labels[bag], seed + member + 1)
            members.append(_predict(one, features, ids, classes))
        found["committee"] = np.stack(members, axis=1)
    if "crossfit" in needs:
        fold = drawn.permutation(len(labeled)) % _FOLDS
        mean = np.zeros_like(probabilities)
        unseen = np.zeros((len(labeled), classes), np.float32)
        for k in range(_FOLDS):
            kept = fold != k
            if len(np.unique(given.labels[kept])) < 2:
                kept = np.ones(len(labeled), bool)
            one = _fit(spec, labeled[kept], given.labels[kept], seed)
            mean += _predict(one, features, ids, classes) / _FOLDS
            out = given.labeled_ids[fold == k]
            unseen[fold == k] = _predict(one, features, out, classes)
        found |= {"crossfit": mean, "labeled_crossfit": unseen}
    return Signals(**found)


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities, 1e-6))
