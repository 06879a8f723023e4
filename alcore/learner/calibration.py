"""Owns calibrated probabilities: a temperature found with labels that a model has not seen.

Guo et al. 2017, "On calibration of modern neural networks". L labels, C classes. The holdout
plays no part: a label is asked of a model that learned without it (cross-fitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alcore.config import CALIBRATED_FROM

FOLDS = 3
_PRIOR = 0.25
"""Deviation of ln temperature that is expected anyway; it tames what few labels say."""
_SHARE_PRIOR = 0.25
"""Deviation of a candidate's share that is expected anyway."""
_LEAST_WEIGHT = 1e-3
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


def mix(probabilities: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return the mixture (n, C) of what candidates say, (K, n, C): softmax(Σ share · ln p).

    A single candidate's answers stay as they are.
    """
    if len(probabilities) == 1:
        return probabilities[0]
    logs = np.log(np.maximum(probabilities, _SMALLEST, dtype=np.float64))
    mixture = np.exp(_normalised(np.tensordot(np.asarray(shares), logs, 1)))
    return mixture.astype(probabilities.dtype)


def mixture_of(
    probabilities: np.ndarray, true: np.ndarray, expected: Sequence[float]
) -> tuple[tuple[float, ...], float]:
    """Return the shares (K,) and the temperature that make candidates fit the classes (n,) best.

    probabilities (K, n, C) of candidates that have not seen the labels. Shares add up to 1. What
    few labels say is held against the shares that are expected of such candidates, (K,).
    """
    from scipy.optimize import minimize  # not in the web process

    count = len(probabilities)
    if count == 1:
        return (1.0,), temperature_of(probabilities[0], true)
    logs = np.log(np.maximum(probabilities, _SMALLEST, dtype=np.float64))
    rows, middle = np.arange(len(true)), np.asarray(expected, np.float64)

    def cost(weights: np.ndarray) -> tuple[float, np.ndarray]:
        log_mixture = _normalised(np.tensordot(weights, logs, 1))
        shares, total = weights / weights.sum(), weights.sum()
        errors = np.exp(log_mixture)
        errors[rows, true] -= 1
        slope = np.tensordot(logs, errors, 2)
        apart, heat = shares - middle, np.log(total)
        pull = (apart - shares @ apart) / total / _SHARE_PRIOR**2 + heat / total / _PRIOR**2
        penalty = 0.5 * (apart @ apart / _SHARE_PRIOR**2 + (heat / _PRIOR) ** 2)
        return float(penalty - log_mixture[rows, true].sum()), slope + pull

    least = minimize(cost, middle, jac=True, bounds=[(_LEAST_WEIGHT, None)] * count)
    weights = np.where(least.x <= 2 * _LEAST_WEIGHT, 0, least.x)
    shares = weights / weights.sum()
    temperature = float(np.clip(1 / weights.sum(), *_RANGE))
    return tuple(round(float(s), 4) for s in shares), temperature


def _normalised(logs: np.ndarray) -> np.ndarray:
    logs = logs - logs.max(axis=-1, keepdims=True)
    normal: np.ndarray = logs - np.log(np.exp(logs).sum(axis=-1, keepdims=True))
    return normal


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
