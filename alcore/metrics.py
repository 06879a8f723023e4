"""Owns every number that says how good a model is: pure functions over NumPy arrays.

Accuracies and probabilities are 0–1, likelihoods in nats. M items, C classes. Predicted and
true classes are positions 0 … C − 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alcore.records import Evaluation

RELIABILITY_BINS = 15
_SMALLEST = 1e-12
"""Probabilities below this count as this, so that a sure mistake costs 27.6 nats, not infinity."""


def accuracy(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the share of items whose predicted class (M,) is the true one (M,).

    >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
    0.75
    """
    return float(np.mean(predicted == true))


def wilson(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval (low, high) of a share; 95 % by default.

    With n = 0 nothing is known: (0, 1). Wilson 1927.

    >>> tuple(round(v, 4) for v in wilson(8, 10))
    (0.4902, 0.9433)
    """
    if n == 0:
        return 0.0, 1.0
    share = correct / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # Rounding alone can put an end on the wrong side of a share of 0 or 1.
    return max(0.0, min(share, float(middle - half))), min(1.0, max(share, float(middle + half)))


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return (C, C) int64 counts; row = true class, column = predicted class.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    cells = np.asarray(true, np.int64) * n_classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def per_class(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1, each (C,), of a confusion matrix; 0 where undefined."""
    hits = np.diag(confusion).astype(np.float64)
    predicted, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return (
        _ratio(hits, predicted),
        _ratio(hits, support),
        _ratio(2 * hits, predicted + support),
    )


def macro_f1(confusion: np.ndarray) -> float:
    """Return the mean F1 over the classes that occur among the true classes; 0 for none."""
    f1 = per_class(confusion)[2][confusion.sum(axis=1) > 0]
    return float(f1.mean()) if len(f1) else 0.0


def macro_f1_interval(confusion: np.ndarray, z: float = 1.959964) -> tuple[float, float] | None:
    """Return the interval (low, high) of `macro_f1`, 95 % by default; None for no items.

    Delta method over a multinomial confusion matrix (C, C); too narrow where a class has only a
    few items. Takahashi et al. 2022, "Confidence interval for micro-averaged F1 and
    macro-averaged F1 scores".

    >>> low, high = macro_f1_interval(np.array([[40, 10], [10, 40]]))
    >>> round(low, 3), round(high, 3)
    (0.722, 0.878)
    """
    n = int(confusion.sum())
    if n == 0:
        return None
    p = confusion / n
    sums = p.sum(axis=0) + p.sum(axis=1)
    f1 = _ratio(2 * np.diag(p), sums)
    occurs = confusion.sum(axis=1) > 0
    slope = np.where(occurs, _ratio(f1, sums), 0.0)
    gradient = -(slope[:, None] + slope[None, :])
    gradient += np.diag(np.where(occurs, _ratio(np.full_like(f1, 2.0), sums), 0.0))
    gradient /= occurs.sum()
    variance = float((p * gradient**2).sum() - (p * gradient).sum() ** 2) / n
    half = z * max(0.0, variance) ** 0.5
    middle = macro_f1(confusion)
    return max(0.0, middle - half), min(1.0, middle + half)


def negative_log_likelihood(probabilities: np.ndarray, true: np.ndarray) -> float:
    """Return the mean of −ln p(true class) in nats; probabilities (M, C), true (M,)."""
    hit = probabilities[np.arange(len(true)), true].astype(np.float64)
    return float(-np.log(np.maximum(hit, _SMALLEST)).mean())


@dataclass(frozen=True)
class Reliability:
    """Accuracy against confidence in equal bins over 0–1; empty bins hold 0.

    edges (B + 1,), counts (B,) int64, confidence (B,) and accuracy (B,) means within the bin.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability(
    probabilities: np.ndarray, true: np.ndarray, bins: int = RELIABILITY_BINS
) -> Reliability:
    """Return how often predictions of each confidence are right, for a reliability diagram.

    A confidence on an edge belongs to the bin below it, so that 1.0 has a bin.
    """
    return reliability_of(probabilities.max(axis=1), probabilities.argmax(axis=1) == true, bins)


def reliability_of(
    confidence: np.ndarray, right: np.ndarray, bins: int = RELIABILITY_BINS
) -> Reliability:
    """Return the same of confidences (M,) and whether each prediction was right (M,) bool."""
    confidence = np.asarray(confidence, np.float64)
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(index, minlength=bins)
    return Reliability(
        edges,
        counts,
        _ratio(np.bincount(index, confidence, bins), counts),
        _ratio(np.bincount(index, right, bins), counts),
    )


def expected_calibration_error(
    probabilities: np.ndarray, true: np.ndarray, bins: int = RELIABILITY_BINS
) -> float:
    """Return the mean |accuracy − confidence| over equal bins, weighted by items.

    Guo et al. 2017, "On calibration of modern neural networks".
    """
    diagram = reliability(probabilities, true, bins)
    gaps = np.abs(diagram.accuracy - diagram.confidence)
    return float((diagram.counts * gaps).sum() / max(1, diagram.counts.sum()))


def cohen_kappa(first: np.ndarray, second: np.ndarray, n_classes: int) -> float:
    """Return the agreement of two predictions (M,) beyond chance, −1 … 1.

    Exactly 1 where both say the same of all items. Cohen 1960.

    >>> cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2)
    0.5
    """
    table = confusion_matrix(first, second, n_classes) / len(first)
    observed = float(np.trace(table))
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return 1.0 if np.array_equal(first, second) else (observed - chance) / (1 - chance)


def mean_normalised_entropy(probabilities: np.ndarray) -> float:
    """Return the mean entropy of (M, C) over the largest possible, ln C: 0 sure, 1 no idea."""
    p = np.asarray(probabilities, np.float64)
    logs = np.log(p, where=p > 0, out=np.zeros_like(p))
    return float(-(p * logs).sum(axis=1).mean() / np.log(p.shape[1]))


def area_under_curve(labels: np.ndarray, values: np.ndarray, log: bool = False) -> float:
    """Return the area under a learning curve over its width, so that it is a mean value (AULC).

    labels (T,) strictly increasing, values (T,); with `log` on ln labels. One point is its own
    area.

    >>> area_under_curve(np.array([10, 20, 40]), np.array([0.0, 1.0, 1.0]))
    0.8333333333333334
    """
    x = np.asarray(labels, np.float64)
    y = np.asarray(values, np.float64)
    if len(x) == 0 or len(x) != len(y):
        raise ValueError(f"{len(x)} label counts and {len(y)} values; must be as many, at least 1")
    if np.any(np.diff(x) <= 0) or (log and x[0] <= 0):
        raise ValueError("label counts must go up, and be above 0 on a log scale")
    if len(x) == 1:
        return float(y[0])
    if log:
        x = np.log(x)
    return float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum() / (x[-1] - x[0]))


def evaluate(probabilities: np.ndarray, true: np.ndarray, n_classes: int) -> Evaluation:
    """Measure probabilities (M, C) against true class positions (M,) int64.

    M = 0 gives an Evaluation that says so and holds nothing else.
    """
    n = len(true)
    if n == 0:
        return Evaluation(n=0)
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(true, predicted, n_classes)
    precision, recall, _ = per_class(confusion)
    correct = int(np.trace(confusion))
    return Evaluation(
        n=n,
        accuracy=correct / n,
        interval=wilson(correct, n),
        macro_f1=macro_f1(confusion),
        nll=negative_log_likelihood(probabilities, true),
        ece=expected_calibration_error(probabilities, true),
        precision=tuple(precision.tolist()),
        recall=tuple(recall.tolist()),
        support=tuple(confusion.sum(axis=1).tolist()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    top = np.asarray(top, np.float64)
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
