"""Owns what is read off learning curves of several trials: areas, labels to a target, savings.

R trials, T points of a curve. Label counts go up; values are accuracies or the like, 0–1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from alcore import metrics
from alcore.experiments.comparing import t_quantile

RESAMPLES = 2_000
_ROUNDING = 1e-12
"""A mean of equal values may differ from them by less than this."""

Bound = Literal["exact", "at least", "at most", "unknown"]


@dataclass(frozen=True)
class Saving:
    """How many times fewer labels a strategy needs than a baseline, for the same value."""

    factor: float | None
    """Labels of the baseline over labels of the strategy; None where neither got there."""
    bound: Bound
    """"at least" where the baseline never got there, "at most" where the strategy did not."""
    low: float | None
    high: float | None
    """95 % interval over trials; 0 and infinity where the trials bound it on one side only, None
    for one trial."""
    target: float
    baseline_labels: float | None
    strategy_labels: float | None
    trials: int


def areas(labels: np.ndarray, values: np.ndarray, log: bool = False) -> np.ndarray:
    """Return the area under each of the curves (R, T) over labels (T,), each a mean value (R,)."""
    return np.array([metrics.area_under_curve(labels, row, log) for row in values])


def monotone(values: np.ndarray) -> np.ndarray:
    """Return the best value so far along the last axis.

    >>> monotone(np.array([0.2, 0.1, 0.4])).tolist()
    [0.2, 0.2, 0.4]
    """
    return np.maximum.accumulate(np.asarray(values, np.float64), axis=-1)


def labels_to_target(labels: np.ndarray, values: np.ndarray, target: float) -> float | None:
    """Return the labels (T,) at which a curve (T,), made monotone, reaches a value.

    Linear between points; None where it is never reached.

    >>> labels_to_target(np.array([10, 20, 30]), np.array([0.0, 0.5, 0.4]), 0.25)
    15.0
    """
    reached = float(_reached(labels, monotone(values)[None], np.array([target]))[0])
    return None if math.isinf(reached) else reached


def _reached(labels: np.ndarray, best: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the labels (B,) at which monotone curves (B, T) reach targets (B,); ∞ for never."""
    place = (best < (targets - _ROUNDING)[:, None]).sum(axis=1)
    right = np.minimum(place, len(labels) - 1)
    left = np.maximum(right - 1, 0)
    every = np.arange(len(best))
    low, high = best[every, left], best[every, right]
    rise = np.where(high > low, high - low, 1.0)
    between = labels[left] + (targets - low) / rise * (labels[right] - labels[left])
    crossing = np.where(place == 0, labels[0], between)
    return np.where(place == best.shape[1], math.inf, crossing)


def saving(
    labels: np.ndarray,
    baseline: np.ndarray,
    strategy: np.ndarray,
    rng: np.random.Generator,
    target: float | None = None,
    resamples: int = RESAMPLES,
) -> Saving:
    """Return the label-saving factor of paired trials, with its bootstrap interval.

    labels (T,), baseline and strategy (R, T): row r of both is trial r. The factor is that of
    the mean curves, made monotone. Without a target it is what the baseline reaches at the end,
    anew in every resample. Trials are drawn in pairs, with replacement; a resample in which one
    of them does not get there bounds the interval on one side only, so the interval is never
    narrower than what was seen.
    """
    baseline, strategy = np.atleast_2d(baseline), np.atleast_2d(strategy)
    trials, last = len(baseline), labels[-1]
    shares = np.zeros((1 + resamples, trials))  # of each trial: all as they are, then resamples
    shares[0] = 1 / trials
    draws = rng.integers(trials, size=(resamples, trials))
    np.add.at(shares, (np.arange(1, 1 + resamples)[:, None], draws), 1 / trials)
    first, second = monotone(shares @ baseline), monotone(shares @ strategy)
    goals = first[:, -1] if target is None else np.full(len(shares), float(target))
    spent, needed = _reached(labels, first, goals), _reached(labels, second, goals)
    ratios = np.minimum(spent, last) / np.minimum(needed, last)
    lows, highs = np.where(np.isinf(needed), 0, ratios), np.where(np.isinf(spent), math.inf, ratios)
    never, they_never = math.isinf(spent[0]), math.isinf(needed[0])
    bound: Bound = "exact"
    if never or they_never:
        bound = "unknown" if never and they_never else "at least" if never else "at most"
    return Saving(
        factor=None if bound == "unknown" else float(ratios[0]),
        bound=bound,
        low=None if trials < 2 else float(np.sort(lows[1:])[math.floor(0.025 * (resamples - 1))]),
        high=None if trials < 2 else float(np.sort(highs[1:])[math.ceil(0.975 * (resamples - 1))]),
        target=float(goals[0]),
        baseline_labels=None if never else float(spent[0]),
        strategy_labels=None if they_never else float(needed[0]),
        trials=trials,
    )


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high (T,) of curves (R, T): the 95 % interval of the mean over trials.

    Student's t over the trials; one trial has no spread, and NaN for low and high.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    mean = values.mean(axis=0)
    if len(values) < 2:
        nothing = np.full_like(mean, np.nan)
        return mean, nothing, nothing
    half = t_quantile(len(values) - 1) * values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return mean, mean - half, mean + half
