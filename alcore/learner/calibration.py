"""Owns calibrated probabilities: a temperature found with labels that a model has not seen.

Guo et al. 2017, "On calibration of modern neural networks". L labels, C classes. The holdout
plays no part: a label is asked of a model that learned without it (cross-fitting).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alcore.config import CALIBRATED_FROM

FOLDS = 3
_PRIOR = 0.25
"""Deviation of ln temperature that is expected anyway; it tames what few labels say."""
_RANGE = (0.05, 20.0)
_TOLERANCE = 1e-4
"""Of ln temperature."""
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Temperature:
    """A temperature, and how many labels were asked for it."""

    temperature: float
    labels: int


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(ln p / temperature) of probabilities (…, C), of the same type.

    >>> temper(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    if temperature == 1:
        return probabilities
    logs = np.log(np.maximum(probabilities, _SMALLEST, dtype=np.float64)) / temperature
    shares = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return (shares / shares.sum(axis=-1, keepdims=True)).astype(probabilities.dtype)


def temperature_of(probabilities: np.ndarray, true: np.ndarray) -> float:
    """Return the temperature under which probabilities (n, C) fit the classes (n,) best.

    The least mean −ln p(true class), with a little faith in 1 where there are few labels.
    """
    from scipy.optimize import minimize_scalar  # not in the web process

    logs = np.log(np.maximum(probabilities, _SMALLEST, dtype=np.float64))
    own = logs[np.arange(len(true)), true]

    def cost(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        misfit = float((total - own / np.exp(log_temperature)).sum())
        return misfit + 0.5 * (log_temperature / _PRIOR) ** 2

    low, high = np.log(_RANGE)
    least = minimize_scalar(cost, bounds=(low, high), options={"xatol": _TOLERANCE})
    return float(np.exp(least.x))


def are_enough(labels: int) -> bool:
    """Tell whether so many labels, of models that have not seen them, can give a temperature."""
    return labels >= CALIBRATED_FROM


def folds(labels: np.ndarray, rng: np.random.Generator, count: int = FOLDS) -> np.ndarray:
    """Deal labels (L,) into folds, each class evenly; returns (L,) int64.

    The only label of a class is in no fold, -1: nobody could learn the class without it.
    """
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % count
    alone = np.bincount(labels)[labels] == 1 if len(labels) else np.zeros(0, bool)
    fold[alone] = -1
    return fold


def from_answers(
    probabilities: np.ndarray, labels: np.ndarray, fold: np.ndarray
) -> Temperature | None:
    """Find a temperature by answers (L, C) about labels (L,) that were dealt into folds (L,).

    Each answer comes from a model that was trained without its fold. None where too few labels
    are in a fold.
    """
    in_fold = fold >= 0
    if not are_enough(in_fold.sum()):
        return None
    return Temperature(temperature_of(probabilities[in_fold], labels[in_fold]), int(in_fold.sum()))
