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
    low: float
    high: float
    """95 % interval over trials; 0 and infinity where the trials bound it on one side only."""
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
    best = monotone(values)
    place = int(np.searchsorted(best, target - _ROUNDING))
    if place == len(best):
        return None
    if place == 0:
        return float(labels[0])
    left, right = best[place - 1], best[place]
    share = (target - left) / (right - left)
    return float(labels[place - 1] + share * (labels[place] - labels[place - 1]))


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
    trials = len(baseline)

    def factor(rows: np.ndarray) -> tuple[float, float, float | None, float | None, float]:
        first, second = monotone(baseline[rows].mean(axis=0)), strategy[rows].mean(axis=0)
        goal = first[-1] if target is None else target
        spent = labels_to_target(labels, first, goal)
        needed = labels_to_target(labels, second, goal)
        ratio = (labels[-1] if spent is None else spent) / (
            labels[-1] if needed is None else needed
        )
        low = 0.0 if needed is None else float(ratio)
        high = math.inf if spent is None else float(ratio)
        return low, high, spent, needed, float(goal)

    low, high, spent, needed, goal = factor(np.arange(trials))
    drawn = [factor(rng.integers(trials, size=trials))[:2] for _ in range(resamples)]
    lows, highs = np.sort(np.array(drawn, np.float64), axis=0).T
    bound: Bound = "exact"
    if spent is None or needed is None:
        bound = "unknown" if spent is needed else "at least" if spent is None else "at most"
    value = {"exact": high, "at least": low, "at most": high, "unknown": None}[bound]
    return Saving(
        factor=value,
        bound=bound,
        low=float(lows[math.floor(0.025 * (resamples - 1))]),
        high=float(highs[math.ceil(0.975 * (resamples - 1))]),
        target=goal,
        baseline_labels=spent,
        strategy_labels=needed,
        trials=trials,
    )


def band(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, low and high (T,) of curves (R, T): the 95 % interval of the mean over trials.

    Student's t over the trials; one trial has no spread, and its band is the curve itself.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    mean = values.mean(axis=0)
    if len(values) < 2:
        return mean, mean, mean
    half = t_quantile(len(values) - 1) * values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return mean, mean - half, mean + half
